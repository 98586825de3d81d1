"""Colour profiles of pictures, embedded or named in their metadata, and conversion by them to sRGB."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from attune.embedding.media_files import DECODER_ERRORS

if TYPE_CHECKING:
    from PIL import Image

_Primaries = tuple[tuple[float, float, float], ...]

# XYZ of red, green and blue at full strength, adapted to D50, the white of ICC profiles.
_ADOBE_RGB: Final = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
_DISPLAY_P3: Final = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
_ADOBE_GAMMA: Final = 563 / 256
_EXIF_IFD: Final = 0x8769
_INTEROPERABILITY_IFD: Final = 0xA005
_INTEROPERABILITY_INDEX: Final = 1
_DCF_OPTIONAL: Final = "R03"  # by which cameras say Adobe RGB, for want of a value of the colour space
_COLOR_SPACE: Final = 0xA001
_ADOBE_COLOR_SPACE: Final = 2  # not in the standard, but written
_P3_PRIMARIES: Final = 12  # of ITU-T H.273, as are the transfer characteristics
_SDR_TRANSFERS: Final = (1, 6, 13, 14, 15)


def find_profile(image: Image.Image) -> bytes | None:
    """Return the ICC profile of a picture's colours.

    Args:
        image: The picture, as opened: with its `info` and EXIF data.

    Returns:
        The embedded profile; or that of Adobe RGB or Display P3 where the metadata only names it; or None,
        which means sRGB.
    """
    profile = image.info.get("icc_profile")
    if isinstance(profile, bytes) and profile:
        return profile
    if _names_adobe_rgb(image.getexif):
        return _make_profile(_ADOBE_RGB, _ADOBE_GAMMA)
    coded = image.info.get("nclx_profile")  # HEIC
    if isinstance(coded, dict) and coded.get("color_primaries") == _P3_PRIMARIES:
        return _make_profile(_DISPLAY_P3) if coded.get("transfer_characteristics") in _SDR_TRANSFERS else None
    return None


def find_raw_profile(file: BinaryIO) -> bytes | None:
    """Return the ICC profile of the preview in an open RAW file by the EXIF data, or None for sRGB.

    The preview itself seldom has any. Only RAW formats that are TIFF inside are looked at.
    """
    from PIL import Image

    def read_exif() -> Image.Exif:
        exif = Image.Exif()
        file.seek(0)
        exif.load_from_fp(file)
        return exif

    return _make_profile(_ADOBE_RGB, _ADOBE_GAMMA) if _names_adobe_rgb(read_exif) else None


def convert_to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert an image to RGB: by an ICC profile to sRGB, or plainly where there is no usable profile.

    Args:
        image: L, RGB or CMYK, 8 bits per channel.
        profile: The picture's profile. One that is damaged or made for another mode is ignored.
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


def _names_adobe_rgb(read_exif: Callable[[], Image.Exif]) -> bool:
    try:
        exif = read_exif()
        color_space = exif.get_ifd(_EXIF_IFD).get(_COLOR_SPACE)
        interoperability: Any = exif.get_ifd(_INTEROPERABILITY_IFD).get(_INTEROPERABILITY_INDEX, "")
    except DECODER_ERRORS:
        return False
    return str(interoperability).startswith(_DCF_OPTIONAL) or color_space == _ADOBE_COLOR_SPACE


@cache
def _make_profile(primaries: _Primaries, gamma: float | None = None) -> bytes:
    """Return a matrix profile: that of sRGB, which Pillow makes, with other primaries and another curve."""
    from PIL import ImageCms

    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for name, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True):
        _write_fixed(profile, _find_tag(profile, name) + 8, xyz)
    if gamma is not None:
        for name in (b"rTRC", b"gTRC", b"bTRC"):
            # Of the curve y = (a·x + b)^gamma above d, with c·x below: gamma, a, b, c and d.
            _write_fixed(profile, _find_tag(profile, name) + 12, (gamma, 1, 0, 0, 0))
    return bytes(profile)


def _find_tag(profile: bytearray, name: bytes) -> int:
    entry = profile.index(name, 128)  # in the table of tags: name, offset, size
    (offset,) = struct.unpack_from(">I", profile, entry + 4)
    return int(offset)


def _write_fixed(profile: bytearray, at: int, numbers: tuple[float, ...]) -> None:
    struct.pack_into(f">{len(numbers)}i", profile, at, *(round(number * 65536) for number in numbers))
