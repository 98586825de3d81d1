"""ICC colour profiles made by hand, and what their colours are in sRGB, computed step by step."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import ImageCms

# XYZ of red, green and blue at full strength, one per row, adapted to D50 as ICC profiles store them.
SRGB = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
DISPLAY_P3 = ((0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419), (0.1572, 0.0666, 0.7841))
ADOBE_RGB = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))
_D50 = np.array([0.9642, 1.0, 0.8249])


def make_rgb_profile(primaries: tuple[tuple[float, float, float], ...]) -> bytes:
    """Return a matrix profile with some primaries and the tone curve of sRGB."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for name, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True):
        entry = profile.index(name, 128)  # of the table of tags: name, offset, size
        (offset,) = struct.unpack_from(">I", profile, entry + 4)
        struct.pack_into(">3i", profile, offset + 8, *(round(value * 65536) for value in xyz))
    return bytes(profile)


def convert_rgb(color: ArrayLike, primaries: tuple[tuple[float, float, float], ...]) -> NDArray[np.float64]:
    """Return what (3,) in [0, 255], stored with a profile of `make_rgb_profile`, is in sRGB, float64 (3,)."""
    stored = np.asarray(color, np.float64) / 255
    linear = np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4)
    return _convert_xyz(linear @ np.array(primaries))


def make_cmyk_profile(lab_of_inks: dict[tuple[int, int, int, int], tuple[int, int, int]]) -> bytes:
    """Return a profile of a CMYK printer, version 2, with a look-up table of full inks only.

    Args:
        lab_of_inks: CIELAB (L in [0, 100], a and b in [-128, 127]) of combinations of inks, each 0 or 1;
            a combination that is missing is black.
    """
    table = bytearray()
    for cyan, magenta, yellow, black in np.ndindex(2, 2, 2, 2):
        lightness, a, b = lab_of_inks.get((cyan, magenta, yellow, black), (0, 0, 0))
        table += bytes((round(lightness * 2.55), a + 128, b + 128))
    identity = struct.pack(">9i", *(65536 if place % 4 == 0 else 0 for place in range(9)))
    ramp = bytes(range(256))
    lut = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + identity + 4 * ramp + bytes(table) + 3 * ramp
    text = b"test\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78),
        b"cprt": b"text\0\0\0\0" + text,
        b"wtpt": b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in _D50)),
        b"A2B0": lut,
    }
    offset, index, data = 132 + 12 * len(tags), b"", b""
    for name, content in tags.items():
        padded = content + bytes(-len(content) % 4)
        index += name + struct.pack(">2I", offset + len(data), len(content))
        data += padded
    white = struct.pack(">3i", *(round(value * 65536) for value in _D50))
    head = b"lcms" + struct.pack(">I", 0x02400000) + b"prtrCMYKLab " + struct.pack(">6H", 2020, 1, 1, 0, 0, 0)
    head += b"acsp" + bytes(28) + white
    size = struct.pack(">I", offset + len(data))
    return size + head.ljust(124, b"\0") + struct.pack(">I", len(tags)) + index + data


def convert_lab(lab: ArrayLike) -> NDArray[np.float64]:
    """Return CIELAB (3,), D50, in sRGB: float64 (3,) in [0, 255]."""
    lightness, a, b = np.asarray(lab, np.float64)
    middle = (lightness + 16) / 116
    roots = np.array([middle + a / 500, middle, middle - b / 200])
    ratios = np.where(roots > 6 / 29, roots**3, 3 * (6 / 29) ** 2 * (roots - 4 / 29))
    return _convert_xyz(ratios * _D50)


def _convert_xyz(xyz: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = np.clip(xyz @ np.linalg.inv(np.array(SRGB)), 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
