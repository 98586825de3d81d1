"""What music files say about themselves: title, artist and rating."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from attune.core.errors import MediaError
from attune.embedding.media_files import DECODER_ERRORS, open_media
from attune.embedding.music_rating import find_rating
from attune.embedding.tag_encodings import decode_texts

# Vorbis comments and APE have the first key; then ASF, ID3, MP4 and the INFO chunk of WAV.
_TITLE: Final = ("title", "Title", "TIT2", "\xa9nam", "INAM")
_ARTIST: Final = (
    "artist",
    "Author",
    "TPE1",
    "\xa9ART",
    "IART",
    "albumartist",
    "WM/AlbumArtist",
    "TPE2",
    "aART",
)
_ALBUM: Final = ("album", "WM/AlbumTitle", "TALB", "\xa9alb", "IPRD")
_MAX_LENGTH: Final = 300
_MAX_CHUNKS: Final = 1000
_MAX_INFO: Final = 1 << 16
_LATIN_1: Final = 0  # of a frame of ID3, and of ID3v1, which has no other


@dataclass(frozen=True, slots=True)
class Tags:
    """Title, artist and rating of a music file, each None where the file does not name it.

    Attributes:
        title: Title, printable.
        artist: Artists, joined by commas, printable.
        rating: Stars, 1 to 5.
    """

    title: str | None = None
    artist: str | None = None
    rating: int | None = None


def read_tags(path: str | os.PathLike[str]) -> Tags:
    """Read title, artist and rating from any of the common kinds of tags.

    Args:
        path: A music file.

    Returns:
        The tags, texts as printable text of at most 300 characters, in the encoding that they most likely
        have. Missing, damaged or unknown tags give None and never an error, as they do not make a song
        unusable.
    """
    try:
        with open_media(path) as file:
            return find_tags(file)
    except MediaError:
        return Tags()


def find_tags(file: BinaryIO) -> Tags:
    """Read the tags of an open music file, at its start, as `read_tags` does."""
    import mutagen

    try:
        opened = mutagen.File(file)
        tags = opened.tags if opened is not None and opened.tags else _read_riff_info(file)
        title, artist, _ = _decode_texts([_find_value(tags, keys) for keys in (_TITLE, _ARTIST, _ALBUM)])
        return Tags(title, artist, find_rating(tags))
    except (mutagen.MutagenError, *DECODER_ERRORS):
        return Tags()


def _find_value(tags: Any, keys: tuple[str, ...]) -> Any:
    """Return the value of the first key that has any text; None if none has."""
    return next((value for key in keys if _list_parts(value := _get_value(tags, key))), None)


def _get_value(tags: Any, key: str) -> Any:
    """Return the value of a key, or None; some kinds of tags raise an error for foreign keys."""
    try:
        return tags.get(key)
    except (KeyError, ValueError, TypeError):
        return None


def _list_parts(value: Any) -> list[Any]:
    """Return the texts of a tag; bytes if they are in an unknown encoding."""
    values = getattr(value, "text", value)
    parts = [part for part in (values if isinstance(values, list) else [values]) if part]
    if getattr(value, "encoding", None) == _LATIN_1:
        return [str(part).encode("latin-1") for part in parts]
    return parts


def _decode_texts(values: list[Any]) -> list[str | None]:
    """Return printable texts; those in an unknown encoding are decoded together, as one is too short."""
    parts = [_list_parts(value) for value in values]
    decoded = iter(decode_texts([part for of in parts for part in of if isinstance(part, bytes)]))
    return [_join([next(decoded) if isinstance(part, bytes) else str(part) for part in of]) for of in parts]


def _join(parts: list[str]) -> str | None:
    printable = "".join(char if char.isprintable() else " " for char in ", ".join(parts))
    return " ".join(printable.split())[:_MAX_LENGTH] or None


def _read_riff_info(file: BinaryIO) -> dict[str, Any]:
    """Return the entries of a WAV file's INFO chunk, in an unknown encoding; mutagen does not read it."""
    file.seek(0)
    head = file.read(12)
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return {}
    for name, content in _iter_chunks(file, len(head)):
        if name == b"LIST" and content.startswith(b"INFO"):
            entries = _iter_chunks(io.BytesIO(content), len(b"INFO"))
            return {name.decode("latin-1"): text.split(b"\0")[0] for name, text in entries}
    return {}


def _iter_chunks(file: BinaryIO, position: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of RIFF chunks from a position; of large ones only the beginning."""
    for _ in range(_MAX_CHUNKS):
        file.seek(position)
        head = file.read(8)
        if len(head) < 8:
            return
        size = int.from_bytes(head[4:], "little")
        yield head[:4], file.read(min(size, _MAX_INFO))
        position += 8 + size + size % 2
