"""One picture file becomes a picture for the eye: upright, in sRGB, as large as it will be shown.

    open → decode (JPEG: at a reduced scale) → a mode of 8-bit channels → resize → RGB → sRGB → upright

For the network colour profiles do not matter and a square of 224 pixels is enough: that is `image.py`.
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
    """Decode a picture so that it fills a box of `width` × `height` pixels when it is scaled down.

    Args:
        path: A picture of any format that Attune reads.
        width: Of the box.
        height: Of the box.

    Returns:
        RGB, sRGB, upright, with its own proportions; no larger than just fills the box, and never enlarged.
        Transparent parts are white; of an animation it is the first frame.

    Raises:
        UnsupportedMedia: HEIC or RAW without the extra, or an unusual colour mode.
        MediaError: Damaged, cut short, empty, too large, forbidden or not a regular file.
    """
    with open_media(path) as file, quiet_pillow():
        try:
            image = _open_image(path, file)
            # What is turned later is larger by one factor than it need be: the box may lie either way.
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
    image.getexif().pop(0x0112, None)  # libheif has turned it
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
    with contextlib.suppress(*DECODER_ERRORS):  # damaged EXIF never costs the picture
        image = ImageOps.exif_transpose(image)
    turned = convert_to_8bit(path, image)
    scale = max(width / turned.width, height / turned.height)
    if scale < 1.0:
        size = (max(1, round(turned.width * scale)), max(1, round(turned.height * scale)))
        turned = turned.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    if turned.mode == "RGBA":
        turned = Image.alpha_composite(Image.new("RGBA", turned.size, _WHITE), turned).convert("RGB")
    return convert_to_srgb(turned, profile)
