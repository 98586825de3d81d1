"""Title and artist of a song, as its file tells them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Final

from attune.core.errors import MediaError
from attune.embedding.media_files import DECODER_ERRORS, open_media

# Vorbis comments, easy ID3 and easy MP4 share the first; then ASF, plain ID3 (WAV, AIFF) and plain MP4.
_TITLE: Final = ("title", "Title", "TIT2", "\xa9nam")
_ARTIST: Final = ("artist", "Author", "TPE1", "\xa9ART", "albumartist")
_MAX_LENGTH: Final = 300


@dataclass(frozen=True, slots=True)
class Tags:
    """What a music file says about itself; None where it says nothing."""

    title: str | None = None
    artist: str | None = None


def read_tags(path: str | os.PathLike[str]) -> Tags:
    """Read title and artist from any of the common kinds of tags.

    Args:
        path: A music file.

    Returns:
        The tags as printable text of at most 300 characters, several artists joined by commas. Missing,
        damaged or unknown tags give None, never an error: a song is not refused for its label.
    """
    import mutagen

    try:
        with open_media(path) as file:
            tags = mutagen.File(file, easy=True)
            return Tags(_find_text(tags, _TITLE), _find_text(tags, _ARTIST)) if tags is not None else Tags()
    except (MediaError, mutagen.MutagenError, *DECODER_ERRORS):
        return Tags()


def _find_text(tags: Any, keys: tuple[str, ...]) -> str | None:
    """Return the text under the first key that has any."""
    for key in keys:
        if text := _join_text(_get_values(tags, key)):
            return text
    return None


def _get_values(tags: Any, key: str) -> Any:
    """Return the values under a key; some kinds of tags raise on keys that are not theirs."""
    try:
        return tags.get(key)
    except (KeyError, ValueError, TypeError):
        return None


def _join_text(value: Any) -> str | None:
    values = getattr(value, "text", value)
    parts = values if isinstance(values, list) else [values]
    joined = ", ".join(str(part) for part in parts if part)
    shown = "".join(char if char.isprintable() else " " for char in joined)
    return " ".join(shown.split())[:_MAX_LENGTH] or None
