"""Decoding of pictures to upright RGB arrays, for backbones and for people.

    open → size check → decode (JPEG: at a reduced scale) → 8-bit mode → resize → RGB → upright

`attune.embedding.image_geometry` computes the target shape. The EXIF orientation is applied last, to the
resized picture, where it costs next to nothing.
"""

from __future__ import annotations

import io
import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import MediaError, UnsupportedMedia
from attune.embedding.color_profiles import convert_to_srgb, find_profile, find_raw_profile
from attune.embedding.image_formats import (
    PHOTOS_HINT,
    check_size,
    explain_failure,
    is_raw,
    is_tiff,
    open_picture,
    quiet_pillow,
)
from attune.embedding.image_geometry import (
    DEFAULT_IMAGE_SPEC,
    ImageSpec,
    apply_orientation,
    center_crop_box,
    compute_fitted_size,
    pad_to_square,
)
from attune.embedding.media_files import DECODER_ERRORS, open_media
from attune.embedding.partial_images import MIN_COMPLETE_SHARE, decode_complete_rows, read_orientation
from attune.embedding.tiff_images import (
    find_largest_sample,
    is_reduced_image,
    is_unsigned,
    is_white_zero,
)

if TYPE_CHECKING:
    from PIL import Image

# A JPEG is decoded at 1/2, 1/4 or 1/8 of its size as long as both sides stay above this multiple of the
# wanted side. Pixels then differ from those of a full decode by less than 1 of 255 on average (a test checks
# it), and a photo of 12 MP takes 30 ms instead of 120 ms. A multiple of 1 would save another 7 ms, at 1.5
# times the difference, which Lanczos keeps from being seen.
_DRAFT: Final = {"bilinear": 2, "bicubic": 2, "lanczos": 1}
_REDUCING_GAP: Final = {"bilinear": 2.0, "bicubic": 2.0, "lanczos": 3.0}
_WHITE: Final = (255, 255, 255, 255)
_BAND_ROWS: Final = 256

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture.

    Attributes:
        pixels: uint8 (rows, columns, 3), RGB, upright, C-contiguous.
        width: Width of the upright original, in pixels; of one that lacks its last bytes, without the
            columns that could not be decoded.
        height: Height, likewise.
    """

    pixels: NDArray[np.uint8]
    width: int
    height: int


def decode_image(path: str | os.PathLike[str], spec: ImageSpec = DEFAULT_IMAGE_SPEC) -> Picture:
    """Decode a picture file, recognised by its content whatever its name.

    EXIF orientation is applied. Transparent parts become white, as most pages and viewers show them. Of an
    animation, the first frame is read (of JPEG XL, the last). Sizes from one pixel up to `spec.max_pixels`
    are read. Of a file that lacks its last bytes, the complete rows are the picture, if they are nine tenths
    of all.

    Args:
        path: The file.
        spec: Size, shape and colours of the result.

    Returns:
        The picture.

    Raises:
        UnsupportedMedia: HEIC, JPEG XL or RAW without the extra, or a flavour that no decoder knows.
        MediaError: The file is damaged, cut short, empty, too large, not permitted or not a regular file.
    """
    with open_media(path) as file:
        return decode_image_file(path, file, spec)


def decode_image_file(path: str | os.PathLike[str], file: BinaryIO, spec: ImageSpec) -> Picture:
    """Decode a picture from an open file, at its start, as `decode_image` does; `path` is its name."""
    with quiet_pillow():
        try:
            return _read_raw(path, file, spec) if is_raw(path, file) else _read_plain(path, file, spec)
        except DECODER_ERRORS as error:
            raise explain_failure(path, file, error) from error


def _read_plain(path: str | os.PathLike[str], file: BinaryIO, spec: ImageSpec) -> Picture:
    """Decode with Pillow; of a file that lacks its last bytes, the rows that are complete."""
    with open_picture(path, file, spec.max_pixels) as image:
        size = check_size(path, image.size, spec.max_pixels)
        try:
            _load_at_scale(image, spec)
        except MemoryError:
            raise
        except DECODER_ERRORS as error:
            failure = error.with_traceback(None)  # which would keep the pixels
        else:
            return _convert_loaded(path, image, size, spec)
    del image  # its pixels
    partial = decode_complete_rows(lambda source: open_picture(path, source, spec.max_pixels), file)
    if partial is None:
        raise failure
    if partial.share < MIN_COMPLETE_SHARE:
        share = int(100 * partial.share)
        raise MediaError(path, f"damaged: only {share} % of its rows can be decoded") from failure
    logger.info("%s: %.1f %% of its rows can be decoded", path, 100 * partial.share)
    return _resize_image(path, partial.image, partial.image.size, partial.orientation, spec)


def _load_at_scale(image: Image.Image, spec: ImageSpec) -> None:
    draft = _DRAFT[spec.resample] * spec.side
    image.draft(None, (draft, draft))
    image.load()


def _convert_loaded(
    path: str | os.PathLike[str],
    image: Image.Image,
    size: tuple[int, int],
    spec: ImageSpec,
    turn: int | None = None,
) -> Picture:
    """Resize and convert a loaded image.

    `size` is the original's, as opened, and `turn` the EXIF orientation to apply where the image has none.
    """
    # Pillow applies a TIFF's orientation while loading, which may exchange width and height. (The size of a
    # JPEG is now that of the reduced scale.)
    stored = image.size if image.format == "TIFF" else size
    return _resize_image(path, image, stored, read_orientation(image) or turn or 1, spec)


def _read_raw(path: str | os.PathLike[str], file: BinaryIO, spec: ImageSpec) -> Picture:
    """Decode the preview embedded in a RAW file, or develop at half size where there is none.

    A TIFF that is not RAW, whatever its name, is read as TIFF.
    """
    try:
        import rawpy
    except ImportError:
        raise UnsupportedMedia(path, f"camera RAW {PHOTOS_HINT}") from None
    try:
        return _develop_raw(path, file, spec)
    except rawpy.LibRawFileUnsupportedError as error:
        file.seek(0)
        if is_tiff(file) and not _holds_reduced_image(path, file):
            return _read_plain(path, file, spec)
        raise UnsupportedMedia(path, "not a camera's RAW, or one that LibRaw does not know") from error
    except rawpy.LibRawError as error:
        detail = error.args[0] if error.args else ""
        text = detail.decode("ascii", "replace") if isinstance(detail, bytes) else str(detail)
        raise MediaError(path, f"damaged: {text[:80]}") from error


def _holds_reduced_image(path: str | os.PathLike[str], file: BinaryIO) -> bool:
    """Return whether what Pillow finds first in a TIFF is a thumbnail, as in most RAW files."""
    try:
        with open_picture(path, file) as image:
            return is_reduced_image(image)
    finally:
        file.seek(0)


def _develop_raw(path: str | os.PathLike[str], file: BinaryIO, spec: ImageSpec) -> Picture:
    import rawpy
    from PIL import Image

    with rawpy.imread(file) as raw:
        sizes = raw.sizes
        width, height = check_size(path, (sizes.width, sizes.height), spec.max_pixels)
        upright = (height, width) if sizes.flip in (5, 6) else (width, height)
        preview = _read_embedded_preview(path, file, raw, spec, wide=width >= height)
        if preview is None:
            developed = raw.postprocess(half_size=True, use_camera_wb=True, output_bps=8)
            preview = _resize_image(path, Image.fromarray(developed), upright, 1, spec)
    return Picture(preview.pixels, *upright)


def _read_embedded_preview(
    path: str | os.PathLike[str], file: BinaryIO, raw: object, spec: ImageSpec, wide: bool
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
        if not _is_sufficient(image.size, turn, spec):
            return None
        size = check_size(path, image.size, spec.max_pixels)
        _load_at_scale(image, spec)
        if spec.colors == "srgb" and (profile := find_profile(image) or find_raw_profile(file)):
            image.info["icc_profile"] = profile
        return _convert_loaded(path, image, size, spec, turn)


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
    profile = find_profile(image) if spec.colors == "srgb" else None
    pixels = np.asarray(convert_to_srgb(small, profile))
    turned = apply_orientation(pixels, orientation)
    return Picture(np.ascontiguousarray(pad_to_square(turned, spec)), *_orient_size(size, orientation))


def _convert_to_8bit(path: str | os.PathLike[str], image: Image.Image) -> Image.Image:
    """Return the image as 8-bit L, RGB, RGBA or CMYK, modes in which neighbouring pixels can be averaged."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _scale_to_8bit(image)
    if image.mode in ("L", "RGB", "CMYK") and not image.has_transparency_data:
        return image
    if image.mode == "1":
        return image.convert("L")
    if image.mode == "La":
        image = image.convert("LA")
    if image.mode in ("L", "LA", "P", "PA", "RGB", "RGBA", "RGBa"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode in ("RGBX", "YCbCr", "HSV"):
        return image.convert("RGB")
    raise UnsupportedMedia(path, f"colours stored as {image.mode}: export it as RGB")


def _scale_to_8bit(image: Image.Image) -> Image.Image:
    """Scale grey values to 8 bits by the smallest range 0…top that contains them, or by their maximum."""
    from PIL import Image

    values = np.asarray(image)
    if values.dtype == np.int32 and is_unsigned(image):
        values = values.view(np.uint32)
    bands = [slice(top, top + _BAND_ROWS) for top in range(0, len(values), _BAND_ROWS)]  # saves memory
    peak = max(float(_read_finite(values[band]).max()) for band in bands)
    largest = find_largest_sample(image)
    tops = (largest,) if largest else (1, 255, 65535) if image.mode == "F" else (65535,)
    top = next((top for top in tops if peak <= top), peak)
    scaled = np.empty(values.shape, np.uint8)
    for band in bands:
        scaled[band] = np.clip(_read_finite(values[band]) * (255 / top) + 0.5, 0, 255)
    return Image.fromarray(255 - scaled if is_white_zero(image) else scaled)


def _read_finite(values: NDArray[np.generic]) -> NDArray[np.float32]:
    return np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
