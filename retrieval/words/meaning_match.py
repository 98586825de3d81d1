"""Worth of a library's items for the meaning of a sentence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class MeaningMatch:
    """How well the items of one kind match the meaning of a sentence.

    Attributes:
        ids: Ids of all items, int64 (n,), in the order of `LibraryReader.places`.
        worth: float64 (n,), in [0, 1]: 1 for an item that is altogether what the sentence names, near 0 for
            most items.
    """

    ids: NDArray[np.int64]
    worth: NDArray[np.float64]
