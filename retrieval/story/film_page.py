"""Self-contained HTML page that plays a film plan, with embedded pictures and sound."""

from __future__ import annotations

import base64
import html
import io
import json
from pathlib import Path
from typing import Any, Final

from attune.core.atomic_files import atomic_write
from attune.core.errors import AttuneError, MediaError, escape_path, escape_text
from attune.core.progress import Progress
from attune.embedding.image_decoding import decode_image
from attune.embedding.image_geometry import make_cover_spec
from attune.retrieval.story.film_plan import FilmPlan, Shot
from attune.retrieval.story.song_audio import encode_m4a

_TEMPLATE: Final = Path(__file__).with_name("show.html")
_BOX: Final = (1280, 720)
_MAX_SIDE: Final = 1600
_QUALITY: Final = 80
_PLAYABLE_TYPES: Final = {  # every browser plays these; any other type is converted to AAC
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",
    ".flac": "audio/flac",
}


def write_film_page(plan: FilmPlan, path: Path, progress: Progress) -> list[MediaError]:
    """Write a page that plays a film plan and needs no other file.

    Args:
        plan: The plan.
        path: The HTML file.
        progress: Receives the progress over the pictures.

    Returns:
        Errors of the pictures that cannot be used; the previous (or next) picture is shown in their place.

    Raises:
        MediaError: The song cannot be read.
        AttuneError: No picture can be used.
        OSError: The page cannot be written.
    """
    shots: list[dict[str, Any]] = []
    lost: list[MediaError] = []
    progress.start("Page, pictures", len(plan.shots))
    try:
        for shot in plan.shots:
            try:
                source = _encode_picture(shot.picture)
            except MediaError as error:
                lost.append(error)
            else:
                shots.append(_shot_json(shot, source))
            progress.advance()
    finally:
        progress.finish()
    if not shots:
        raise AttuneError(f"no page: none of its pictures can be used, {escape_path(lost[0].path)} first")
    shots[0] |= {"start": 0.0, "fade": 0.0}
    title = escape_text(plan.title) or escape_path(Path(plan.song).name)
    # A name that contains "</script>" must not end the script, so "<" is written as its JSON escape.
    data = json.dumps({"song": _encode_song(plan.song), "shots": shots}).replace("<", "\\u003c")
    text = _TEMPLATE.read_text(encoding="utf-8")
    with atomic_write(path) as temporary:
        temporary.write_text(text.replace("{title}", html.escape(title)).replace("{data}", data), "utf-8")
    return lost


def _shot_json(shot: Shot, source: str) -> dict[str, Any]:
    return {
        "start": round(shot.start_s, 3),
        "fade": round(shot.fade_s, 3),
        "arousal": round(shot.arousal, 3),
        "mood": shot.mood,
        "score": shot.score,
        "why": escape_text(shot.why),
        "name": escape_path(Path(shot.picture).name),
        "source": source,
    }


def _encode_picture(path: str) -> str:
    from PIL import Image

    image = Image.fromarray(decode_image(path, make_cover_spec(*_BOX)).pixels)
    image.thumbnail((_MAX_SIDE, _MAX_SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY, progressive=True)
    return _data_uri("image/jpeg", buffer.getvalue())


def _encode_song(path: str) -> str:
    mime = _PLAYABLE_TYPES.get(Path(path).suffix.lower())
    if mime is None:
        return _data_uri("audio/mp4", encode_m4a(path))
    try:
        return _data_uri(mime, Path(path).read_bytes())
    except OSError as error:
        raise MediaError(path, f"cannot be read ({error.strerror})") from error


def _data_uri(mime: str, content: bytes) -> str:
    return f"data:{mime};base64,{base64.b64encode(content).decode('ascii')}"
