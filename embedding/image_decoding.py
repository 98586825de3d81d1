"""Decoding of pictures to upright RGB arrays, for backbones and for people.

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
    DEFAULT_IMAGE_SPEC,
    ImageSpec,
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
# times the difference, which Lanczos keeps from being seen.
_DRAFT: Final = {"bilinear": 2, "bicubic": 2, "lanczos": 1}
_REDUCING_GAP: Final = {"bilinear": 2.0, "bicubic": 2.0, "lanczos": 3.0}
# Pillow also supports formats that run other programs (EPS) or are not pictures; only these are tried.
_FORMATS: Final = (
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


def decode_image(path: str | os.PathLike[str], spec: ImageSpec = DEFAULT_IMAGE_SPEC) -> Picture:
    """Decode a picture file, recognised by its content whatever its name.

    EXIF orientation is applied. Transparent parts become white, as most pages and viewers show them. Of an
    animation, the first frame is read. Sizes from one pixel up to `spec.max_pixels` are read.

    Args:
        path: The file.
        spec: Size, shape and colours of the result.

    Returns:
        The picture.

    Raises:
        UnsupportedMedia: HEIC or RAW without the extra, or an unusual colour mode.
        MediaError: The file is damaged, truncated, empty, too large, not permitted or not a regular file.
    """
    with open_media(path) as file:
        return decode_image_file(path, file, spec)


def decode_image_file(path: str | os.PathLike[str], file: BinaryIO, spec: ImageSpec) -> Picture:
    """Decode a picture from an open file, at its start, as `decode_image` does; `path` is its name."""
    with quiet_pillow():
        try:
            if is_raw(path):
                return _read_raw(path, file, spec)
            with open_picture(path, file) as image:
                return _decode_opened(path, image, spec)
        except DECODER_ERRORS as error:
            raise _make_decode_error(path, error) from error


def open_picture(path: str | os.PathLike[str], file: BinaryIO) -> Image.Image:
    """Open a picture with Pillow, without decoding its pixels; inside `quiet_pillow`.

    Raises:
        UnsupportedMedia: It is HEIC, and the extra is not installed.
        OSError: Pillow does not know its format.
    """
    from PIL import Image

    if not _is_heif(file):
        return Image.open(file, formats=_FORMATS)
    try:
        import pi_heif
    except ImportError:
        raise UnsupportedMedia(path, f"HEIC {_PHOTOS_HINT}") from None
    pi_heif.register_heif_opener()  # its pictures are upright, with an EXIF orientation that says so
    return Image.open(file, formats=(*_FORMATS, "HEIF"))


def is_raw(path: str | os.PathLike[str]) -> bool:
    """Return whether a file is camera RAW, by its name: most are TIFF files inside."""
    return os.fsdecode(path).rpartition(".")[2].lower() in RAW_SUFFIXES


def _decode_opened(
    path: str | os.PathLike[str], image: Image.Image, spec: ImageSpec, turn: int | None = None
) -> Picture:
    """Decode with Pillow; `turn` is the EXIF orientation to apply where the file itself has none."""
    width, height = _check_size(path, image.size, spec)
    draft = _DRAFT[spec.resample] * spec.side
    image.draft(None, (draft, draft))
    image.load()
    orientation = _read_orientation(image) or turn or 1
    # Pillow applies a TIFF's orientation while loading, which may exchange width and height. (For a JPEG,
    # the size is now that of the reduced scale.)
    if image.format == "TIFF":
        width, height = image.size
    return _resize_image(path, image, (width, height), orientation, spec)


def _read_raw(path: str | os.PathLike[str], file: BinaryIO, spec: ImageSpec) -> Picture:
    """Decode the preview embedded in a RAW file, or develop at half size where there is none."""
    try:
        import rawpy
    except ImportError:
        raise UnsupportedMedia(path, f"camera RAW {_PHOTOS_HINT}") from None
    from PIL import Image

    try:
        with rawpy.imread(file) as raw:
            sizes = raw.sizes
            width, height = _check_size(path, (sizes.width, sizes.height), spec)
            upright = (height, width) if sizes.flip in (5, 6) else (width, height)
            preview = _read_embedded_preview(path, raw, spec, wide=width >= height)
            if preview is None:
                developed = raw.postprocess(half_size=True, use_camera_wb=True, output_bps=8)
                preview = _resize_image(path, Image.fromarray(developed), upright, 1, spec)
    except rawpy.LibRawError as error:
        detail = error.args[0] if error.args else ""
        text = detail.decode("ascii", "replace") if isinstance(detail, bytes) else str(detail)
        raise MediaError(path, f"damaged, or a RAW format that LibRaw does not know: {text[:80]}") from error
    return Picture(preview.pixels, *upright)


def _read_embedded_preview(
    path: str | os.PathLike[str], raw: object, spec: ImageSpec, wide: bool
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
        return _decode_opened(path, image, spec, turn) if _is_sufficient(image.size, turn, spec) else None


def _is_sufficient(size: tuple[int, int], turn: int, spec: ImageSpec) -> bool:
    """Return whether a preview need not be enlarged."""
    wanted = _orient_size(spec.box or (spec.side, spec.side), turn)
    return size[0] >= wanted[0] and size[1] >= wanted[1]


def _orient_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Return width and height after an EXIF orientation is applied, or before it was."""
    return size[::-1] if orientation in (5, 6, 7, 8) else size


def _resize_image(
    path: str | os.PathLike[str], image: Image.Image, size: tuple[int, int], orientation: int, spec: ImageSpec
) -> Picture:
    """Scale, convert and orient a loaded image; `size` is the original's, before `orientation` is applied."""
    from PIL import Image

    resample = Image.Resampling[spec.resample.upper()]
    box = center_crop_box(image.size) if spec.fit == "crop" else None
    upright_size = compute_fitted_size(_orient_size(image.size, orientation), spec)
    small = _convert_to_8bit(path, image).resize(
        _orient_size(upright_size, orientation), resample, box, reducing_gap=_REDUCING_GAP[spec.resample]
    )
    if small.mode == "RGBA":
        small = Image.alpha_composite(Image.new("RGBA", small.size, _WHITE), small).convert("RGB")
    profile = image.info.get("icc_profile") if spec.colors == "srgb" else None
    pixels = np.asarray(_convert_to_srgb(small, profile))
    turned = apply_orientation(pixels, orientation)
    return Picture(np.ascontiguousarray(pad_to_square(turned, spec)), *_orient_size(size, orientation))


def _convert_to_8bit(path: str | os.PathLike[str], image: Image.Image) -> Image.Image:
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


def _convert_to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
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


def _is_heif(file: BinaryIO) -> bool:
    """Return whether a file is HEIC or HEIF, by its content.

    AVIF has the same container, but is read by Pillow itself.
    """
    head = file.read(64)
    file.seek(0)
    return head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS and b"avif" not in head


def _check_size(path: str | os.PathLike[str], size: tuple[int, int], spec: ImageSpec) -> tuple[int, int]:
    width, height = size
    if width < 1 or height < 1:
        raise MediaError(path, "damaged: it has no pixels")
    if width * height > spec.max_pixels:
        limit = f"more than {spec.max_pixels / 1e6:g} million"
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
