"""Capture dates of pictures from EXIF data."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any, BinaryIO, Final

from attune.core.errors import UnreachableMedia
from attune.embedding.image_decoding import FORMATS, is_heif, quiet_pillow
from attune.embedding.media_files import DECODER_ERRORS, RAW_SUFFIXES, open_media

# Date of exposure, then date of digitising. Not 0x0132, which software sets when it saves a file again.
_DATE_TAGS: Final = (0x9003, 0x9004)
_EXIF_IFD: Final = 0x8769
_EPOCH_YEAR: Final = 1970  # LibRaw returns this year where the file has no date


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
    with open_media(path) as file, quiet_pillow():
        try:
            if os.fsdecode(path).rpartition(".")[2].lower() in RAW_SUFFIXES:
                return _read_with_raw(file)
            return _read_with_heif(file) if is_heif(file) else _read_with_pillow(file)
        except (*DECODER_ERRORS, UnreachableMedia):
            return None


def _read_with_pillow(file: BinaryIO) -> str | None:
    from PIL import Image

    with Image.open(file, formats=FORMATS) as image:
        return _parse_exif_date(image.getexif())


def _read_with_heif(file: BinaryIO) -> str | None:
    try:
        import pi_heif
    except ImportError:
        return None
    from PIL import Image

    exif = Image.Exif()
    exif.load(pi_heif.open_heif(file).info.get("exif") or b"")
    return _parse_exif_date(exif)


def _read_with_raw(file: BinaryIO) -> str | None:
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
