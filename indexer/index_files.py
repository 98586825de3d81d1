"""FAISS index file of one modality: choice of the index type, reading and writing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from attune.core.atomic_files import atomic_write
from attune.indexer.flat_index import FlatIndex
from attune.indexer.ivf_index import IvfIndex

IVF_MIN_VECTORS: Final = 250_000
"""Number of vectors from which the IVF index is used: an exact scan then takes more than about 15 ms
(`attune benchmark search`)."""


class VectorIndex(Protocol):
    """Unit vectors by item id, searched by inner product.

    Attributes:
        exact: True if the results and their inner products are exact. Otherwise a few of the nearest vectors
            may be missing, and the inner products are rounded.
    """

    exact: bool

    def __len__(self) -> int: ...

    @property
    def ids(self) -> NDArray[np.int64]:
        """The ids in the index."""

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add vectors, float32 (n, 128), under their ids."""

    def remove(self, ids: NDArray[np.int64]) -> None:
        """Remove the vectors with these ids."""

    def search(
        self, query: NDArray[np.float32], limit: int, among: Sequence[int] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the ids with the largest inner products with a query, and these inner products.

        Args:
            query: float32 (128,).
            limit: Minimum number of results, if there are as many.
            among: Search only these ids; None: all.

        Returns:
            ids and inner products, best first.
        """

    def serialize(self) -> NDArray[np.uint8]:
        """Return the bytes of the index file."""


def is_suitable(index: VectorIndex, count: int) -> bool:
    """Return whether an index has the right type for this number of vectors.

    An IVF index is kept down to half of `IVF_MIN_VECTORS`, so that a library near the limit does not change
    its index type with each build.
    """
    if index.exact:
        return count < IVF_MIN_VECTORS
    return count >= IVF_MIN_VECTORS // 2


def create_index(count: int, sample: NDArray[np.float32]) -> VectorIndex:
    """Return an empty index of the type suited to a number of vectors.

    Args:
        count: Number of vectors that will be added.
        sample: Some of them, float32 (n, 128), from which an IVF index computes its centroids; see
            `TRAINING_SAMPLE_SIZE`.
    """
    return FlatIndex.empty() if count < IVF_MIN_VECTORS else IvfIndex.train_on(sample)


def read_checked(path: Path, sha256: str) -> NDArray[np.uint8] | None:
    """Return the bytes of a file, or None if it is missing or their SHA-256 is not the recorded one."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError:
        return None
    return data if hashlib.sha256(data.data).hexdigest() == sha256 else None


def view_index(data: NDArray[np.uint8]) -> VectorIndex | None:
    """Return the index in the bytes of a file, or None if they hold none.

    FAISS searches the vectors where they lie in `data`. So the index must not be changed; see `copy_index`.
    """
    import faiss

    try:
        reader = faiss.ZeroCopyIOReader(faiss.swig_ptr(data), data.nbytes)  # type: ignore[attr-defined]
        index: Any = faiss.read_index(reader)
    except RuntimeError:
        return None
    index.referenced_objects = [data]  # Python frees the bytes no earlier than the index
    return _wrap_index(index)


def copy_index(data: NDArray[np.uint8]) -> VectorIndex | None:
    """Return an index with its own copy of the vectors, or None if the bytes of the file hold none."""
    import faiss

    try:
        return _wrap_index(faiss.deserialize_index(data))
    except RuntimeError:
        return None


def _wrap_index(index: Any) -> VectorIndex:
    import faiss

    return IvfIndex(index) if isinstance(index, faiss.IndexIVF) else FlatIndex(index)


def write_index_file(index: VectorIndex, path: Path) -> None:
    """Write an index atomically and durably.

    Raises:
        OSError: The file cannot be written. (FAISS's own writer does not notice a full disk.)
    """
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        file.write(index.serialize().data)
