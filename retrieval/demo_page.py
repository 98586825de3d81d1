"""The demo's page: one file with pictures, players and the plane, that needs nothing beside it."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path

from core.artefacts import written_aside
from core.errors import printable
from retrieval.demo import Scene
from retrieval.forms import clock
from retrieval.plane import MOODS, mood_word
from retrieval.results import Asked, Result

_TEMPLATE = Path(__file__).with_name("demo_page.html")
_LONG_SIDE = 420
_MIME = {
    ".opus": "audio/ogg",
    ".ogg": "audio/ogg",
    ".mp3": "audio/mpeg",
    ".flac": "audio/flac",
    ".wav": "audio/wav",
}


def write_demo_page(path: Path, scenes: Sequence[Scene]) -> None:
    """Write the page.

    Args:
        path: Where to.
        scenes: Questions with one seed each.

    Raises:
        OSError: The page cannot be written.
    """
    sections = "\n".join(_section(scene) for scene in scenes)
    with written_aside(path) as aside:
        aside.write_text(
            _TEMPLATE.read_text(encoding="utf-8").replace("{sections}", sections), encoding="utf-8"
        )


def _section(scene: Scene) -> str:
    asked = scene.answer.query[0]
    of_music = asked.kind == "music"
    cards = [_picture(result) if of_music else _song(result) for result in scene.answer.results]
    return f"""
<section>
  <div class="ask">
    <h2>{html.escape(scene.title)}</h2>
    {_asked_media(asked, scene.name)}
    {_plane(asked, scene.answer.results)}
  </div>
  <div class="{"pictures" if of_music else "songs"}">{"".join(cards)}</div>
</section>"""


def _asked_media(asked: Asked, name: str) -> str:
    path = asked.path or ""
    feels = mood_word(asked.affect) if asked.affect else ""
    caption = f"<p>{html.escape(name)} <b>feels {feels}</b></p>"
    if asked.kind == "music":
        return f'<audio controls preload="metadata" src="{_audio(path)}"></audio>{caption}'
    return f'<img src="{_thumbnail(path)}" alt="the picture that is asked with">{caption}'


def _picture(result: Result) -> str:
    return (
        f'<figure><img loading="lazy" src="{_thumbnail(result.path)}" alt="answer {result.rank}">'
        f"<figcaption>{result.score:.0%} · {mood_word(result.affect)}</figcaption></figure>"
    )


def _song(result: Result) -> str:
    start = 0.0 if result.moment is None else result.moment.start_s
    source = _audio(result.path)
    return (
        f'<div class="song"><div><b>{result.score:.0%}</b> {_name(result.path, result.title)}'
        f"<span>{mood_word(result.affect)}, best from {clock(start)}</span></div>"
        f'<audio controls preload="metadata" data-start="{start:.1f}" src="{source}"></audio></div>'
    )


def _plane(asked: Asked, results: Sequence[Result]) -> str:
    """Draw the valence–arousal plane: the question as a ring, the answers as dots."""
    words = "".join(
        f'<text x="{_x(valence):.0f}" y="{_y(arousal):.0f}">{word}</text>'
        for word, (valence, arousal) in MOODS.items()
        if word != "neutral"
    )
    dots = "".join(_circle("answer", result.affect.valence, result.affect.arousal, 4) for result in results)
    ring = _circle("asked", asked.valence, asked.arousal, 7)
    return (
        '<svg viewBox="0 0 240 180" role="img" aria-label="valence and arousal of question and answers">'
        '<path d="M120 8V172M8 90H232"/>'
        f'{words}{dots}{ring}<text class="axis end" x="236" y="101">pleasant</text>'
        '<text class="axis start" x="124" y="14">lively</text></svg>'
    )


def _circle(role: str, valence: float, arousal: float, radius: int) -> str:
    return f'<circle class="{role}" cx="{_x(valence):.1f}" cy="{_y(arousal):.1f}" r="{radius}"/>'


def _x(valence: float) -> float:
    return 120 + 112 * max(-1.0, min(1.0, valence))


def _y(arousal: float) -> float:
    return 90 - 82 * max(-1.0, min(1.0, arousal))


def _name(path: str, title: str | None) -> str:
    return html.escape(title or printable(Path(path).name))


def _thumbnail(path: str) -> str:
    from PIL import Image, ImageOps

    with Image.open(path) as image:
        small = ImageOps.exif_transpose(image).convert("RGB")
    small.thumbnail((_LONG_SIDE, _LONG_SIDE))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=82)
    return _data_uri("image/jpeg", buffer.getvalue())


def _audio(path: str) -> str:
    return _data_uri(
        _MIME.get(Path(path).suffix.lower(), "application/octet-stream"), Path(path).read_bytes()
    )


def _data_uri(mime: str, content: bytes) -> str:
    return f"data:{mime};base64,{base64.b64encode(content).decode('ascii')}"
