"""Named blocks of columns that features consist of."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Number = TypeVar("_Number", bound=np.generic)

UNNAMED = "features"
"""Name of the only block of features whose parts are not known."""


@dataclass(frozen=True, slots=True)
class FeatureLayout:
    """Names and widths of the blocks of columns, in the order in which they lie.

    Attributes:
        blocks: For each block its name, which occurs once, and its number of columns.
    """

    blocks: tuple[tuple[str, int], ...]

    @property
    def width(self) -> int:
        """Number of columns of all blocks."""
        return sum(width for _, width in self.blocks)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the blocks."""
        return tuple(name for name, _ in self.blocks)

    def columns(self, name: str) -> slice:
        """Return the columns of one block.

        Raises:
            KeyError: There is no block of that name.
        """
        first = 0
        for block, width in self.blocks:
            if block == name:
                return slice(first, first + width)
            first += width
        raise KeyError(name)

    def select(self, features: NDArray[_Number], names: Collection[str]) -> NDArray[_Number]:
        """Return the columns of some blocks, in the order of the layout.

        Args:
            features: (n, width).
            names: Names of blocks.

        Raises:
            KeyError: There is no block of one of these names.
        """
        ordered = sorted((self.columns(name) for name in names), key=lambda columns: columns.start)
        return np.concatenate([features[:, columns] for columns in ordered], axis=1)

    def extended(self, name: str, width: int) -> FeatureLayout:
        """Return the layout of features to which one more block is appended."""
        return FeatureLayout((*self.blocks, (name, width)))


def unnamed_layout(width: int) -> FeatureLayout:
    """Return the layout of features whose parts are not known: one block, `UNNAMED`."""
    return FeatureLayout(((UNNAMED, width),))
