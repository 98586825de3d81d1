"""Parts of HTML pages: embedded pictures and sound, the plane, a song's mood curve. All text is escaped."""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from attune.core.atomic_files import atomic_write
from attune.core.errors import AttuneError, MediaError, escape_path
from attune.embedding.image_decoding import decode_image
from attune.embedding.image_geometry import make_cover_spec
from attune.retrieval.answers import Answer, QueryEntry
from attune.retrieval.audio_clip import encode_mp3_clip
from attune.retrieval.mood import CurvePoint
from attune.retrieval.mood_words import MOODS
from attune.retrieval.render_text import NOT_THERE, format_time

STYLE = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
_QUALITY = 82
_MAX_INLINE_BYTES = 1_000_000  # smaller sound files of types that browsers play are embedded unchanged
_PLAYABLE_TYPES = {
    ".opus": "audio/ogg",
    ".ogg": "audio/ogg",
    ".mp3": "audio/mpeg",
    ".flac": "audio/flac",
    ".wav": "audio/wav",
}
_CURVE_WIDTH, _CURVE_HEIGHT = 240, 64


def write_from_template(path: Path, template: Path, parts: Mapping[str, str]) -> None:
    """Write a page: a template with its `{names}` replaced.

    Args:
        path: The HTML file.
        template: The template file; braces around other words are left unchanged.
        parts: HTML by name. Braces inside it are never replaced.

    Raises:
        AttuneError: The page cannot be written.
    """
    names = re.compile(r"\{(" + "|".join(map(re.escape, parts)) + r")\}")
    page = names.sub(lambda match: parts[match[1]], template.read_text(encoding="utf-8"))
    try:
        with atomic_write(path) as temporary:
            temporary.write_text(page, encoding="utf-8")
    except OSError as error:
        raise AttuneError(f"{escape_path(path)}: cannot be written ({error.strerror})") from error


def make_thumbnail(path: str, side: int) -> bytes:
    """Return a picture as an upright JPEG whose longer side has at most `side` pixels.

    Raises:
        MediaError: It cannot be read.
    """
    from PIL import Image

    small = Image.fromarray(decode_image(path, make_cover_spec(side, side)).pixels)
    small.thumbnail((side, side))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def picture_tag(path: str, side: int, alt: str) -> str:
    """Return an `img` element with the embedded picture, or a line with the reason if it cannot be read."""
    try:
        source = data_uri("image/jpeg", make_thumbnail(path, side))
    except MediaError as error:
        return f'<p class="lost">{html.escape(escape_path(path))}: {html.escape(error.reason)}</p>'
    return f'<img src="{source}" alt="{html.escape(alt)}" title="{html.escape(escape_path(path))}">'


def missing_tag(path: str) -> str:
    """Return the line that stands for the picture or the sound of a file that is not there now."""
    return f'<p class="lost">{html.escape(escape_path(path))}: {NOT_THERE}</p>'


def player_tag(path: str, start_s: float, length_s: float | None) -> str:
    """Return an audio player with embedded sound, or a line with the reason if the file cannot be read.

    Small files of types that browsers play are embedded unchanged, and the player begins at `start_s`. Any
    other file is embedded as an MP3 of an excerpt, with a line that tells where the excerpt begins.

    Args:
        path: The music file.
        start_s: Where playing begins, in seconds.
        length_s: Length of the excerpt in seconds; None: the whole song.
    """
    file = Path(path)
    mime = _PLAYABLE_TYPES.get(file.suffix.lower())
    try:
        if mime is not None and file.stat().st_size <= _MAX_INLINE_BYTES:
            return _player(data_uri(mime, file.read_bytes()), start_s)
        begin = 0.0 if length_s is None else start_s
        sound = encode_mp3_clip(path, begin, 3600.0 if length_s is None else length_s)
    except (MediaError, OSError) as error:
        reason = error.reason if isinstance(error, MediaError) else str(error.strerror)
        return f'<p class="lost">{html.escape(escape_path(path))}: {html.escape(reason)}</p>'
    note = "" if length_s is None else f'<p class="lost">an excerpt, from {format_time(begin)} on</p>'
    return _player(data_uri("audio/mpeg", sound), start_s - begin) + note


def _player(source: str, start_s: float) -> str:
    return f'<audio controls preload="metadata" data-start="{start_s:.1f}" src="{source}"></audio>'


def plane_svg(
    query: Sequence[QueryEntry], answers: Sequence[Answer], path: Sequence[tuple[float, float]] = ()
) -> str:
    """Draw the plane as SVG, everything at its place.

    Args:
        query: Drawn as rings.
        answers: Drawn as named dots.
        path: Places that a line joins; empty: no line.
    """
    words = "".join(
        f'<text x="{_x(valence):.0f}" y="{_y(arousal):.0f}">{word}</text>'
        for word, (valence, arousal) in MOODS.items()
        if word != "neutral"
    )
    dots = "".join(
        _circle("answer", answer.place, 4, f"{answer.rank}. {answer_name(answer)}") for answer in answers
    )
    rings = "".join(_circle("asked", entry.place, 7, "query") for entry in query)
    joined = " ".join(f"{_x(valence):.1f},{_y(arousal):.1f}" for valence, arousal in path)
    line = f'<polyline class="journey" points="{joined}"/>' if path else ""
    return (
        '<svg class="plane" viewBox="0 0 240 180" role="img"'
        ' aria-label="valence and arousal of the query and its answers">'
        '<path d="M120 8V172M8 90H232"/>'
        f'{words}{line}{dots}{rings}<text class="axis end" x="236" y="101">pleasant</text>'
        '<text class="axis start" x="124" y="14">lively</text></svg>'
    )


def curve_svg(curve: Sequence[CurvePoint]) -> str:
    """Draw the place of a song over time as SVG, its valence and its arousal from -1 (bottom) to 1 (top)."""
    end = max(curve[-1].end_s, 1.0)

    def line(role: str, values: Sequence[float]) -> str:
        points = " ".join(
            f"{(point.start_s + point.end_s) / 2 / end * _CURVE_WIDTH:.1f},"
            f"{(1 - max(-1.0, min(1.0, value))) / 2 * _CURVE_HEIGHT:.1f}"
            for point, value in zip(curve, values, strict=True)
        )
        return f'<polyline class="{role}" points="{points}"/>'

    return (
        f'<svg class="curve" viewBox="0 0 {_CURVE_WIDTH} {_CURVE_HEIGHT}" preserveAspectRatio="none"'
        f' role="img" data-seconds="{end:.1f}" aria-label="valence and arousal along the song">'
        f'<path d="M0 {_CURVE_HEIGHT / 2}H{_CURVE_WIDTH}"/>'
        f"{line('valence', [point.place[0] for point in curve])}"
        f"{line('arousal', [point.place[1] for point in curve])}"
        f'<path class="now" d="M0 0V{_CURVE_HEIGHT}"/></svg>'
        '<p class="key"><span class="valence">valence</span> <span class="arousal">arousal</span></p>'
    )


def answer_name(answer: Answer) -> str:
    """Return the display name of an answer: artist and title, or else the file's name; not HTML-escaped."""
    return answer.display_name or escape_path(Path(answer.path).name)


def data_uri(mime: str, content: bytes) -> str:
    """Return content as a base64 data URI."""
    return f"data:{mime};base64,{base64.b64encode(content).decode('ascii')}"


def _circle(role: str, place: tuple[float, float], radius: int, title: str) -> str:
    valence, arousal = place
    return (
        f'<circle class="{role}" cx="{_x(valence):.1f}" cy="{_y(arousal):.1f}" r="{radius}">'
        f"<title>{html.escape(title)}</title></circle>"
    )


def _x(valence: float) -> float:
    return 120 + 112 * max(-1.0, min(1.0, valence))


def _y(arousal: float) -> float:
    return 90 - 82 * max(-1.0, min(1.0, arousal))
