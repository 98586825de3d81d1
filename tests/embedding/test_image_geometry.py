"""Geometry of pictures: padding keeps the aspect ratio, and every size is scaled as specified."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from attune.embedding.image_decoding import decode_image
from attune.embedding.image_geometry import ImageSpec, compute_fitted_size, crop_padding, pad_to_square

RED, BLUE = (255, 0, 0), (0, 0, 255)
PAD = ImageSpec(64, "pad")
EXIF_ORIENTATION = 0x0112

sizes = st.tuples(st.integers(1, 5000), st.integers(1, 5000))
sides = st.integers(1, 1024)


def picture(path: Path, size: tuple[int, int], orientation: int = 1) -> Path:
    """Write a picture whose left half is red and whose right half is blue before it is oriented."""
    stored = Image.new("RGB", size, RED)
    stored.paste(BLUE, (size[0] // 2, 0, *size))
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    stored.save(path, exif=exif)
    return path


def lit(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return pixels.any(axis=2)


def top_left(rows: int, columns: int) -> NDArray[np.bool_]:
    """Return a mask of a picture of some size on the square."""
    place = np.zeros((PAD.side, PAD.side), bool)
    place[:rows, :columns] = True
    return place


@pytest.mark.parametrize(
    ("size", "rows", "columns"),
    [
        ((300, 100), 21, 64),
        ((100, 300), 64, 21),
        ((200, 200), 64, 64),
        ((30, 10), 21, 64),
        ((4, 8), 64, 32),
        ((1, 1), 64, 64),
        ((3000, 1), 1, 64),
        ((1, 3000), 64, 1),
    ],
)
def test_a_padded_picture_lies_at_the_top_left_in_its_shape(
    tmp_path: Path, size: tuple[int, int], rows: int, columns: int
) -> None:
    read = decode_image(picture(tmp_path / "a.png", size), PAD)
    assert (read.width, read.height) == size
    assert (read.pixels.shape, read.pixels.dtype) == ((64, 64, 3), np.uint8)
    assert read.pixels.flags.c_contiguous
    np.testing.assert_array_equal(lit(read.pixels), top_left(rows, columns))


@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff"])
def test_a_padded_picture_is_turned_before_it_is_put_there(tmp_path: Path, suffix: str) -> None:
    """Orientation 6 moves the left side to the top."""
    read = decode_image(picture(tmp_path / f"a.{suffix}", (300, 100), orientation=6), PAD)
    assert (read.width, read.height) == (100, 300)
    assert not read.pixels[:, 21:].any()
    assert np.abs(read.pixels[:24, :21].astype(int) - RED).max() <= 6
    assert np.abs(read.pixels[40:, :21].astype(int) - BLUE).max() <= 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_and_padded_is_the_same_as_padded_and_turned(tmp_path: Path, orientation: int) -> None:
    stored = picture(tmp_path / "stored.png", (120, 70), orientation)
    ImageOps.exif_transpose(Image.open(stored)).save(tmp_path / "upright.png", exif=Image.Exif())
    one, other = (decode_image(path, PAD) for path in (stored, tmp_path / "upright.png"))
    assert np.abs(one.pixels.astype(int) - other.pixels).max() <= 1
    assert (one.width, one.height) == (other.width, other.height)


@given(sizes, sides)
def test_a_squashed_or_cropped_picture_fills_the_square(size: tuple[int, int], side: int) -> None:
    assert (
        compute_fitted_size(size, ImageSpec(side, "squash"))
        == compute_fitted_size(size, ImageSpec(side, "crop"))
        == (side, side)
    )


def test_padding_is_taken_away_again() -> None:
    spec = ImageSpec(40, "pad")
    for size in ((80, 30), (30, 80), (50, 50), (7, 2)):
        width, height = compute_fitted_size(size, spec)
        pixels = np.full((height, width, 3), 9, np.uint8)
        assert np.array_equal(crop_padding(pad_to_square(pixels, spec), size, spec), pixels)
    square = np.zeros((40, 40, 3), np.uint8)
    assert crop_padding(square, (80, 30), ImageSpec(40)) is square


@given(sizes, sides)
def test_a_padded_picture_touches_the_far_end_of_the_square(size: tuple[int, int], side: int) -> None:
    width, height = compute_fitted_size(size, ImageSpec(side, "pad"))
    assert max(width, height) == side
    assert min(width, height) >= 1


@given(sizes, sides)
def test_a_copy_inside_is_never_larger_than_the_picture_or_the_side(size: tuple[int, int], side: int) -> None:
    width, height = compute_fitted_size(size, ImageSpec(side, "inside"))
    assert 1 <= width <= min(size[0], side)
    assert 1 <= height <= min(size[1], side)
    if max(size) <= side:
        assert (width, height) == size


@pytest.mark.parametrize("fit", ["pad", "inside"])
@given(sizes, sides)
def test_its_shape_is_kept_to_half_a_pixel(fit: str, size: tuple[int, int], side: int) -> None:
    spec = ImageSpec(side, fit)  # type: ignore[arg-type]
    scale = max(compute_fitted_size(size, spec)) / max(size)
    for length, wanted in zip(compute_fitted_size(size, spec), size, strict=True):
        assert length == 1 or abs(length - wanted * scale) <= 0.5 + 1e-6
