"""Wherever people look at a picture, it has the colours that its ICC profile says."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from attune.embedding.backbones import ACCURATE_BACKBONES, DEFAULT_BACKBONES, Backbones
from attune.embedding.image_decoding import decode_image
from attune.embedding.image_geometry import crop_padding, make_cover_spec
from attune.embedding.media_preview import ThumbnailTask
from attune.retrieval.html_parts import make_thumbnail
from attune.retrieval.story.canvas import compose
from attune.retrieval.terminal_image import render_half_blocks
from attune.tests.camera_factory import dng, heic
from attune.tests.color_profiles import (
    ADOBE_RGB,
    DISPLAY_P3,
    SRGB,
    convert_lab,
    convert_rgb,
    make_cmyk_profile,
    make_rgb_profile,
)

# Inks of an odd printer: its cyan is orange, its magenta green, its yellow violet.
INKS = {(0, 0, 0, 0): (100, 0, 0), (1, 0, 0, 0): (65, 40, 55), (0, 1, 0, 0): (60, -40, 30)}
INKS |= {(0, 0, 1, 0): (45, 40, -40)}


def middle(image: Image.Image) -> NDArray[np.float64]:
    shown = image.convert("RGB").getpixel((image.width // 2, image.height // 2))
    return np.array(shown, np.float64)


def of_thumbnail(path: Path) -> NDArray[np.float64]:
    content = ThumbnailTask(path, 64).run(Backbones(DEFAULT_BACKBONES))
    return middle(Image.open(io.BytesIO(content)))


def of_page(path: Path) -> NDArray[np.float64]:
    return middle(Image.open(io.BytesIO(make_thumbnail(str(path), 64))))


def of_display(path: Path) -> NDArray[np.float64]:
    return middle(Image.fromarray(decode_image(path, make_cover_spec(64, 64)).pixels))


def of_film(path: Path) -> NDArray[np.float64]:
    """Return the middle of a frame, from YUV of BT.709 in limited range."""
    planes = compose(str(path), (64, 64)).frame(1.0, (64, 64))
    luma, blue, red = (float(plane.getpixel((plane.width // 2, plane.height // 2))) for plane in planes)  # type: ignore[arg-type]
    y, u, v = 255 * (luma - 16) / 219, 255 * (blue - 128) / 224, 255 * (red - 128) / 224
    return np.array([y + 1.5748 * v, y - 0.1873 * u - 0.4681 * v, y + 1.8556 * u])


def of_terminal(path: Path) -> NDArray[np.float64]:
    style = str(render_half_blocks(str(path)).spans[0].style)
    return np.array([*bytes.fromhex(style[1:7])], np.float64)


VIEWERS = [of_thumbnail, of_page, of_display, of_film, of_terminal]
Viewer = Callable[[Path], NDArray[np.float64]]


@pytest.mark.parametrize("viewer", VIEWERS)
@pytest.mark.parametrize("primaries", [SRGB, DISPLAY_P3, ADOBE_RGB], ids=["sRGB", "Display P3", "Adobe RGB"])
@pytest.mark.parametrize("color", [(60, 180, 90), (200, 120, 80), (128, 128, 128), (255, 255, 255)])
def test_matrix_profiles_apply(
    tmp_path: Path,
    viewer: Viewer,
    primaries: tuple[tuple[float, float, float], ...],
    color: tuple[int, int, int],
) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (128, 128), color).save(path, icc_profile=make_rgb_profile(primaries))
    expected = convert_rgb(color, primaries)
    if color == (60, 180, 90) and primaries != SRGB:
        assert np.abs(expected - color).max() > 15  # without the profile it would look different
    # WebP, JPEG and YUV round colours, to at most 4 of 255 here.
    np.testing.assert_allclose(viewer(path), expected, atol=4)


@pytest.mark.parametrize("viewer", VIEWERS)
@pytest.mark.parametrize("suffix", ["tiff", "jpg"])
@pytest.mark.parametrize("ink", [*INKS])
def test_cmyk_profiles_apply(
    tmp_path: Path, viewer: Viewer, suffix: str, ink: tuple[int, int, int, int]
) -> None:
    path = tmp_path / f"a.{suffix}"
    color = tuple(255 * share for share in ink)
    Image.new("CMYK", (128, 128), color).save(path, icc_profile=make_cmyk_profile(INKS))
    np.testing.assert_allclose(viewer(path), convert_lab(INKS[ink]), atol=5)


GREEN = (60, 180, 90)


def adobe_exif() -> Image.Exif:
    """Return EXIF data by which a camera says Adobe RGB: the index of DCF's optional colour space."""
    exif = Image.Exif()
    exif[0x0112] = 1
    exif.get_ifd(0x8769).update({0xA001: 0xFFFF, 0xA005: {1: "R03"}})  # 0xFFFF: uncalibrated
    return exif


def convert_adobe_rgb(color: tuple[int, int, int]) -> NDArray[np.float64]:
    """Return a colour of Adobe RGB, whose tone curve is a power of 563/256, in sRGB."""
    linear = (np.array(color) / 255) ** (563 / 256)
    curve = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return convert_rgb(255 * curve, ADOBE_RGB)


@pytest.mark.parametrize("viewer", VIEWERS)
def test_adobe_rgb_that_only_the_exif_data_name_applies(tmp_path: Path, viewer: Viewer) -> None:
    path = tmp_path / "a.jpg"
    Image.new("RGB", (128, 128), GREEN).save(path, quality=95, exif=adobe_exif())
    assert np.abs(convert_adobe_rgb(GREEN) - GREEN).max() > 15
    np.testing.assert_allclose(viewer(path), convert_adobe_rgb(GREEN), atol=5)
    embedded = make_rgb_profile(SRGB)  # it has the last word
    Image.new("RGB", (128, 128), GREEN).save(path, quality=95, exif=adobe_exif(), icc_profile=embedded)
    np.testing.assert_allclose(viewer(path), GREEN, atol=5)


@pytest.mark.parametrize("viewer", VIEWERS)
def test_the_preview_of_a_raw_file_has_its_own_profile(tmp_path: Path, viewer: Viewer) -> None:
    pixels = np.full((240, 320, 3), GREEN, np.uint8)
    path = dng(tmp_path / "a.dng", pixels, icc_profile=make_rgb_profile(DISPLAY_P3))
    np.testing.assert_allclose(viewer(path), convert_rgb(GREEN, DISPLAY_P3), atol=5)
    path = dng(tmp_path / "b.dng", pixels, color_space=2)  # without one, what the camera was set to
    np.testing.assert_allclose(viewer(path), convert_adobe_rgb(GREEN), atol=5)


@pytest.mark.parametrize("viewer", VIEWERS)
@pytest.mark.parametrize("kind", ["prof", "nclx"])
def test_profiles_of_heic_apply(tmp_path: Path, viewer: Viewer, kind: str) -> None:
    colors = {
        "prof": b"prof" + make_rgb_profile(DISPLAY_P3),
        "nclx": b"nclx" + struct.pack(">3HB", 12, 13, 6, 0),  # P3, the curve of sRGB, BT.601, limited range
    }[kind]
    path = tmp_path / "a.heic"
    plain = np.asarray(decode_image(heic(path, np.full((128, 128, 3), GREEN, np.uint8))).pixels[64, 64])
    heic(path, np.full((128, 128, 3), GREEN, np.uint8), colors=colors)
    np.testing.assert_allclose(decode_image(path).pixels[64, 64], plain, atol=2)  # as stored
    np.testing.assert_allclose(viewer(path), convert_rgb(plain, DISPLAY_P3), atol=6)


@pytest.mark.parametrize("mode", ["P", "RGBA", "L"])
def test_profiles_of_other_modes(tmp_path: Path, mode: str) -> None:
    """A profile of RGB applies to palettes and transparent pictures, and means nothing for greys."""
    path = tmp_path / "a.png"
    color = (60, 180, 90)
    image = Image.new("RGB", (128, 128), color)
    image = image.quantize(4) if mode == "P" else image.convert(mode)
    image.save(path, icc_profile=make_rgb_profile(DISPLAY_P3))
    grey = image.getpixel((0, 0))
    expected = [grey] * 3 if mode == "L" else convert_rgb(color, DISPLAY_P3)
    for viewer in (of_thumbnail, of_display):
        np.testing.assert_allclose(viewer(path), expected, atol=4)


@pytest.mark.parametrize("profile", [b"x" * 500, make_rgb_profile(SRGB)[:200], make_cmyk_profile(INKS)])
def test_a_damaged_or_unfit_profile_costs_nothing(tmp_path: Path, profile: bytes) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (128, 128), (60, 180, 90)).save(path, icc_profile=profile)
    for viewer in VIEWERS:
        np.testing.assert_allclose(viewer(path), (60, 180, 90), atol=4)


def test_backbones_get_the_stored_colours(tmp_path: Path) -> None:
    """Networks were trained without colour profiles, so their features do not depend on them."""
    path = tmp_path / "a.png"
    Image.new("RGB", (128, 128), (60, 180, 90)).save(path, icc_profile=make_rgb_profile(DISPLAY_P3))
    for backbones in (DEFAULT_BACKBONES, ACCURATE_BACKBONES):
        spec = backbones["image"].image_spec
        shown = crop_padding(decode_image(path, spec).pixels, (128, 128), spec)
        assert (shown == (60, 180, 90)).all()
