"""Title and artist from a music file's tags."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Final

from attune.core.errors import MediaError
from attune.embedding.media_files import DECODER_ERRORS, open_media

# Vorbis comments, easy ID3 and easy MP4 share the first key; then ASF, plain ID3 (WAV, AIFF) and plain MP4.
_TITLE: Final = ("title", "Title", "TIT2", "\xa9nam")
_ARTIST: Final = ("artist", "Author", "TPE1", "\xa9ART", "albumartist")
_MAX_LENGTH: Final = 300


@dataclass(frozen=True, slots=True)
class Tags:
    """Title and artist of a music file, each None where the file does not name it."""

    title: str | None = None
    artist: str | None = None


def read_tags(path: str | os.PathLike[str]) -> Tags:
    """Read title and artist from any of the common kinds of tags.

    Args:
        path: A music file.

    Returns:
        The tags as printable text of at most 300 characters, several artists joined by commas. Missing,
        damaged or unknown tags give None and never an error, as they do not make a song unusable.
    """
    import mutagen

    try:
        with open_media(path) as file:
            tags = mutagen.File(file, easy=True)
            return Tags(_find_text(tags, _TITLE), _find_text(tags, _ARTIST)) if tags is not None else Tags()
    except (MediaError, mutagen.MutagenError, *DECODER_ERRORS):
        return Tags()


def _find_text(tags: Any, keys: tuple[str, ...]) -> str | None:
    """Return the text of the first key that has any."""
    for key in keys:
        if text := _join_text(_get_values(tags, key)):
            return text
    return None


def _get_values(tags: Any, key: str) -> Any:
    """Return the values of a key, or None; some kinds of tags raise an error for foreign keys."""
    try:
        return tags.get(key)
    except (KeyError, ValueError, TypeError):
        return None


def _join_text(value: Any) -> str | None:
    values = getattr(value, "text", value)
    parts = values if isinstance(values, list) else [values]
    joined = ", ".join(str(part) for part in parts if part)
    printable = "".join(char if char.isprintable() else " " for char in joined)
    return " ".join(printable.split())[:_MAX_LENGTH] or None
