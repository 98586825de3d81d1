"""Pictures that lack their last bytes: the rows that are complete all the same.

A decoder leaves the rows that it cannot decode as they were, or makes them up. So the file is decoded twice,
each time with other values in place of what is missing: the rows that come out alike do not depend on them.
"""

from __future__ import annotations

import contextlib
import io
import random
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from attune.embedding.media_files import DECODER_ERRORS

if TYPE_CHECKING:
    from PIL import Image

MIN_COMPLETE_SHARE: Final = 0.9
"""Share of its rows that a picture needs to be read; the same as of the seconds of music."""

_ORIENTATION_TAG: Final = 0x0112
_END_OF_IMAGE: Final = b"\xff\xd9"
_NOISE: Final = random.Random(0).randbytes(4096).replace(b"\xff", b"\x7f")  # no marker among it
_MARKER: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # one that ends entropy-coded data
_BOTTOM_UP: Final = ("BMP", "DIB", "TGA", "SGI")  # or may be
_PROGRESSIVE: Final = (0xC2, 0xCA)
_START_OF_SCAN: Final = 0xDA
_COEFFICIENTS: Final = 64
_BAND_ROWS: Final = 256


@dataclass(frozen=True, slots=True)
class PartialImage:
    """The complete rows of a picture.

    Attributes:
        image: The complete rows, as stored: no orientation is applied.
        orientation: The EXIF orientation, 1 to 8, as far as it can be read.
        share: Their share of all rows, in (0, 1].
    """

    image: Image.Image
    orientation: int
    share: float


def decode_complete_rows(
    open_image: Callable[[BinaryIO], Image.Image], file: BinaryIO
) -> PartialImage | None:
    """Decode the complete rows of a damaged or truncated picture, at full scale.

    The scans of a progressive JPEG refine the whole picture one after the other. A row of it is complete when
    all but the lowest bit of its coefficients is there: the last scans, a third of the bytes, add these bits,
    which change values by 3 of 255 on average.

    Args:
        open_image: Opens a picture with Pillow.
        file: The open file, whose pixels could not be loaded.

    Returns:
        The rows; None where not one is complete, or where the decoder does not tell.
    """
    hashes: list[list[int]] = []
    for source, fill in _make_variants(open_image, file):
        image = open_image(source)
        turn = _remove_orientation(image) if image.format == "TIFF" else None
        if not _load_onto(image, fill, turned=turn is not None and turn >= 5):
            return None
        hashes.append(_hash_rows(image))
        if len(hashes) == 1:
            image.im = None  # type: ignore[assignment]  # there is memory for one large picture, not for two
    if not hashes:
        return None
    first, last = _find_complete_rows(hashes[0], hashes[1], from_bottom=image.format in _BOTTOM_UP)
    if first == last:
        return None
    rows = image.crop((0, first, image.im.size[0], last))
    return PartialImage(rows, turn or read_orientation(image) or 1, (last - first) / len(hashes[0]))


def read_orientation(image: Image.Image) -> int | None:
    """Return the EXIF orientation, 1 to 8, or None where it is missing or the EXIF data is damaged."""
    try:
        value = image.getexif().get(_ORIENTATION_TAG)
    except DECODER_ERRORS:
        return None
    return value if isinstance(value, int) and 1 <= value <= 8 else None


def _make_variants(
    open_image: Callable[[BinaryIO], Image.Image], file: BinaryIO
) -> Iterator[tuple[BinaryIO, int]]:
    """Yield the file twice, each time with a value for pixels that the decoder does not reach.

    libjpeg gives the rows of a progressive file only at its end, and makes up what is missing before that.
    So a JPEG is ended once at once and once after noise, which changes whatever had to be made up.
    """
    file.seek(0)
    image = open_image(file)
    tails, data = (b"", b""), b""
    if image.format in ("JPEG", "MPO"):
        file.seek(0)
        data = file.read().rstrip(b"\xff")  # half a marker, which the tail would complete
        tails = (_END_OF_IMAGE, _NOISE + _END_OF_IMAGE)
        if image.info.get("progressive"):
            scans = _read_scans(data)
            if not scans.complete:
                return
            if scans.last_refines:
                tails = (_END_OF_IMAGE, _END_OF_IMAGE)
    for tail, fill in zip(tails, (0, 255), strict=True):
        file.seek(0)
        yield io.BytesIO(data + tail) if data else file, fill


def _remove_orientation(image: Image.Image) -> int | None:
    """Remove and return the orientation of a TIFF, which Pillow would apply while loading."""
    orientation = read_orientation(image)
    image.getexif().pop(_ORIENTATION_TAG, None)
    return orientation


def _find_complete_rows(one: list[int], other: list[int], from_bottom: bool) -> tuple[int, int]:
    """Return the first and the one behind the last of the rows that are alike, from where they begin."""
    alike = [pair[0] == pair[1] for pair in zip(one, other, strict=True)]
    if from_bottom and not alike[0]:
        return len(alike) - [*reversed(alike), False].index(False), len(alike)
    return 0, [*alike, False].index(False)


def _load_onto(image: Image.Image, fill: int, turned: bool) -> bool:
    """Load an image onto pixels of a value; return whether those that are not decoded still have it."""
    from PIL.Image import new as make_image

    size = image.size[::-1] if turned else image.size
    bands = len(image.getbands())
    canvas = make_image(image.mode, size, fill if bands == 1 else (fill,) * bands).im
    image.im = canvas
    with contextlib.suppress(*DECODER_ERRORS):
        image.load()
    image.tile = []  # type: ignore[attr-defined]  # nothing is left to load
    return image.im is canvas


def _hash_rows(image: Image.Image) -> list[int]:
    width, height = image.im.size
    hashes = []
    for top in range(0, height, _BAND_ROWS):
        bottom = min(top + _BAND_ROWS, height)
        band = image.crop((0, top, width, bottom)).tobytes()
        stride = len(band) // (bottom - top)
        hashes += [zlib.crc32(band[start : start + stride]) for start in range(0, len(band), stride)]
    return hashes


@dataclass(frozen=True, slots=True)
class _Scans:
    """The scans of a progressive JPEG.

    Attributes:
        complete: Whether scans have begun for all but the lowest bit of each coefficient.
        last_refines: Whether the last scan only adds lowest bits, so that all before them is there.
    """

    complete: bool
    last_refines: bool


def _read_scans(data: bytes) -> _Scans:
    missing: set[tuple[int, int]] = set()
    last_refines = False
    for marker, segment in _iterate_segments(data):
        if marker in _PROGRESSIVE:
            components = segment[6::3][: segment[5]]
            missing = {(component, place) for component in components for place in range(_COEFFICIENTS)}
        elif marker == _START_OF_SCAN:
            count = segment[0]
            first, last, bits = segment[1 + 2 * count : 4 + 2 * count]
            before, after = bits >> 4, bits & 15
            last_refines = after == 0 and before > 0
            if after <= 1:
                scanned = segment[1 : 1 + 2 * count : 2]
                missing -= {(component, place) for component in scanned for place in range(first, last + 1)}
    return _Scans(not missing, last_refines)


def _iterate_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield marker and content of each segment of a JPEG, without entropy-coded data."""
    at = 2
    while (found := _MARKER.search(data, at)) is not None and found.end() + 2 <= len(data):
        start = found.end()
        (length,) = struct.unpack_from(">H", data, start)
        at = start + length
        if at > len(data):
            return
        yield data[start - 1], data[start + 2 : at]
