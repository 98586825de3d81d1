"""Decoding of pictures: formats, colour modes, orientations, and damaged files."""

from __future__ import annotations

import io
import os
import random
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from attune.core.errors import MediaError, UnsupportedMedia
from attune.embedding import image_decoding as decoder
from attune.embedding.image_decoding import decode_image
from attune.embedding.image_geometry import DEFAULT_IMAGE_SPEC, SIDE, ImageSpec
from attune.tests.camera_factory import dng, heic
from attune.tests.media_factory import IMAGE_DAMAGE, IMAGE_SUFFIXES, bomb, damaged, photo, scene

RED, GREEN, BLUE, GREY = (255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 128, 128)


def quarters(width: int = 320, height: int = 240) -> NDArray[np.uint8]:
    """Return a picture with red, green, blue and grey quarters in reading order."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = RED
    pixels[: height // 2, width // 2 :] = GREEN
    pixels[height // 2 :, : width // 2] = BLUE
    pixels[height // 2 :, width // 2 :] = GREY
    return pixels


def corners(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the colours inside the four quarters in reading order, int64 (4, 3)."""
    near, far = SIDE // 4, 3 * SIDE // 4
    return pixels[[near, near, far, far], [near, far, near, far]].astype(np.int64)


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)  # type: ignore[arg-type]
    return path


def assert_quarters(pixels: NDArray[np.uint8], tolerance: int = 6) -> None:
    assert np.abs(corners(pixels) - [RED, GREEN, BLUE, GREY]).max() <= tolerance


@pytest.mark.parametrize("suffix", [*IMAGE_SUFFIXES, "jp2", "ppm", "tga", "qoi", "jfif"])
def test_every_format_keeps_its_colours_and_size(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"a.{suffix}", Image.fromarray(quarters()))
    picture = decode_image(path)
    assert picture.pixels.shape == (SIDE, SIDE, 3)
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.flags.c_contiguous
    assert (picture.width, picture.height) == (320, 240)
    assert_quarters(picture.pixels)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(tmp_path: Path, suffix: str, orientation: int) -> None:
    undo = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    stored = Image.fromarray(quarters())
    for step in undo.get(orientation, []):
        stored = stored.transpose(step)
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = decode_image(save(tmp_path / f"a.{suffix}", stored, exif=exif))
    assert (picture.width, picture.height) == (320, 240)
    assert_quarters(picture.pixels)


def test_damaged_exif_does_not_cost_the_picture(tmp_path: Path) -> None:
    path = save(
        tmp_path / "a.jpg", Image.fromarray(quarters()), exif=b"Exif\0\0MM\0*\xff\xff\xff\xff\xff\xff"
    )
    assert_quarters(decode_image(path).pixels)


def test_cmyk_red_stays_red(tmp_path: Path) -> None:
    cmyk = Image.fromarray(quarters()).convert("CMYK")
    for name in ("a.jpg", "a.tiff"):
        assert_quarters(decode_image(save(tmp_path / name, cmyk)).pixels)


def test_sixteen_bit_grey_keeps_its_value(tmp_path: Path) -> None:
    values = np.full((100, 100), 0x8000, np.uint16)
    for name in ("a.png", "a.tiff", "a.pgm"):
        assert (
            np.abs(
                decode_image(save(tmp_path / name, Image.fromarray(values))).pixels.astype(int) - 128
            ).max()
            <= 1
        )


@pytest.mark.parametrize(
    ("peak", "shown"), [(0.5, 128), (1.0, 255), (128.0, 128), (32768.0, 128), (1e9, 255)]
)
def test_float_tiff_is_scaled_by_the_range_that_holds_it(tmp_path: Path, peak: float, shown: int) -> None:
    values = np.full((40, 40), peak, np.float32)
    values[0, 0], values[0, 1] = np.nan, -np.inf
    pixels = decode_image(save(tmp_path / "a.tiff", Image.fromarray(values))).pixels
    assert abs(int(pixels[-1, -1, 0]) - shown) <= 1


def test_integer_tiff_is_scaled(tmp_path: Path) -> None:
    for top, shown in ((65535, 255), (2**30, 255), (0, 0)):
        path = save(tmp_path / "a.tiff", Image.fromarray(np.full((30, 30), top, np.int32)))
        assert decode_image(path).pixels[100, 100, 1] == shown


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA"])
def test_other_modes_become_rgb(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(quarters())
    if mode in ("1", "L", "LA"):
        image = Image.fromarray(np.repeat(np.array([[0, 255]], np.uint8), 50, axis=1).repeat(100, axis=0))
        pixels = decode_image(save(tmp_path / "a.png", image.convert(mode))).pixels
        assert (pixels[100, 30] == 0).all()
        assert (pixels[100, 190] == 255).all()
    else:
        assert_quarters(decode_image(save(tmp_path / "a.png", image.convert(mode))).pixels)


def test_transparent_parts_show_white(tmp_path: Path) -> None:
    rgba = np.dstack([quarters(), np.full((240, 320), 255, np.uint8)])
    rgba[:120, :160, 3] = 0
    rgba[120:, :160, 3] = 128
    pixels = decode_image(save(tmp_path / "a.png", Image.fromarray(rgba))).pixels
    assert np.abs(corners(pixels) - [(255, 255, 255), GREEN, (127, 127, 255), GREY]).max() <= 2
    palette = Image.fromarray(quarters()).quantize(4)
    clear = palette.getpixel((10, 10))
    for name in ("a.png", "a.gif"):
        pixels = decode_image(save(tmp_path / name, palette, transparency=clear)).pixels
        assert np.abs(corners(pixels) - [(255, 255, 255), GREEN, BLUE, GREY]).max() <= 6
    path = save(tmp_path / "b.png", Image.fromarray(quarters()), transparency=RED)
    assert (corners(decode_image(path).pixels)[0] == 255).all()


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tiff"])
def test_the_first_frame_of_an_animation_counts(tmp_path: Path, suffix: str) -> None:
    first = Image.fromarray(quarters())
    others = [Image.new("RGB", first.size, BLUE)] * 2
    path = save(tmp_path / f"a.{suffix}", first, save_all=True, append_images=others)
    assert_quarters(decode_image(path).pixels)


def test_two_pictures_in_one_jpeg(tmp_path: Path) -> None:
    first = Image.fromarray(quarters(2000, 1500))
    path = tmp_path / "a.jpg"
    first.save(path, "MPO", save_all=True, append_images=[Image.new("RGB", (100, 100))])
    picture = decode_image(path)
    assert (picture.width, picture.height) == (2000, 1500)
    assert_quarters(picture.pixels)


@pytest.mark.parametrize("spec", [DEFAULT_IMAGE_SPEC, ImageSpec(resample="bicubic")])
@pytest.mark.parametrize("multiple", [2.5, 1.0])
def test_reduced_jpeg_decoding_differs_by_less_than_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: ImageSpec, multiple: float
) -> None:
    """The least scale that is decoded, and one between two scales."""
    least = 4 * int(np.ceil(multiple * decoder._DRAFT[spec.resample] * spec.side))
    path = save(tmp_path / "a.jpg", Image.fromarray(scene(1, (least * 4 // 3, least))), quality=90)
    reduced = decode_image(path, spec).pixels.astype(int)
    monkeypatch.setattr(decoder, "_DRAFT", {spec.resample: 10**4})
    full = decode_image(path, spec).pixels.astype(int)
    assert 0 < np.abs(reduced - full).mean() < 1
    assert np.abs(reduced - full).max() <= 6


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (SIDE, SIDE), (SIDE + 1, SIDE - 1)])
def test_any_size_from_one_pixel(tmp_path: Path, size: tuple[int, int]) -> None:
    picture = decode_image(save(tmp_path / "a.jpg", Image.new("RGB", size, RED), quality=95))
    assert (picture.width, picture.height) == size
    assert np.abs(picture.pixels.astype(int) - RED).max() <= 4


def test_the_content_decides_not_the_name(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(quarters()))
    assert_quarters(decode_image(path.rename(tmp_path / "a.jpg")).pixels)
    assert_quarters(decode_image(heic(tmp_path / "b.jpg", quarters())).pixels, tolerance=12)


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", Image.fromarray(quarters()))
    assert_quarters(decode_image(path.rename(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg"))).pixels)


@pytest.mark.parametrize("kind", IMAGE_DAMAGE)
@pytest.mark.parametrize("suffix", IMAGE_SUFFIXES)
def test_damage_is_a_reason(tmp_path: Path, suffix: str, kind: str) -> None:
    path = damaged(tmp_path / f"a.{suffix}", kind)
    with pytest.raises(MediaError) as caught:
        decode_image(path)
    assert caught.value.path == path
    assert 5 < len(caught.value.reason) < 130
    assert str(tmp_path) not in caught.value.reason


def test_a_bomb_is_measured_not_decoded(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(bomb(20_000, 12_501))
    with pytest.raises(MediaError, match=r"20000 . 12501 pixels, more than 250 million"):
        decode_image(path)
    path.write_bytes(bomb(20_000, 12_500))
    with pytest.raises(MediaError, match="damaged"):
        decode_image(path)


def test_pipes_and_folders_are_a_reason(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    for path in (tmp_path / "a.jpg", tmp_path):
        with pytest.raises(MediaError):
            decode_image(path)


def test_unusual_colours_are_said_so(tmp_path: Path) -> None:
    path = save(tmp_path / "a.tiff", Image.new("LAB", (30, 30)))
    with pytest.raises(UnsupportedMedia, match="LAB"):
        decode_image(path)


def test_settings_of_pillow_are_left_as_they_were(tmp_path: Path) -> None:
    before = (Image.MAX_IMAGE_PIXELS, list(warnings.filters))
    decode_image(photo(tmp_path / "a.jpg", 1))
    assert (Image.MAX_IMAGE_PIXELS, list(warnings.filters)) == before


def read_quietly(path: Path, content: bytes) -> None:
    """Decode bytes as a picture, which must succeed or raise MediaError, without a warning."""
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            assert decode_image(path).pixels.shape == (SIDE, SIDE, 3)
        except MediaError as error:
            assert error.reason


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("originals")
    files = {suffix: photo(folder / f"a.{suffix}", 3, (60, 40)).read_bytes() for suffix in IMAGE_SUFFIXES}
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "words"
    buffer = io.BytesIO()
    Image.fromarray(scene(1, (50, 50))).save(buffer, "JPEG", exif=exif, progressive=True)
    return files | {
        "jpe": buffer.getvalue(),
        "heic": heic(folder / "a.heic", scene(2, (64, 64))).read_bytes(),
        "dng": dng(folder / "a.dng", scene(2, (64, 64))).read_bytes(),
    }


@settings(max_examples=150, deadline=None)
@given(st.binary(min_size=1, max_size=400), st.sampled_from(["jpg", "heic", "dng"]))
def test_random_bytes_raise_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, suffix: str
) -> None:
    read_quietly(tmp_path_factory.getbasetemp() / f"random.{suffix}", content)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_cut_and_altered_files_raise_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, originals: dict[str, bytes], data: st.DataObject
) -> None:
    suffix = data.draw(st.sampled_from(sorted(originals)))
    content = bytearray(originals[suffix])
    del content[data.draw(st.integers(1, len(content))) :]
    dice = random.Random(data.draw(st.integers(0, 2**32)))
    for _ in range(data.draw(st.integers(0, 8))):
        content[dice.randrange(min(len(content), dice.choice((64, 1024, 10**6))))] = dice.randrange(256)
    read_quietly(tmp_path_factory.getbasetemp() / f"altered.{suffix}", bytes(content))
