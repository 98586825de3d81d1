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

SIDE: Final = 192
MAX_PIXELS: Final = 250_000_000

Fit = Literal["squash", "crop", "pad", "inside", "cover"]
"""How a picture is fitted: `squash` stretches it to a square, `crop` takes its largest central square, and
`pad` keeps its aspect ratio and fills a square with black to the right or below. `inside` and `cover` keep
the aspect ratio without a square, and never enlarge: `inside` limits the longer side, and `cover` makes the
picture just large enough to cover a box."""

SQUARE_FITS: Final = tuple(fit for fit in get_args(Fit) if fit not in ("inside", "cover"))
"""The fits that give a square, which a backbone may ask for."""


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """Size, shape and colours in which a picture is wanted.

    Attributes:
        side: Side of the square, in pixels; with `inside`, the largest length of the longer side; with
            `cover`, the longer side of the box.
        fit: How the picture is fitted to the side.
        resample: Interpolation used for scaling.
        max_pixels: Originals with more pixels are refused before they are decoded.
        colors: `stored` gives values as they are in the file, for a network; `srgb` converts them by the
            picture's ICC profile, for people.
        box: Width and height in pixels of the box that `cover` covers; other fits have none.
    """

    side: int = SIDE
    fit: Fit = "squash"
    resample: Literal["bicubic", "bilinear", "lanczos"] = "bicubic"
    max_pixels: int = MAX_PIXELS
    colors: Literal["stored", "srgb"] = "stored"
    box: tuple[int, int] | None = None


DEFAULT_IMAGE_SPEC: Final = ImageSpec(resample="bilinear")
"""What the image backbone of the network `attune` takes."""


def make_cover_spec(width: int, height: int) -> ImageSpec:
    """Return the spec of a picture for people that covers a box of width and height, in pixels."""
    return ImageSpec(max(width, height), "cover", "lanczos", colors="srgb", box=(width, height))


def compute_fitted_size(size: tuple[int, int], spec: ImageSpec) -> tuple[int, int]:
    """Return the width and height, at least 1, to which a picture of width and height `size` is scaled."""
    if spec.fit in ("squash", "crop"):
        return spec.side, spec.side
    if spec.box is not None:
        scale = max(wanted / length for wanted, length in zip(spec.box, size, strict=True))
    else:
        scale = spec.side / max(size)
    if spec.fit != "pad":
        scale = min(1.0, scale)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def center_crop_box(size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of the largest central square of a picture."""
    short = min(size)
    left, top = ((length - short) / 2 for length in size)
    return left, top, left + short, top + short


def pad_to_square(pixels: NDArray[np.uint8], spec: ImageSpec) -> NDArray[np.uint8]:
    """Place pixels (rows, columns, 3) at the top left of a black square, if the fit is `pad`."""
    if spec.fit != "pad":
        return pixels
    square = np.zeros((spec.side, spec.side, 3), np.uint8)
    square[: pixels.shape[0], : pixels.shape[1]] = pixels
    return square


def crop_padding(pixels: NDArray[np.uint8], size: tuple[int, int], spec: ImageSpec) -> NDArray[np.uint8]:
    """Remove the padding that `pad_to_square` added.

    Args:
        pixels: A picture decoded by the spec, uint8 (side, side, 3).
        size: Width and height of the upright original.
        spec: Size and shape in which it was decoded.

    Returns:
        uint8 (rows, columns, 3), unchanged if the fit is not `pad`.
    """
    if spec.fit != "pad":
        return pixels
    width, height = compute_fitted_size(size, spec)
    return pixels[:height, :width]


def apply_orientation(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Apply an EXIF orientation (1 to 8) to (rows, columns, 3)."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    flip_rows = orientation in (3, 4, 7, 8)
    flip_columns = orientation in (2, 3, 6, 7)
    return pixels[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]
