"""Decoding of pictures for display: upright, in sRGB, at the size at which they will be shown.

    open → decode (JPEG: at a reduced scale) → upright → 8-bit mode → resize → sRGB

Pictures for backbones, and thumbnails, are decoded by `attune.embedding.image_decoding`.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, BinaryIO, Final

from attune.core.errors import MediaError, UnsupportedMedia
from attune.embedding.image_decoding import (
    FORMATS,
    convert_to_8bit,
    convert_to_srgb,
    is_heif,
    quiet_pillow,
)
from attune.embedding.image_geometry import MAX_PIXELS
from attune.embedding.media_files import DECODER_ERRORS, RAW_SUFFIXES, describe_error, open_media

if TYPE_CHECKING:
    from PIL import Image

_WHITE: Final = (255, 255, 255, 255)


def read_display_image(path: str | os.PathLike[str], width: int, height: int) -> Image.Image:
    """Decode a picture just large enough to cover a box of `width` × `height` pixels.

    Args:
        path: A picture of any format that Attune reads.
        width: Width of the box, in pixels.
        height: Height of the box, in pixels.

    Returns:
        An upright RGB image in sRGB with the original's aspect ratio, never enlarged. Transparent parts are
        white; of an animation, it is the first frame.

    Raises:
        UnsupportedMedia: HEIC or RAW without the extra, or an unusual colour mode.
        MediaError: The file is damaged, truncated, empty, too large, not permitted or not a regular file.
    """
    with open_media(path) as file, quiet_pillow():
        try:
            image = _open_image(path, file)
            # A square, as the orientation is applied later and may exchange width and height.
            side = max(width, height)
            image.draft(None, (side, side))
            image.load()
            return _convert_for_display(path, image, width, height)
        except DECODER_ERRORS as error:
            raise MediaError(path, f"damaged: {describe_error(error)}") from error


def _open_image(path: str | os.PathLike[str], file: BinaryIO) -> Image.Image:
    from PIL import Image

    if os.fsdecode(path).rpartition(".")[2].lower() in RAW_SUFFIXES:
        return _open_raw(path, file)
    image = _open_heif(path, file) if is_heif(file) else Image.open(file, formats=FORMATS)
    if image.width * image.height > MAX_PIXELS:
        raise MediaError(path, f"more than {MAX_PIXELS // 10**6} million pixels: not decoded")
    return image


def _open_heif(path: str | os.PathLike[str], file: BinaryIO) -> Image.Image:
    try:
        import pi_heif
    except ImportError:
        raise UnsupportedMedia(path, 'HEIC needs pip install "attune-affect[photos]"') from None
    image: Image.Image = pi_heif.open_heif(file).to_pillow()
    image.getexif().pop(0x0112, None)  # libheif has applied the orientation
    return image


def _open_raw(path: str | os.PathLike[str], file: BinaryIO) -> Image.Image:
    try:
        import rawpy
    except ImportError:
        raise UnsupportedMedia(path, 'camera RAW needs pip install "attune-affect[photos]"') from None
    from PIL import Image

    try:
        with rawpy.imread(file) as raw:
            return Image.fromarray(raw.postprocess(half_size=True, use_camera_wb=True, output_bps=8))
    except rawpy.LibRawError as error:
        raise MediaError(path, "damaged, or a RAW format that LibRaw does not know") from error


def _convert_for_display(
    path: str | os.PathLike[str], image: Image.Image, width: int, height: int
) -> Image.Image:
    from PIL import Image, ImageOps

    profile = image.info.get("icc_profile")
    with contextlib.suppress(*DECODER_ERRORS):  # a picture with damaged EXIF data is still shown
        image = ImageOps.exif_transpose(image)
    upright = convert_to_8bit(path, image)
    scale = max(width / upright.width, height / upright.height)
    if scale < 1.0:
        size = (max(1, round(upright.width * scale)), max(1, round(upright.height * scale)))
        upright = upright.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    if upright.mode == "RGBA":
        upright = Image.alpha_composite(Image.new("RGBA", upright.size, _WHITE), upright).convert("RGB")
    return convert_to_srgb(upright, profile)
