"""Pictures without content: black or white ones, a solid colour, an empty page.

A backbone finds features in every picture, and a network a mood in all features. Of a picture that shows
nothing they are arbitrary, so it is refused before it is embedded. The picture is averaged over a grid of
cells, which takes sensor noise and the grain of paper away; what remains to be seen are cells that differ
from the ground, the median colour.
"""

from __future__ import annotations

import os
from typing import Final

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import MediaError

_CELLS: Final = 56  # along each side; a coarser grid loses thin lines, and a finer one keeps noise
_VISIBLE: Final = 5  # levels of 255, in any channel: faint wallpaper and thin fog differ by 6 to 15
_MIN_SHARE: Final = 0.005  # of the cells: above dust on a scan, and below a small drawing
_DARK: Final = 40  # mean level of a ground on which a few cells are stars, a moon or a lamp, not dust
_MIN_LIT_SHARE: Final = 0.001
_NEARLY: Final = 24  # levels from black or white, for the reason that people read


def require_content(path: str | os.PathLike[str], pixels: NDArray[np.uint8]) -> None:
    """Check that a picture shows something.

    Args:
        path: The file, for the error.
        pixels: uint8 (rows, columns, 3), RGB, of any size, without padding.

    Raises:
        MediaError: Nearly all of it has one colour.
    """
    cells = _average_cells(pixels)
    middle = cells.shape[1] // 2
    ground = np.partition(cells, middle, axis=1)[:, middle]  # the median, in a third of numpy's time for it
    visible = np.abs(cells - ground[:, None]).max(axis=0) > _VISIBLE
    if visible.mean() < (_MIN_LIT_SHARE if ground.mean() < _DARK else _MIN_SHARE):
        raise MediaError(path, f"nothing to see: nearly all of it is {_name_ground(ground)}")


def _average_cells(pixels: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Return the mean colours of the cells but those at the edge, where scans have shadows, int16 (3, n)."""
    from PIL import Image

    small = Image.fromarray(pixels).resize((_CELLS, _CELLS), Image.Resampling.BOX, reducing_gap=1.0)
    inner = np.asarray(small, np.int16)[1:-1, 1:-1]
    return np.ascontiguousarray(inner.reshape(-1, 3).T)


def _name_ground(ground: NDArray[np.int16]) -> str:
    if ground.max() <= _NEARLY:
        return "black"
    return "white" if ground.min() >= 255 - _NEARLY else "of one colour"
