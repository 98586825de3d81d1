"""Tests that pictures of nothing are refused, and that faint, dark and sparse ones are not."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from attune.core.errors import MediaError
from attune.embedding.feature_extraction import read_media
from attune.embedding.flat_pictures import require_content
from attune.embedding.image_decoding import decode_image
from attune.embedding.image_geometry import DEFAULT_IMAGE_SPEC, ImageSpec
from attune.tests.media_factory import scene

AFFECT = os.environ.get("ATTUNE_AFFECT")
SIZE = (640, 480)
PAGE = (827, 1169)  # A4 at 100 dots per inch
SPECS = (DEFAULT_IMAGE_SPEC, ImageSpec(416, "pad"), ImageSpec(336, "crop"), ImageSpec(512, "pad", "bilinear"))
PHOTOS = sorted((Path(__file__).parents[2] / "samples/photos").iterdir())

colours = st.tuples(*[st.integers(0, 255)] * 3)


def draw(
    ground: object, marks: Callable[[ImageDraw.ImageDraw], None], size: tuple[int, int] = SIZE
) -> Image.Image:
    image = Image.new("RGB", size, ground)  # type: ignore[arg-type]
    marks(ImageDraw.Draw(image))
    return image


def ramp(low: tuple[int, int, int], high: tuple[int, int, int]) -> Image.Image:
    """From one colour at the top to another at the bottom."""
    share = np.linspace(0, 1, SIZE[1])[:, None, None]
    rows = np.asarray(low) * (1 - share) + np.asarray(high) * share
    return Image.fromarray(np.tile(np.rint(rows), (1, SIZE[0], 1)).astype(np.uint8))


def with_noise(image: Image.Image, levels: float) -> Image.Image:
    noise = np.random.default_rng(1).normal(0, levels, (image.height, image.width, 3))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def scatter(
    count: int, size: int, colour: object, area: tuple[int, int] = SIZE
) -> Callable[[ImageDraw.ImageDraw], None]:
    """Draw specks at places of no order."""
    places = np.random.default_rng(7).uniform(0, area, (count, 2))

    def marks(canvas: ImageDraw.ImageDraw) -> None:
        for x, y in places:
            canvas.ellipse((x, y, x + size - 1, y + size - 1), fill=colour)  # type: ignore[arg-type]

    return marks


def write_text(canvas: ImageDraw.ImageDraw) -> None:
    for line in range(20):
        canvas.text((60, 40 + 20 * line), "It was a dark and stormy night; the rain fell.", fill="black")


def draw_figure(canvas: ImageDraw.ImageDraw) -> None:
    """A figure of thin lines, a sixth of the picture high."""
    canvas.ellipse((310, 190, 330, 210), outline="black")
    canvas.line((320, 210, 320, 245), fill="black")
    canvas.line((300, 222, 340, 222), fill="black")
    canvas.line((305, 272, 320, 245, 335, 272), fill="black")


def frame(canvas: ImageDraw.ImageDraw) -> None:
    canvas.rectangle((0, 0, SIZE[0] - 1, SIZE[1] - 1), outline=(120, 120, 120), width=5)


NOTHING = {
    "black": (Image.new("RGB", SIZE), "black"),
    "lens cap": (with_noise(Image.new("RGB", SIZE, (4, 3, 6)), 8), "black"),
    "white": (Image.new("L", SIZE, 255), "white"),
    "solid colour": (Image.new("RGB", SIZE, (200, 30, 60)), "of one colour"),
    "empty icon": (Image.new("RGBA", (64, 64), (255, 0, 0, 0)), "white"),
    "one pixel": (Image.new("RGB", (1, 1), "white"), "white"),
    "narrow": (Image.new("RGB", (2000, 9), "white"), "white"),
    "blank scan with dust": (
        with_noise(draw((246, 244, 240), scatter(30, 3, (90, 80, 70), PAGE), PAGE), 4),
        "white",
    ),
    "empty page with a shadow": (with_noise(draw((248, 248, 246), frame), 3), "white"),
    "page a little darker below": (ramp((250, 250, 250), (243, 243, 241)), "white"),
}
SOMETHING = {
    "stars": with_noise(draw((3, 3, 8), scatter(120, 3, (235, 235, 220))), 3),
    "moon": draw((2, 2, 6), lambda canvas: canvas.ellipse((300, 90, 318, 108), fill=(240, 236, 210))),
    "fog": with_noise(ramp((188, 190, 193), (202, 203, 205)), 2),
    "sky": ramp((96, 150, 220), (150, 190, 235)),
    "snow": with_noise(ramp((226, 230, 240), (250, 250, 252)), 3),
    "silhouette": draw("white", lambda canvas: canvas.ellipse((280, 200, 330, 300), fill="black")),
    "drawing": draw("white", draw_figure),
    "text": draw("white", write_text),
    "colours of one brightness": draw((150, 100, 100), scatter(9, 60, (100, 125, 100))),
}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.side} {spec.fit}")
@pytest.mark.parametrize("name", NOTHING)
def test_nothing_is_refused_at_every_size(tmp_path: Path, name: str, spec: ImageSpec) -> None:
    image, ground = NOTHING[name]
    path = tmp_path / "a.png"
    image.save(path)
    with pytest.raises(MediaError, match=f"nothing to see: nearly all of it is {ground}$"):
        read_media(path, "image", spec, lambda samples: samples)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.side} {spec.fit}")
@pytest.mark.parametrize("name", SOMETHING)
def test_faint_dark_and_sparse_pictures_are_read(tmp_path: Path, name: str, spec: ImageSpec) -> None:
    path = tmp_path / "a.png"
    SOMETHING[name].save(path)
    assert read_media(path, "image", spec, lambda samples: samples).rows.shape == (1, spec.side, spec.side, 3)


def test_people_can_still_see_it(tmp_path: Path) -> None:
    Image.new("RGB", SIZE).save(tmp_path / "a.png")
    assert not decode_image(tmp_path / "a.png").pixels.any()


@settings(deadline=None)
@given(colours, st.floats(0, 3), st.integers(0, 2**32 - 1), st.integers(160, 448), st.integers(160, 448))
def test_a_flat_picture_with_noise_is_refused(
    colour: tuple[int, int, int], levels: float, seed: int, width: int, height: int
) -> None:
    noise = np.random.default_rng(seed).normal(0, levels, (height, width, 3))
    with pytest.raises(MediaError, match="nothing to see"):
        require_content("a.png", np.clip(np.rint(colour + noise), 0, 255).astype(np.uint8))


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.15, 1), st.integers(56, 448), st.integers(56, 448))
def test_a_texture_is_read_however_faint(seed: int, contrast: float, width: int, height: int) -> None:
    pixels: NDArray[np.floating] = scene(seed, (width, height)).astype(np.float32)
    ground = pixels.mean(axis=(0, 1))
    require_content("a.png", np.rint(ground + contrast * (pixels - ground)).astype(np.uint8))


@pytest.mark.parametrize("path", PHOTOS, ids=lambda path: path.stem)
def test_no_sample_is_refused(path: Path) -> None:
    require_content(path, decode_image(path).pixels)


@pytest.mark.affect
@pytest.mark.slow
@pytest.mark.skipif(AFFECT is None, reason="ATTUNE_AFFECT names no folder of labelled data")
def test_no_labelled_picture_is_refused() -> None:
    with Path(str(AFFECT), "images.csv").open(newline="", encoding="utf-8") as file:
        paths = [Path(str(AFFECT), row["path"]) for row in csv.DictReader(file)]
    assert len(paths) > 5000
    for path in paths:
        require_content(path, decode_image(path).pixels)
