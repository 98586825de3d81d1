"""Features of all items of a library as vectors of unit length, to compare with the vector of a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from attune.core.progress import Progress, SilentProgress
from attune.embedding.backbones import Backbone
from attune.embedding.silent_patches import average_sounding
from attune.indexer.library import LibraryReader

_READ_BATCH: Final = 512  # items whose features are read from the library at once
_PRODUCT_BATCH: Final = 4096  # vectors that are float32 at once


@dataclass(frozen=True, slots=True)
class LibraryVectors:
    """One vector of every item of one kind: the mean of its features, scaled to unit length.

    Attributes:
        ids: Ids of the items, int64 (n,), ascending: the order of `LibraryReader.places`.
        vectors: float16 (n, width); zeros for an item whose features are lost or say nothing.
        is_known: Which items have a vector, bool (n,).
    """

    ids: NDArray[np.int64]
    vectors: NDArray[np.float16]
    is_known: NDArray[np.bool_]

    def find(self, item: int) -> int | None:
        """Return the row of an item; None if there is no such item."""
        row = int(np.searchsorted(self.ids, item))
        return row if row < len(self.ids) and self.ids[row] == item else None

    def cosines(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return all items' cosines with a vector of unit length, float32 (n,); 0 where none is known."""
        found = np.empty(len(self.ids), np.float32)
        for first in range(0, len(found), _PRODUCT_BATCH):
            batch = slice(first, first + _PRODUCT_BATCH)
            found[batch] = self.vectors[batch].astype(np.float32) @ vector
        return found


def open_library_vectors(
    library: LibraryReader, backbone: Backbone, progress: Progress | None = None
) -> LibraryVectors:
    """Return the vectors of a library's items: the same object as long as the library is open.

    Args:
        library: The library.
        backbone: The backbone that made the features of one kind.
        progress: Receives the number of items whose features are read; silent by default.
    """
    name = f"vectors {backbone.id}"
    if name not in library.derived:
        library.derived[name] = _read(library, backbone, progress or SilentProgress())
    found: LibraryVectors = library.derived[name]
    return found


def _read(library: LibraryReader, backbone: Backbone, progress: Progress) -> LibraryVectors:
    ids = library.ids(backbone.kind)
    vectors = np.zeros((len(ids), backbone.width), np.float16)
    progress.start(f"features: {backbone.kind}", len(ids))
    try:
        for first in range(0, len(ids), _READ_BATCH):
            batch = ids[first : first + _READ_BATCH].tolist()
            items = library.items(batch)
            features = library.find_features([items[item] for item in batch], backbone)
            vectors[first : first + len(batch)] = normalize_means(features, backbone.width)
            progress.advance(len(batch))
    finally:
        progress.finish()
    return LibraryVectors(ids, vectors, np.asarray(vectors.any(axis=1)))


def normalize_means(features: Sequence[NDArray[np.float16] | None], width: int) -> NDArray[np.float32]:
    """Return the means of n items' rows, float32 (n, width), of unit length; zeros where there is none."""
    lost = np.zeros(width, np.float32)
    means = np.nan_to_num(np.stack([lost if rows is None else average_sounding(rows) for rows in features]))
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    return np.asarray(means / np.where(lengths > 0.0, lengths, 1.0), np.float32)
