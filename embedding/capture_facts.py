"""When pictures were taken, and how they and songs were rated: read from their files, not from pixels.

The date of a picture is the first valid one of these:

1. XMP in the sidecar beside it, which somebody corrected;
2. EXIF: when it was exposed, else when it was digitised;
3. XMP inside the picture; 4. IPTC; 5. EXIF: the day and time of the GPS receiver, in UTC;
6. what LibRaw reads from a camera RAW file;
7. the video of a Live Photo.

The rating is that of the sidecar, else of the XMP inside, else of EXIF (where Windows stores it).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from attune.core.errors import MediaError
from attune.embedding.companion_files import read_sidecar, read_video_date
from attune.embedding.date_text import parse_date_text
from attune.embedding.image_formats import is_raw, open_picture, quiet_pillow
from attune.embedding.jpeg_xl import is_jpeg_xl, read_jpeg_xl_boxes
from attune.embedding.media_facts import NO_FACTS, CaptureFacts
from attune.embedding.media_files import DECODER_ERRORS, Kind, open_media
from attune.embedding.xmp import MAX_BYTES, parse_rating, parse_xmp

if TYPE_CHECKING:
    from PIL import Image

# Date of exposure, then date of digitising. Not 0x0132, which software sets when it saves a file again.
_DATE_TAGS: Final = (0x9003, 0x9004)
_HEAD_BYTES: Final = 12
_EXIF_IFD: Final = 0x8769
_GPS_IFD: Final = 0x8825
_GPS_TIME: Final = 7
_GPS_DATE: Final = 29
_RATING_TAG: Final = 0x4746
_XMP_TAG: Final = 700
_TIFF_HEADS: Final = (b"II*\0", b"MM\0*")
_PNG_HEAD: Final = b"\x89PNG\r\n\x1a\n"
# Chunks by what they begin with: XMP without compression, language and translation, as everybody writes it.
_PNG_CHUNKS: Final = {b"eXIf": b"", b"iTXt": b"XML:com.adobe.xmp\0\0\0\0\0"}
_MAX_CHUNKS: Final = 100_000  # a picture of 200 million pixels has some tens of thousands
# Date and time of creation, then of digitising.
_IPTC_DATES: Final = (((2, 55), (2, 60)), ((2, 62), (2, 63)))
_EPOCH_YEAR: Final = 1970  # LibRaw returns this year where the file has no date


def read_capture_facts(path: str | os.PathLike[str], kind: Kind) -> CaptureFacts:
    """Read date of capture and rating of a file from it and from its sidecar, without decoding it.

    Args:
        path: A picture or a song.
        kind: Which of the two; a song has no date of capture.

    Returns:
        The facts; nothing that is missing or damaged.

    Raises:
        MediaError: The file cannot be opened.
    """
    with open_media(path) as file:
        said = read_sidecar(path).facts
        if kind == "image":
            return find_capture_facts(path, file, said)
        from attune.embedding.media_tags import find_tags

        return CaptureFacts(rating=find_tags(file).rating if said.rating is None else said.rating)


def find_capture_facts(path: str | os.PathLike[str], file: BinaryIO, said: CaptureFacts) -> CaptureFacts:
    """Read the facts of an open picture, at its start, as `read_capture_facts` does.

    Args:
        path: The picture.
        file: The picture, open.
        said: What its sidecar says, which counts first.
    """
    is_complete = said.taken is not None and said.rating is not None
    facts = said if is_complete else said.or_else(_find_embedded_facts(path, file))
    if facts.taken is None:
        facts = CaptureFacts(read_video_date(path), facts.rating)
    return facts


def _find_embedded_facts(path: str | os.PathLike[str], file: BinaryIO) -> CaptureFacts:
    with quiet_pillow():
        try:
            if not is_raw(path, file):
                return _find_picture_facts(path, file)
            head = file.read(_HEAD_BYTES)
            file.seek(0)
            facts = _find_tiff_facts(file) if head.startswith(_TIFF_HEADS) else NO_FACTS
            return facts if facts.taken is not None else CaptureFacts(_find_raw_date(file), facts.rating)
        except (*DECODER_ERRORS, MediaError):
            return NO_FACTS


def _find_picture_facts(path: str | os.PathLike[str], file: BinaryIO) -> CaptureFacts:
    """Read what Pillow finds in the headers; of JPEG XL, which it would decode, what is in plain boxes."""
    from PIL import Image

    head = file.read(_HEAD_BYTES)
    file.seek(0)
    if is_jpeg_xl(head):
        boxes = read_jpeg_xl_boxes(file, (b"Exif", b"xml ", b"brob"), MAX_BYTES)
        if b"brob" not in boxes:  # none is compressed
            return _find_jpeg_xl_facts(boxes)
    with open_picture(path, file) as image:
        exif, packet = Image.Exif(), image.info.get("xmp")
        with contextlib.suppress(*DECODER_ERRORS):
            # Not the method of PNG, which decodes the pixels to see what comes after them.
            exif = Image.Image.getexif(image)
        if image.format == "PNG" and not (exif and packet):
            chunks = _read_png_chunks(file)
            packet = packet or chunks.get(b"iTXt")
            if not exif and b"eXIf" in chunks:
                with contextlib.suppress(*DECODER_ERRORS):
                    exif.load(chunks[b"eXIf"])
        return _combine_facts(exif, packet, image)


def _find_jpeg_xl_facts(boxes: Mapping[bytes, bytes]) -> CaptureFacts:
    from PIL import Image

    exif, content = Image.Exif(), boxes.get(b"Exif", b"")
    if not content.startswith(_TIFF_HEADS):  # as some software writes it, without the offset of the header
        content = content[4 + int.from_bytes(content[:4], "big") :]
    with contextlib.suppress(*DECODER_ERRORS):
        exif.load(content)
    return _combine_facts(exif, boxes.get(b"xml "), None)


def _find_tiff_facts(file: BinaryIO) -> CaptureFacts:
    """Read what a RAW file that is TIFF inside says in its first directory."""
    from PIL import Image

    exif = Image.Exif()
    exif.load_from_fp(file)
    return _combine_facts(exif, exif.get(_XMP_TAG), None)


def _combine_facts(exif: Image.Exif, packet: object, image: Image.Image | None) -> CaptureFacts:
    """Return the first date and rating; what comes later, or takes time to parse, only if it is needed."""
    taken = _find_exif_date(exif)
    said = NO_FACTS
    if isinstance(packet, bytes) and (taken is None or b"Rating" in packet):
        said = parse_xmp(packet)
    taken = taken or said.taken or (image and _find_iptc_date(image)) or _find_gps_date(exif)
    rating = said.rating if said.rating is not None else _get_exif_rating(exif)
    return CaptureFacts(taken, rating)


def _find_exif_date(exif: Image.Exif) -> str | None:
    fields = _get_directory(exif, _EXIF_IFD)
    return _find_first(_to_text(fields.get(tag)) for tag in _DATE_TAGS)


def _find_gps_date(exif: Image.Exif) -> str | None:
    """Return the date and time in UTC at which the GPS receiver knew its place."""
    fields = _get_directory(exif, _GPS_IFD)
    date = _to_text(fields.get(_GPS_DATE))
    try:
        hour, minute, second = (int(part) for part in fields[_GPS_TIME])
    except DECODER_ERRORS:
        return _find_first([date])
    return _find_first([f"{date} {hour:02}:{minute:02}:{second:02}", date])


def _find_iptc_date(image: Image.Image) -> str | None:
    from PIL import ImageFile, IptcImagePlugin

    assert isinstance(image, ImageFile.ImageFile)
    try:
        fields = IptcImagePlugin.getiptcinfo(image) or {}
    except DECODER_ERRORS:
        return None
    return _find_first(
        f"{_to_text(fields.get(date))} {_to_text(fields.get(time))}".strip() for date, time in _IPTC_DATES
    )


def _get_exif_rating(exif: Image.Exif) -> int | None:
    try:
        return parse_rating(exif.get(_RATING_TAG))
    except DECODER_ERRORS:
        return None


def _get_directory(exif: Image.Exif, number: int) -> dict[int, Any]:
    try:
        return exif.get_ifd(number)
    except DECODER_ERRORS:
        return {}


def _find_raw_date(file: BinaryIO) -> str | None:
    try:
        import rawpy
    except ImportError:
        return None
    file.seek(0)
    try:
        with rawpy.imread(file) as raw:
            taken: datetime = raw.other.timestamp
    except rawpy.LibRawError:
        return None
    return parse_date_text(taken.isoformat(timespec="seconds")) if taken.year > _EPOCH_YEAR else None


def _read_png_chunks(file: BinaryIO) -> dict[bytes, bytes]:
    """Return the contents of the EXIF chunk and of the plain XMP chunk, wherever in the file they are."""
    found: dict[bytes, bytes] = {}
    position = len(_PNG_HEAD)
    for _ in range(_MAX_CHUNKS):
        file.seek(position)
        head = file.read(8)
        if len(head) < 8:
            break
        size, name = int.from_bytes(head[:4], "big"), head[4:]
        if name in _PNG_CHUNKS and size <= MAX_BYTES:
            content = file.read(size)
            if content.startswith(_PNG_CHUNKS[name]):
                found[name] = content.removeprefix(_PNG_CHUNKS[name])
        position += 12 + size
    return found


def _to_text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else ""


def _find_first(texts: Iterable[str]) -> str | None:
    """Return the first valid date."""
    return next((date for date in map(parse_date_text, texts) if date is not None), None)
