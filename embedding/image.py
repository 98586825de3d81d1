"""One picture file becomes RGB pixels, upright: a square of 224 for the network, or a small copy.

    open → size check → decode (JPEG: at a reduced scale) → a mode of 8-bit channels → resize → RGB → upright

For the network the whole picture is squashed to a square: what lies at the edge of a photo belongs to its
mood, and a crop would lose it. Turning comes last, on the small picture, where it costs nothing.
"""

from __future__ import annotations

import io
import logging
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import MediaError, UnsupportedMedia
from embedding.media import DECODER_ERRORS, RAW_SUFFIXES, describe, open_media

if TYPE_CHECKING:
    from PIL import Image

SIDE: Final = 224
MAX_PIXELS: Final = 250_000_000
# A JPEG is decoded at 1/2, 1/4 or 1/8 as long as both sides stay above so many times what is asked for.
# Pixels then differ from those of a full decode by less than 1 of 255 on average (a test holds it), and a
# 12 MP photo takes 30 ms for 120 ms. Half of this would save another 7 ms and differ by half as much again.
_DRAFT: Final = 2
# Pillow also knows formats that run other programs (EPS) or are no pictures; only these are tried.
_FORMATS: Final = (
    *("JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP", "DIB", "JPEG2000", "PPM", "QOI", "TGA"),
)
_HEIF_BRANDS: Final = frozenset(b"heic heix heim heis hevc hevx mif1 msf1 avci avcs".split())
_PHOTOS: Final = 'needs the extra for photos: pip install "attune[photos]"'
_ORIENTATION: Final = 0x0112
_WHITE: Final = (255, 255, 255, 255)
_PILLOW = threading.Lock()
_NO_LOG = logging.NullHandler()


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture.

    Attributes:
        pixels: uint8 (rows, columns, 3), RGB, upright, C-contiguous.
        width: Of the original, upright, in pixels.
        height: Of the original, upright, in pixels.
    """

    pixels: NDArray[np.uint8]
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class _Order:
    """What is asked of a decoder: the size to resize to, of the size that is there; how much is too much."""

    fit: Callable[[tuple[int, int]], tuple[int, int]]
    max_pixels: int

    def draft(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the least size at which a JPEG may be decoded."""
        width, height = self.fit(size)
        return _DRAFT * width, _DRAFT * height


def read_image(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS) -> Picture:
    """Decode a picture file, whatever its name says it is, as the network sees it: 224 by 224 pixels.

    EXIF orientation is applied. Transparent parts show white, as on the page or in the viewer for which such
    pictures are made. Of an animation the first frame counts. Colour profiles are not applied. Any size from
    one pixel up to `max_pixels` is read.

    Args:
        path: The file.
        max_pixels: What is larger is refused before it is decoded.

    Returns:
        The picture.

    Raises:
        UnsupportedMedia: HEIC or RAW without the extra, or an unusual colour mode.
        MediaError: Damaged, cut short, empty, too large, forbidden or not a regular file.
    """
    return _read(path, _Order(lambda _: (SIDE, SIDE), max_pixels))


def read_smaller(path: str | os.PathLike[str], long_side: int) -> Picture:
    """Decode a picture file to look at: in its proportions, no side longer than `long_side`, never enlarged.

    Raises:
        UnsupportedMedia: HEIC or RAW without the extra, or an unusual colour mode.
        MediaError: Damaged, cut short, empty, too large, forbidden or not a regular file.
    """

    def fit(size: tuple[int, int]) -> tuple[int, int]:
        scale = min(1.0, long_side / max(size))
        return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))

    return _read(path, _Order(fit, MAX_PIXELS))


def _read(path: str | os.PathLike[str], order: _Order) -> Picture:
    with open_media(path) as file, _quiet_pillow():
        try:
            if os.fsdecode(path).rpartition(".")[2].lower() in RAW_SUFFIXES:
                return _read_raw(path, file, order)
            if _is_heif(file):
                return _read_heif(path, file, order)
            return _read_pillow(path, file, order)
        except DECODER_ERRORS as error:
            raise MediaError(path, _reason(error)) from error


def _read_pillow(
    path: str | os.PathLike[str], file: BinaryIO, order: _Order, turn: int | None = None
) -> Picture:
    """Read by Pillow; `turn` is the EXIF orientation to apply where the file itself says none."""
    from PIL import Image

    with Image.open(file, formats=_FORMATS) as image:
        width, height = _check_size(path, image.size, order)
        image.draft(None, order.draft(image.size))
        image.load()
        orientation = _orientation(image) or turn or 1
        # Pillow itself turns a TIFF while loading. (Of a JPEG, this would be the size at the reduced scale.)
        if image.format == "TIFF":
            width, height = image.size
        return _finish(path, image, (width, height), orientation, order)


def _read_heif(path: str | os.PathLike[str], file: BinaryIO, order: _Order) -> Picture:
    try:
        import pi_heif
    except ImportError:
        raise UnsupportedMedia(path, f"HEIC {_PHOTOS}") from None
    heif = pi_heif.open_heif(file)
    size = _check_size(path, heif.size, order)
    return _finish(path, heif.to_pillow(), size, 1, order)  # libheif has turned it


def _read_raw(path: str | os.PathLike[str], file: BinaryIO, order: _Order) -> Picture:
    """Read the preview that the camera put into a RAW file, or develop at half size where there is none."""
    try:
        import rawpy
    except ImportError:
        raise UnsupportedMedia(path, f"camera RAW {_PHOTOS}") from None
    from PIL import Image

    try:
        with rawpy.imread(file) as raw:
            sizes = raw.sizes
            width, height = _check_size(path, (sizes.width, sizes.height), order)
            turned = sizes.flip in (5, 6)
            upright = (height, width) if turned else (width, height)
            preview = _preview(path, raw, order, wide=width >= height)
            if preview is None:
                developed = raw.postprocess(half_size=True, use_camera_wb=True, output_bps=8)
                preview = _finish(path, Image.fromarray(developed), upright, 1, order)
    except rawpy.LibRawError as error:
        detail = error.args[0] if error.args else ""
        text = detail.decode("ascii", "replace") if isinstance(detail, bytes) else str(detail)
        raise MediaError(path, f"damaged, or a RAW format that LibRaw does not know: {text[:80]}") from error
    return Picture(preview.pixels, *upright)


def _preview(path: str | os.PathLike[str], raw: object, order: _Order, wide: bool) -> Picture | None:
    """Return the embedded JPEG, upright, or None where there is none of at least 224 pixels a side."""
    import rawpy

    try:
        thumb = raw.extract_thumb()  # type: ignore[attr-defined]
    except (rawpy.LibRawNoThumbnailError, rawpy.LibRawUnsupportedThumbnailError):
        return None
    if thumb.format != rawpy.ThumbFormat.JPEG:
        return None
    from PIL import Image

    with Image.open(io.BytesIO(thumb.data), formats=["JPEG"]) as image:
        # Cameras store the preview as the sensor lies; software that stores it upright shows by its shape.
        turn = {3: 3, 5: 8, 6: 6}.get(raw.sizes.flip, 1)  # type: ignore[attr-defined]
        turn = turn if (image.width >= image.height) == wide else 1
        too_small = min(image.size) < SIDE
    return None if too_small else _read_pillow(path, io.BytesIO(thumb.data), order, turn)


def _finish(
    path: str | os.PathLike[str], image: Image.Image, size: tuple[int, int], orientation: int, order: _Order
) -> Picture:
    """Resize, convert and turn a loaded image; `size` is the original's, before `orientation` is applied."""
    from PIL import Image

    plain = _plain(path, image)
    small = plain.resize(order.fit(plain.size), Image.Resampling.BICUBIC, reducing_gap=2.0)
    if small.mode == "RGBA":
        small = Image.alpha_composite(Image.new("RGBA", small.size, _WHITE), small)
    pixels = np.asarray(small.convert("RGB"))
    width, height = size[::-1] if orientation in (5, 6, 7, 8) else size
    return Picture(np.ascontiguousarray(_upright(pixels, orientation)), width, height)


def _plain(path: str | os.PathLike[str], image: Image.Image) -> Image.Image:
    """Return the image as 8-bit L, RGB, RGBA or CMYK: modes that can be averaged over neighbours."""
    if image.mode.startswith("I;16"):
        return _grey(np.asarray(image), tops=(65535,))
    if image.mode == "I":
        return _grey(np.asarray(image), tops=(65535,))
    if image.mode == "F":
        return _grey(np.asarray(image), tops=(1, 255, 65535))
    if image.mode in ("L", "RGB", "CMYK") and not image.has_transparency_data:
        return image
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode in ("RGBX", "YCbCr", "HSV"):
        return image.convert("RGB")
    raise UnsupportedMedia(path, f"colours stored as {image.mode}: export it as RGB")


def _grey(values: NDArray[np.generic], tops: tuple[int, ...]) -> Image.Image:
    """Scale values to 8 bits by the smallest of the ranges 0…top that holds them, else by their maximum."""
    from PIL import Image

    finite = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    peak = float(finite.max())
    top = next((top for top in tops if peak <= top), peak)
    return Image.fromarray(np.clip(finite * (255 / top) + 0.5, 0, 255).astype(np.uint8))


def _orientation(image: Image.Image) -> int | None:
    """Return the EXIF orientation, 1 to 8, or None: damaged EXIF never costs the picture."""
    try:
        value = image.getexif().get(_ORIENTATION)
    except DECODER_ERRORS:
        return None
    return value if isinstance(value, int) and 1 <= value <= 8 else None


def _upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Apply an EXIF orientation (1 to 8) to (rows, columns, 3)."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    flip_rows = orientation in (3, 4, 7, 8)
    flip_columns = orientation in (2, 3, 6, 7)
    return pixels[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]


def _is_heif(file: BinaryIO) -> bool:
    """Tell a HEIC or HEIF file, whatever its name; AVIF shares the container but is Pillow's."""
    head = file.read(64)
    file.seek(0)
    return head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS and b"avif" not in head


def _check_size(path: str | os.PathLike[str], size: tuple[int, int], order: _Order) -> tuple[int, int]:
    width, height = size
    if width < 1 or height < 1:
        raise MediaError(path, "damaged: it has no pixels")
    if width * height > order.max_pixels:
        limit = f"more than {order.max_pixels / 1e6:g} million"
        raise MediaError(path, f"{width} × {height} pixels, {limit}: not decoded")
    return width, height


def _reason(error: BaseException) -> str:
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "not a picture that can be read: damaged, or another kind of file"
    return f"damaged: {describe(error)}"


@contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Put our size limit in place of Pillow's, and silence its warnings and its log.

    Both belong to the whole process, so threads decode one after the other; builds decode in processes.
    """
    from PIL import Image

    with _PILLOW, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("PIL").addHandler(_NO_LOG)
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit
