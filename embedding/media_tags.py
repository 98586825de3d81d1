"""What media files say about themselves: capture dates of pictures, titles and artists of music."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, Final

from attune.core.errors import MediaError
from attune.embedding.image_decoding import is_raw, open_picture, quiet_pillow
from attune.embedding.media_files import DECODER_ERRORS, open_media

# Date of exposure, then date of digitising. Not 0x0132, which software sets when it saves a file again.
_DATE_TAGS: Final = (0x9003, 0x9004)
_EXIF_IFD: Final = 0x8769
_EPOCH_YEAR: Final = 1970  # LibRaw returns this year where the file has no date
# Vorbis comments, easy ID3 and easy MP4 share the first key; then ASF, plain ID3 (WAV, AIFF) and plain MP4.
_TITLE: Final = ("title", "Title", "TIT2", "\xa9nam")
_ARTIST: Final = ("artist", "Author", "TPE1", "\xa9ART", "albumartist")
_MAX_LENGTH: Final = 300


@dataclass(frozen=True, slots=True)
class Tags:
    """Title and artist of a music file, each None where the file does not name it."""

    title: str | None = None
    artist: str | None = None


def read_capture_date(path: str | os.PathLike[str]) -> str | None:
    """Read the date of capture from a picture's EXIF data, without decoding its pixels.

    Args:
        path: A picture.

    Returns:
        The camera's local time in ISO 8601, to the second (`2023-07-14T18:20:05`), which sorts
        chronologically as text; None where the EXIF data is missing or damaged or has no valid date.

    Raises:
        MediaError: The file cannot be opened.
    """
    with open_media(path) as file:
        return find_capture_date(path, file)


def find_capture_date(path: str | os.PathLike[str], file: BinaryIO) -> str | None:
    """Read the date of capture from an open picture, at its start, as `read_capture_date` does."""
    with quiet_pillow():
        try:
            if is_raw(path):
                return _find_raw_date(file)
            with open_picture(path, file) as image:
                return _parse_exif_date(image.getexif())
        except (*DECODER_ERRORS, MediaError):
            return None


def read_tags(path: str | os.PathLike[str]) -> Tags:
    """Read title and artist from any of the common kinds of tags.

    Args:
        path: A music file.

    Returns:
        The tags as printable text of at most 300 characters, several artists joined by commas. Missing,
        damaged or unknown tags give None and never an error, as they do not make a song unusable.
    """
    try:
        with open_media(path) as file:
            return find_tags(file)
    except MediaError:
        return Tags()


def find_tags(file: BinaryIO) -> Tags:
    """Read title and artist from an open music file, at its start, as `read_tags` does."""
    import mutagen

    try:
        tags = mutagen.File(file, easy=True)
        return Tags(_find_text(tags, _TITLE), _find_text(tags, _ARTIST)) if tags is not None else Tags()
    except (mutagen.MutagenError, *DECODER_ERRORS):
        return Tags()


def _find_raw_date(file: BinaryIO) -> str | None:
    try:
        import rawpy
    except ImportError:
        return None
    try:
        with rawpy.imread(file) as raw:
            taken: datetime = raw.other.timestamp
    except rawpy.LibRawError:
        return None
    return taken.isoformat(timespec="seconds") if taken.year > _EPOCH_YEAR else None


def _parse_exif_date(exif: Any) -> str | None:
    """Return the first valid date, or None; cameras without a clock write zeros or blanks."""
    exif_ifd = exif.get_ifd(_EXIF_IFD)
    for tag in _DATE_TAGS:
        text = str(exif_ifd.get(tag, "")).strip(" \0")
        try:
            return datetime.strptime(text[:19], "%Y:%m:%d %H:%M:%S").isoformat()
        except ValueError:
            continue
    return None


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
