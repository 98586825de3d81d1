"""Decoding of pictures to small upright RGB arrays, for backbones and for thumbnails.

    open → size check → decode (JPEG: at a reduced scale) → 8-bit mode → resize → RGB → upright

`attune.embedding.image_geometry` computes the target shape. The EXIF orientation is applied last, to the
resized picture, where it costs next to nothing.
"""

from __future__ import annotations

import io
import logging
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import MediaError, UnsupportedMedia
from attune.embedding.image_geometry import (
    DEFAULT_VIEW,
    View,
    apply_orientation,
    center_crop_box,
    compute_fitted_size,
    pad_to_square,
)
from attune.embedding.media_files import DECODER_ERRORS, RAW_SUFFIXES, make_decode_error, open_media

if TYPE_CHECKING:
    from PIL import Image

# A JPEG is decoded at 1/2, 1/4 or 1/8 of its size as long as both sides stay above this multiple of the
# wanted side. Pixels then differ from those of a full decode by less than 1 of 255 on average (a test checks
# it), and a photo of 12 MP takes 30 ms instead of 120 ms. A multiple of 1 would save another 7 ms, at 1.5
# times the difference.
_DRAFT: Final = 2
# Pillow also supports formats that run other programs (EPS) or are not pictures; only these are tried.
FORMATS: Final = (
    *("JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP", "DIB", "JPEG2000", "PPM", "QOI", "TGA"),
)
_HEIF_BRANDS: Final = frozenset(b"heic heix heim heis hevc hevx mif1 msf1 avci avcs".split())
_PHOTOS_HINT: Final = 'needs the extra for photos: pip install "attune-affect[photos]"'
_ORIENTATION_TAG: Final = 0x0112
_WHITE: Final = (255, 255, 255, 255)
_PILLOW_LOCK = threading.Lock()
_NULL_HANDLER = logging.NullHandler()


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture.

    Attributes:
        pixels: uint8 (rows, columns, 3), RGB, upright, C-contiguous.
        width: Width of the upright original, in pixels.
        height: Height of the upright original, in pixels.
    """

    pixels: NDArray[np.uint8]
    width: int
    height: int


def read_image(path: str | os.PathLike[str], view: View = DEFAULT_VIEW) -> Picture:
    """Decode a picture file, recognised by its content whatever its name.

    EXIF orientation is applied. Transparent parts become white, as most pages and viewers show them. Of an
    animation, the first frame is read. Sizes from one pixel up to `view.max_pixels` are read.

    Args:
        path: The file.
        view: Size, shape and colours of the result.

    Returns:
        The picture.

    Raises:
        UnsupportedMedia: HEIC or RAW without the extra, or an unusual colour mode.
        MediaError: The file is damaged, truncated, empty, too large, not permitted or not a regular file.
    """
    with open_media(path) as file, quiet_pillow():
        try:
            if os.fsdecode(path).rpartition(".")[2].lower() in RAW_SUFFIXES:
                return _read_raw(path, file, view)
            if is_heif(file):
                return _read_heif(path, file, view)
            return _read_pillow(path, file, view)
        except DECODER_ERRORS as error:
            raise _make_decode_error(path, error) from error


def _read_pillow(
    path: str | os.PathLike[str], file: BinaryIO, view: View, turn: int | None = None
) -> Picture:
    """Decode with Pillow; `turn` is the EXIF orientation to apply where the file itself has none."""
    from PIL import Image

    with Image.open(file, formats=FORMATS) as image:
        width, height = _check_size(path, image.size, view)
        image.draft(None, (_DRAFT * view.side, _DRAFT * view.side))
        image.load()
        orientation = _read_orientation(image) or turn or 1
        # Pillow applies a TIFF's orientation while loading, which may exchange width and height. (For a JPEG,
        # the size is now that of the reduced scale.)
        if image.format == "TIFF":
            width, height = image.size
        return _resize_image(path, image, (width, height), orientation, view)


def _read_heif(path: str | os.PathLike[str], file: BinaryIO, view: View) -> Picture:
    try:
        import pi_heif
    except ImportError:
        raise UnsupportedMedia(path, f"HEIC {_PHOTOS_HINT}") from None
    heif = pi_heif.open_heif(file)
    size = _check_size(path, heif.size, view)
    return _resize_image(path, heif.to_pillow(), size, 1, view)  # libheif has applied the orientation


def _read_raw(path: str | os.PathLike[str], file: BinaryIO, view: View) -> Picture:
    """Decode the preview embedded in a RAW file, or develop at half size where there is none."""
    try:
        import rawpy
    except ImportError:
        raise UnsupportedMedia(path, f"camera RAW {_PHOTOS_HINT}") from None
    from PIL import Image

    try:
        with rawpy.imread(file) as raw:
            sizes = raw.sizes
            width, height = _check_size(path, (sizes.width, sizes.height), view)
            upright = (height, width) if sizes.flip in (5, 6) else (width, height)
            preview = _read_embedded_preview(path, raw, view, wide=width >= height)
            if preview is None:
                developed = raw.postprocess(half_size=True, use_camera_wb=True, output_bps=8)
                preview = _resize_image(path, Image.fromarray(developed), upright, 1, view)
    except rawpy.LibRawError as error:
        detail = error.args[0] if error.args else ""
        text = detail.decode("ascii", "replace") if isinstance(detail, bytes) else str(detail)
        raise MediaError(path, f"damaged, or a RAW format that LibRaw does not know: {text[:80]}") from error
    return Picture(preview.pixels, *upright)


def _read_embedded_preview(
    path: str | os.PathLike[str], raw: object, view: View, wide: bool
) -> Picture | None:
    """Return the embedded JPEG, upright, or None where there is none of at least the wanted size."""
    import rawpy

    try:
        thumb = raw.extract_thumb()  # type: ignore[attr-defined]
    except (rawpy.LibRawNoThumbnailError, rawpy.LibRawUnsupportedThumbnailError):
        return None
    if thumb.format != rawpy.ThumbFormat.JPEG:
        return None
    from PIL import Image

    with Image.open(io.BytesIO(thumb.data), formats=["JPEG"]) as image:
        # Cameras store the preview in the orientation of the sensor, some software stores it upright; its
        # shape shows which of the two it is.
        turn = {3: 3, 5: 8, 6: 6}.get(raw.sizes.flip, 1)  # type: ignore[attr-defined]
        turn = turn if (image.width >= image.height) == wide else 1
        too_small = min(image.size) < view.side
    return None if too_small else _read_pillow(path, io.BytesIO(thumb.data), view, turn)


def _resize_image(
    path: str | os.PathLike[str], image: Image.Image, size: tuple[int, int], orientation: int, view: View
) -> Picture:
    """Scale, convert and orient a loaded image; `size` is the original's, before `orientation` is applied."""
    from PIL import Image

    resample = Image.Resampling[view.resample.upper()]
    box = center_crop_box(image.size) if view.fit == "crop" else None
    small = convert_to_8bit(path, image).resize(
        compute_fitted_size(image.size, view), resample, box, reducing_gap=2.0
    )
    if small.mode == "RGBA":
        small = Image.alpha_composite(Image.new("RGBA", small.size, _WHITE), small).convert("RGB")
    profile = image.info.get("icc_profile") if view.colors == "srgb" else None
    pixels = np.asarray(convert_to_srgb(small, profile))
    width, height = size[::-1] if orientation in (5, 6, 7, 8) else size
    turned = apply_orientation(pixels, orientation)
    return Picture(np.ascontiguousarray(pad_to_square(turned, view)), width, height)


def convert_to_8bit(path: str | os.PathLike[str], image: Image.Image) -> Image.Image:
    """Return the image as 8-bit L, RGB, RGBA or CMYK, modes in which neighbouring pixels can be averaged."""
    if image.mode.startswith("I;16"):
        return _scale_to_8bit(np.asarray(image), tops=(65535,))
    if image.mode == "I":
        return _scale_to_8bit(np.asarray(image), tops=(65535,))
    if image.mode == "F":
        return _scale_to_8bit(np.asarray(image), tops=(1, 255, 65535))
    if image.mode in ("L", "RGB", "CMYK") and not image.has_transparency_data:
        return image
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode in ("RGBX", "YCbCr", "HSV"):
        return image.convert("RGB")
    raise UnsupportedMedia(path, f"colours stored as {image.mode}: export it as RGB")


def convert_to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert an image to RGB: by an ICC profile to sRGB, or plainly where there is no usable profile.

    Args:
        image: L, RGB or CMYK, 8 bits per channel.
        profile: The embedded profile. One that is damaged or made for another mode is ignored.
    """
    from PIL import ImageCms

    if not profile:
        return image.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, *DECODER_ERRORS):
        converted = None
    return converted if converted is not None else image.convert("RGB")


def _scale_to_8bit(values: NDArray[np.generic], tops: tuple[int, ...]) -> Image.Image:
    """Scale values to 8 bits by the smallest range 0…top that contains them, or else by their maximum."""
    from PIL import Image

    finite = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    peak = float(finite.max())
    top = next((top for top in tops if peak <= top), peak)
    return Image.fromarray(np.clip(finite * (255 / top) + 0.5, 0, 255).astype(np.uint8))


def _read_orientation(image: Image.Image) -> int | None:
    """Return the EXIF orientation, 1 to 8, or None where it is missing or the EXIF data is damaged."""
    try:
        value = image.getexif().get(_ORIENTATION_TAG)
    except DECODER_ERRORS:
        return None
    return value if isinstance(value, int) and 1 <= value <= 8 else None


def is_heif(file: BinaryIO) -> bool:
    """Return whether a file is HEIC or HEIF, by its content.

    AVIF has the same container, but is read by Pillow.
    """
    head = file.read(64)
    file.seek(0)
    return head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS and b"avif" not in head


def _check_size(path: str | os.PathLike[str], size: tuple[int, int], view: View) -> tuple[int, int]:
    width, height = size
    if width < 1 or height < 1:
        raise MediaError(path, "damaged: it has no pixels")
    if width * height > view.max_pixels:
        limit = f"more than {view.max_pixels / 1e6:g} million"
        raise MediaError(path, f"{width} × {height} pixels, {limit}: not decoded")
    return width, height


def _make_decode_error(path: str | os.PathLike[str], error: BaseException) -> MediaError:
    from PIL import UnidentifiedImageError

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
