"""Opening of pictures by their content, and the reasons for which one cannot be opened or decoded."""

from __future__ import annotations

import logging
import os
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO, Final

from attune.core.errors import MediaError, UnsupportedMedia
from attune.embedding.image_geometry import MAX_PIXELS
from attune.embedding.jpeg_xl import is_jpeg_xl, read_jpeg_xl_size
from attune.embedding.media_files import DECODER_ERRORS, RAW_SUFFIXES, describe_error, make_decode_error
from attune.embedding.tiff_images import correct_tiff

if TYPE_CHECKING:
    from PIL import Image

PHOTOS_HINT: Final = 'needs the extra for photos: pip install "attune-affect[photos]"'
_BIG_ENDIAN_BIGTIFF: Final = b"MM\0+"
_TIFF_SIGNATURES: Final = (b"II*\0", b"MM\0*", b"II+\0", _BIG_ENDIAN_BIGTIFF)
# Pillow also supports formats that run other programs (EPS) or are not pictures; only these are tried.
_FORMATS: Final = (
    *("JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP", "DIB", "JPEG2000", "PPM", "QOI", "SGI"),
)
# These have no signature, or a weak one, so that almost any bytes may pass for them: they need their suffix.
_FORMATS_BY_SUFFIX: Final = {
    **dict.fromkeys(("tga", "icb", "vda", "vst"), "TGA"),
    **dict.fromkeys(("pcx",), "PCX"),
}
_HEIF_BRANDS: Final = frozenset(b"heic heix heim heis hevc hevx hevm hevs mif1 msf1 avci avcs".split())
_VIDEO_BRANDS: Final = frozenset(
    (b"qt  ", b"isom", b"iso2", b"mp41", b"mp42", b"avc1", b"M4V ", b"3gp4", b"3gp5", b"MSNV")
)
# Signatures that no camera's RAW format has, though all else about a file may be called RAW.
_PLAIN_SIGNATURES: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"\0\0\0\x0cjP  ")
_HEAD_BYTES: Final = 64
# What decoders say of a flavour that they do not know, in contrast to damage. (A number is that of a TIFF's
# compression, and a string index that of a channel for which Pillow has no name.)
_UNSUPPORTED: Final = re.compile(
    r"(?i)^(?!Invalid input).*unsupported|not (yet )?supported|unknown (pixel|raw) mode|cannot handle"
    r"|data organi[sz]ation|samples per pixel|^conversion from|^string index|^\d+$|BigTIFF"
)
_PILLOW_LOCK = threading.Lock()
_NULL_HANDLER = logging.NullHandler()


def open_picture(path: str | os.PathLike[str], file: BinaryIO, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Open a picture with Pillow, without decoding its pixels; inside `quiet_pillow`.

    (The decoder of JPEG XL decodes at once.)

    Args:
        path: The file, for its suffix and for messages.
        file: The same, open, at its start.
        max_pixels: A JPEG XL file with more pixels is refused before they are decoded.

    Raises:
        UnsupportedMedia: It is HEIC or JPEG XL, and the extra is not installed, or a flavour that Pillow
            would decode wrong.
        OSError: Pillow does not know its format.
    """
    from PIL import Image

    head = _read_head(file)
    if is_jpeg_xl(head):
        check_size(path, read_jpeg_xl_size(file), max_pixels)
        return _open_jpeg_xl(path, file)
    if not _is_heif(head):
        image: Image.Image = Image.open(file, formats=_list_formats(path))
        return correct_tiff(path, file, image) if image.format == "TIFF" else image
    try:
        import pi_heif
    except ImportError:
        raise UnsupportedMedia(path, f"HEIC {PHOTOS_HINT}") from None
    pi_heif.register_heif_opener()  # its pictures are upright, with an EXIF orientation that says so
    return Image.open(file, formats=(*_FORMATS, "HEIF"))


def is_raw(path: str | os.PathLike[str], file: BinaryIO) -> bool:
    """Return whether an open file is camera RAW: by its name, as most are TIFF inside, unless it is plainly
    an ordinary picture."""
    if _get_suffix(path) not in RAW_SUFFIXES:
        return False
    head = _read_head(file)
    return not (head.startswith(_PLAIN_SIGNATURES) or is_jpeg_xl(head) or _is_webp(head) or _is_heif(head))


def is_tiff(file: BinaryIO) -> bool:
    """Return whether an open file is TIFF, by its signature."""
    return _read_head(file).startswith(_TIFF_SIGNATURES)


def check_size(path: str | os.PathLike[str], size: tuple[int, int], max_pixels: int) -> tuple[int, int]:
    """Return width and height in pixels unless they are too large.

    Raises:
        MediaError: The picture has no pixels, or more than `max_pixels`.
    """
    width, height = size
    if width < 1 or height < 1:
        raise MediaError(path, "damaged: it has no pixels")
    if width * height > max_pixels:
        limit = f"more than {max_pixels / 1e6:g} million"
        raise MediaError(path, f"{width} × {height} pixels, {limit}: not decoded")
    return width, height


def explain_failure(path: str | os.PathLike[str], file: BinaryIO, error: BaseException) -> MediaError:
    """Return the error to raise when an open picture cannot be opened or decoded; inside `quiet_pillow`.

    Args:
        path: The file, for its suffix and for messages.
        file: The same, open.
        error: What the decoder raised.
    """
    from PIL import UnidentifiedImageError

    if isinstance(error, MemoryError):
        return make_decode_error(path, error)
    head = _read_head(file)
    detail = describe_error(error)
    if isinstance(error, UnidentifiedImageError):
        detail = _find_open_error(path, file)
    if head[4:8] == b"ftyp" and head[8:12] in _VIDEO_BRANDS:
        return UnsupportedMedia(path, "a video by its content: save a still of it as .jpg")
    if (share := _measure_present_share(head, file)) < 1:
        return MediaError(path, f"damaged: only {int(100 * share)} % of its bytes are there")
    if _UNSUPPORTED.search(detail):
        return UnsupportedMedia(path, _describe_flavour(head, detail))
    if "truncated" in detail:
        return MediaError(path, "damaged: it is cut short, and too little of it can be decoded")
    if isinstance(error, UnidentifiedImageError):
        return MediaError(path, "not a picture that can be read: damaged, or another kind of file")
    return make_decode_error(path, error)


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Disable Pillow's own size limit, and silence its warnings and its log.

    These settings are global to the process, so threads decode one after the other; builds use processes.
    """
    from PIL import Image

    with _PILLOW_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("PIL").addHandler(_NULL_HANDLER)
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _open_jpeg_xl(path: str | os.PathLike[str], file: BinaryIO) -> Image.Image:
    from PIL import ExifTags, Image

    try:
        from pillow_jxl import JpegXLImagePlugin
    except ImportError:
        raise UnsupportedMedia(path, f"JPEG XL {PHOTOS_HINT}") from None
    JpegXLImagePlugin.DECODE_THREADS = 0  # builds use processes
    try:
        image: Image.Image = Image.open(file, formats=("JXL",))
    except RuntimeError:  # its text is about how to build the decoder
        raise OSError("its JPEG XL data cannot be decoded") from None
    assert isinstance(image, JpegXLImagePlugin.JXLImageFile)
    if not image.jpeg:  # the decoder turned it, and EXIF does not count (ISO/IEC 18181-2)
        with suppress(*DECODER_ERRORS):
            image.getexif().pop(ExifTags.Base.Orientation, None)
    return image


def _list_formats(path: str | os.PathLike[str]) -> tuple[str, ...]:
    weak = _FORMATS_BY_SUFFIX.get(_get_suffix(path))
    return (*_FORMATS, weak) if weak else _FORMATS


def _get_suffix(path: str | os.PathLike[str]) -> str:
    return os.fsdecode(path).rpartition(".")[2].lower()


def _read_head(file: BinaryIO) -> bytes:
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    return head


def _is_heif(head: bytes) -> bool:
    """Return whether a file is HEIC or HEIF; AVIF has the same container, but is read by Pillow itself."""
    return head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS and b"avif" not in head


def _is_webp(head: bytes) -> bool:
    return head.startswith(b"RIFF") and head[8:12] == b"WEBP"


def _find_open_error(path: str | os.PathLike[str], file: BinaryIO) -> str:
    """Return why the format that an open file seems to have does not open it, or nothing."""
    from PIL import Image

    head = _read_head(file)
    if _is_heif(head):
        return _find_heif_error(file)
    if head.startswith(_BIG_ENDIAN_BIGTIFF):
        return "a big-endian BigTIFF"
    before, Image.WARN_POSSIBLE_FORMATS = Image.WARN_POSSIBLE_FORMATS, True
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            Image.open(file, formats=_list_formats(path))
    except DECODER_ERRORS:
        texts = [str(warning.message).partition(" opening failed. ")[2] for warning in caught]
        return next((text for text in texts if text), "")
    finally:
        Image.WARN_POSSIBLE_FORMATS = before
    return ""


def _find_heif_error(file: BinaryIO) -> str:
    import pi_heif

    try:
        images = pi_heif.HeifFile(file)
    except DECODER_ERRORS as error:
        return str(error)
    return "" if len(images) else "unsupported codec"


def _describe_flavour(head: bytes, detail: str) -> str:
    """Return the reason for a file that is whole, as far as one can tell, but not read."""
    text = describe_error(ValueError(detail))
    if detail.isdigit():
        text = f"compression {detail}"
    elif detail.startswith("string index"):
        text = "unusual channels"
    name = "TIFF" if head.startswith(_TIFF_SIGNATURES) else "format"
    return f"a flavour of its {name} that is not read ({text}): export it as .jpg or .png"


def _measure_present_share(head: bytes, file: BinaryIO) -> float:
    """Return the share of a file's bytes that are there, where its container states its length; or else 1."""
    size = file.seek(0, os.SEEK_END)
    if _is_webp(head):
        return min(1.0, size / (int.from_bytes(head[4:8], "little") + 8))
    if head[4:8] not in (b"ftyp", b"JXL "):
        return 1.0
    end = 0
    while end < size:
        file.seek(end)
        box = file.read(16)
        length = int.from_bytes(box[:4], "big") if len(box) >= 8 else 8
        if length == 1 and len(box) == 16:
            length = int.from_bytes(box[8:], "big")
        if length < 8:  # 0: to the end of the file
            return 1.0
        end += length
    return size / end
