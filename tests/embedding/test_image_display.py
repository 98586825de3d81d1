"""Decoding of pictures for display: colour modes, size, profiles, orientation, and damaged files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from attune.core.errors import MediaError
from attune.embedding.image_decoding import decode_image
from attune.embedding.image_geometry import make_cover_spec
from attune.tests.media_factory import IMAGE_DAMAGE, bomb, damaged, scene


def read_display_image(path: Path, width: int, height: int) -> Image.Image:
    return Image.fromarray(decode_image(path, make_cover_spec(width, height)).pixels)


MODES = ("rgb.jpg", "rgba.png", "l.png", "palette.gif", "cmyk.jpg", "deep.png", "one.avif")


@pytest.mark.parametrize("name", MODES)
def test_any_mode_becomes_rgb(tmp_path: Path, name: str) -> None:
    picture = Image.fromarray(scene(3, (600, 400)))
    mode = {"rgba.png": "RGBA", "l.png": "L", "palette.gif": "P", "cmyk.jpg": "CMYK"}.get(name, "RGB")
    saved = picture.convert(mode)
    if name == "deep.png":
        saved = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    saved.save(tmp_path / name)
    shown = read_display_image(tmp_path / name, 300, 150)
    assert (shown.mode, shown.size) == ("RGB", (300, 200))
    whole = picture.convert("L").convert("RGB") if name in ("l.png", "deep.png") else picture
    expected = np.asarray(whole.resize((300, 200), Image.Resampling.LANCZOS), np.float64)
    assert np.abs(np.asarray(shown, np.float64) - expected).mean() < 6


def test_it_is_never_enlarged_and_transparent_parts_are_white(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (40, 30), (255, 0, 0, 0))
    clear.save(tmp_path / "clear.webp", lossless=True)
    shown = read_display_image(tmp_path / "clear.webp", 1280, 720)
    assert shown.size == (40, 30)
    assert shown.getpixel((20, 15)) == (255, 255, 255)


def test_profiles_apply_and_damaged_ones_do_not_matter(tmp_path: Path) -> None:
    picture = Image.new("RGB", (64, 64), (120, 60, 200))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name, profile in (("same.png", srgb), ("broken.png", srgb[:200]), ("noise.png", b"x" * 500)):
        picture.save(tmp_path / name, icc_profile=profile)
        shown = np.asarray(read_display_image(tmp_path / name, 64, 64), np.int64)
        assert np.abs(shown - np.array([120, 60, 200])).max() <= 1
    # With red and blue exchanged in the profile, a picture that is stored as red is shown as blue.
    swapped = srgb.replace(b"rXYZ", b"tXYZ").replace(b"bXYZ", b"rXYZ").replace(b"tXYZ", b"bXYZ")
    Image.new("RGB", (64, 64), (250, 10, 10)).save(tmp_path / "swapped.png", icc_profile=swapped)
    red, _, blue = read_display_image(tmp_path / "swapped.png", 64, 64).getpixel((9, 9))
    assert blue > 200 > 100 > red


@pytest.mark.parametrize("orientation", [1, 3, 6, 8, 99])
def test_it_is_upright(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(scene(5, (300, 200))).save(tmp_path / "turned.jpg", exif=exif)
    turned = orientation in (6, 8)
    assert read_display_image(tmp_path / "turned.jpg", 300, 300).size == (
        (200, 300) if turned else (300, 200)
    )


@pytest.mark.parametrize("kind", [*IMAGE_DAMAGE, "missing"])
def test_damage_is_a_reason_not_a_crash(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "bad.jpg"
    if kind == "bomb":
        path.write_bytes(bomb(40_000, 40_000))
    elif kind != "missing":
        damaged(path, kind)
    with pytest.raises(MediaError):
        read_display_image(path, 1280, 720)
