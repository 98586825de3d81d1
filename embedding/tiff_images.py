"""TIFF flavours that Pillow opens but does not decode right, and what the samples of a TIFF mean."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from attune.core.errors import UnsupportedMedia

if TYPE_CHECKING:
    from PIL import Image, TiffImagePlugin

_SUBFILE_TYPE: Final = 254
_BITS_PER_SAMPLE: Final = 258
_PHOTOMETRIC: Final = 262
_STRIP_BYTES: Final = 279
_PLANAR_CONFIGURATION: Final = 284
_SAMPLE_FORMAT: Final = 339
_WHITE_IS_ZERO: Final = 0
_UNSIGNED, _SIGNED = 1, 2


def correct_tiff(path: str | os.PathLike[str], file: BinaryIO, image: Image.Image) -> Image.Image:
    """Return an opened TIFF so that Pillow decodes it right.

    Pillow by itself reads separate planes of more than 8 bits as if they had 8, does not invert planes in
    which white is zero, and takes subsampled colours for full ones; so libtiff decodes these. Of libtiff, it
    takes some samples in the machine's byte order for ones in the file's.

    Args:
        path: The file, for messages.
        file: The same, open.
        image: The same, opened by Pillow and not loaded yet.

    Raises:
        UnsupportedMedia: Pillow would decode it wrong in any case.
    """
    from PIL import TiffImagePlugin

    assert isinstance(image, TiffImagePlugin.TiffImageFile)
    planes = image.tag_v2.get(_PLANAR_CONFIGURATION) == 2
    bits = max(image.tag_v2.get(_BITS_PER_SAMPLE, (1,)))
    if planes and image.mode in ("LA", "La", "PA"):
        raise UnsupportedMedia(path, "a TIFF with transparency in a plane of its own: export it as .png")
    if bits == 8 and _get_sample_format(image) == _SIGNED:
        raise UnsupportedMedia(path, "a TIFF of signed numbers of 8 bits: export it as .png")
    odd_planes = planes and (bits > 8 or is_white_zero(image))
    if not image.use_load_libtiff and (odd_planes or _is_subsampled(image)):
        image = _reopen_with_libtiff(file)
    if image.use_load_libtiff:
        image.tile = [tile._replace(args=_with_native_order(tile.args)) for tile in image.tile]
    return image


def is_white_zero(image: Image.Image) -> bool:
    """Return whether an image is a TIFF whose zeros are white."""
    return image.format == "TIFF" and _get_tag(image, _PHOTOMETRIC) == _WHITE_IS_ZERO


def is_unsigned(image: Image.Image) -> bool:
    """Return whether an image is a TIFF of unsigned numbers, which Pillow keeps as signed ones of 32 bits."""
    return image.format == "TIFF" and _get_sample_format(image) == _UNSIGNED


def is_reduced_image(image: Image.Image) -> bool:
    """Return whether the first picture of a TIFF is only a smaller version of another one in it."""
    return image.format == "TIFF" and bool(int(_get_tag(image, _SUBFILE_TYPE) or 0) & 1)


def find_largest_sample(image: Image.Image) -> int | None:
    """Return the largest value of a TIFF's integer samples of up to 16 bits; None for any other image."""
    if image.format != "TIFF" or image.mode == "F":
        return None
    bits: int = max(_get_tag(image, _BITS_PER_SAMPLE) or (1,))
    signed = _get_sample_format(image) == _SIGNED
    return (1 << (bits - signed)) - 1 if bits <= 16 else None


def _is_subsampled(image: Image.Image) -> bool:
    """Return whether an uncompressed TIFF in YCbCr has fewer bytes than three a pixel."""
    width, height = image.size
    return image.mode == "YCbCr" and sum(_get_tag(image, _STRIP_BYTES) or (0,)) < 3 * width * height


def _get_sample_format(image: Image.Image) -> int:
    formats = _get_tag(image, _SAMPLE_FORMAT) or (_UNSIGNED,)
    return int(formats[0])


def _get_tag(image: Image.Image, tag: int) -> Any:
    return image.tag_v2.get(tag)  # type: ignore[attr-defined]


def _reopen_with_libtiff(file: BinaryIO) -> TiffImagePlugin.TiffImageFile:
    """Open a TIFF to be decoded by libtiff; inside `quiet_pillow`, as the switch is global."""
    from PIL import TiffImagePlugin

    file.seek(0)
    TiffImagePlugin.READ_LIBTIFF = True
    try:
        return TiffImagePlugin.TiffImageFile(file)
    finally:
        TiffImagePlugin.READ_LIBTIFF = False


def _with_native_order(args: Any) -> Any:
    """Return the arguments of libtiff's decoder for samples in the machine's byte order."""
    native = {"F;32F": "F;32NF", "F;32BF": "F;32NF", "I;32S": "I;32NS", "I;32BS": "I;32NS"}
    native |= {"I;16S": "I;16NS", "I;16BS": "I;16NS"}
    return (native.get(args[0], args[0]), *args[1:])
