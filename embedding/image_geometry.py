"""The shape in which a picture is wanted, and the geometry of getting there.

Where a backbone does not ask for more, the whole picture is squashed to a square: what lies at the edge of a
photo belongs to its mood, and a crop would lose it. Faces cannot be read when they are squashed: a backbone
that reads them asks for the picture in its shape, on a square.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

SIDE: Final = 224
MAX_PIXELS: Final = 250_000_000

Fit = Literal["squash", "crop", "pad", "inside"]
"""What fills the square: all of the picture, its middle, or its shape with black to the right or below.
`inside` is no square: a copy in the picture's shape, never enlarged."""

SQUARE_FITS: Final = tuple(fit for fit in get_args(Fit) if fit != "inside")
"""Those that a backbone may ask for."""


@dataclass(frozen=True, slots=True)
class View:
    """How a picture of any shape becomes a small one.

    Attributes:
        side: Of the square, in pixels; the longest of a copy.
        fit: What becomes of its shape.
        resample: How it is scaled.
        max_pixels: A larger original is refused before it is decoded.
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
    """Return the width and height, at least 1, to which a picture of some size is scaled."""
    if view.fit in ("squash", "crop"):
        return view.side, view.side
    scale = view.side / max(size)
    if view.fit == "inside":
        scale = min(1.0, scale)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def center_crop_box(size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return the largest square in the middle of a picture: left, top, right, bottom."""
    short = min(size)
    left, top = ((length - short) / 2 for length in size)
    return left, top, left + short, top + short


def pad_to_square(pixels: NDArray[np.uint8], view: View) -> NDArray[np.uint8]:
    """Return pixels (rows, columns, 3), where the view asks for it at the top left of a black square."""
    if view.fit != "pad":
        return pixels
    square = np.zeros((view.side, view.side, 3), np.uint8)
    square[: pixels.shape[0], : pixels.shape[1]] = pixels
    return square


def crop_padding(pixels: NDArray[np.uint8], size: tuple[int, int], view: View) -> NDArray[np.uint8]:
    """Return what of (side, side, 3) shows the picture: the reverse of `pad_to_square`.

    Args:
        pixels: Read as the view says.
        size: Width and height of the original, upright.
        view: The view.
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
