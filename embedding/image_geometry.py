"""Geometry of scaling, cropping, padding and orienting pictures.

By default the whole picture is squashed to a square, because what is at the edge of a photo contributes to
its mood and a crop would lose it. Squashed faces cannot be read, so a backbone that reads faces asks for the
original aspect ratio, padded to a square.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

SIDE: Final = 224
MAX_PIXELS: Final = 250_000_000

Fit = Literal["squash", "crop", "pad", "inside"]
"""How a picture is fitted: `squash` stretches it to a square, `crop` takes its largest central square, and
`pad` keeps its aspect ratio and fills a square with black to the right or below. `inside` keeps the aspect
ratio without a square, and never enlarges."""

SQUARE_FITS: Final = tuple(fit for fit in get_args(Fit) if fit != "inside")
"""The fits that give a square, which a backbone may ask for."""


@dataclass(frozen=True, slots=True)
class View:
    """Size, shape and colours in which a picture is wanted.

    Attributes:
        side: Side of the square, in pixels; with `inside`, the largest length of the longer side.
        fit: How the picture is fitted to the side.
        resample: Interpolation used for scaling.
        max_pixels: Originals with more pixels are refused before they are decoded.
        colors: `stored` gives values as they are in the file, for a network; `srgb` converts them by the
            embedded ICC profile, for people.
    """

    side: int = SIDE
    fit: Fit = "squash"
    resample: Literal["bicubic", "bilinear"] = "bicubic"
    max_pixels: int = MAX_PIXELS
    colors: Literal["stored", "srgb"] = "stored"


DEFAULT_VIEW: Final = View()


def compute_fitted_size(size: tuple[int, int], view: View) -> tuple[int, int]:
    """Return the width and height, at least 1, to which a picture of width and height `size` is scaled."""
    if view.fit in ("squash", "crop"):
        return view.side, view.side
    scale = view.side / max(size)
    if view.fit == "inside":
        scale = min(1.0, scale)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def center_crop_box(size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of the largest central square of a picture."""
    short = min(size)
    left, top = ((length - short) / 2 for length in size)
    return left, top, left + short, top + short


def pad_to_square(pixels: NDArray[np.uint8], view: View) -> NDArray[np.uint8]:
    """Place pixels (rows, columns, 3) at the top left of a black square, if the view's fit is `pad`."""
    if view.fit != "pad":
        return pixels
    square = np.zeros((view.side, view.side, 3), np.uint8)
    square[: pixels.shape[0], : pixels.shape[1]] = pixels
    return square


def crop_padding(pixels: NDArray[np.uint8], size: tuple[int, int], view: View) -> NDArray[np.uint8]:
    """Remove the padding that `pad_to_square` added.

    Args:
        pixels: A picture decoded with the view, uint8 (side, side, 3).
        size: Width and height of the upright original.
        view: The view.

    Returns:
        uint8 (rows, columns, 3), unchanged if the view's fit is not `pad`.
    """
    if view.fit != "pad":
        return pixels
    width, height = compute_fitted_size(size, view)
    return pixels[:height, :width]


def apply_orientation(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Apply an EXIF orientation (1 to 8) to (rows, columns, 3)."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    flip_rows = orientation in (3, 4, 7, 8)
    flip_columns = orientation in (2, 3, 6, 7)
    return pixels[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]
