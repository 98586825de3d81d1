"""The vectors of one modality in a FAISS file: which kind of index it is, reading and writing it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from attune.core.atomic_files import atomic_write, hash_file
from attune.indexer.flat_index import FlatIndex
from attune.indexer.ivf_index import IvfIndex

IVF_MIN_VECTORS: Final = 250_000
"""From so many vectors on, an exact scan takes more than about 15 ms and cells take over; see
`attune benchmark search`."""


class VectorIndex(Protocol):
    """Unit vectors by item id, searched by inner product.

    Attributes:
        exact: What it finds, and the inner products that it tells, are exact. Otherwise a few of the nearest
            may be missing, and the inner products are rounded.
    """

    exact: bool

    def __len__(self) -> int: ...

    @property
    def ids(self) -> NDArray[np.int64]:
        """The ids that are in the index."""

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add vectors, float32 (n, 128), under their ids."""

    def remove(self, ids: NDArray[np.int64]) -> None:
        """Take ids out."""

    def search(
        self, query: NDArray[np.float32], limit: int, among: Sequence[int] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the ids with the largest inner products with a query, float32 (128,), and these.

        Best first, at least `limit` of them or all that there are; `among`: only these ids count.
        """

    def serialize(self) -> NDArray[np.uint8]:
        """Return the file's bytes."""


def is_suitable(index: VectorIndex, count: int) -> bool:
    """Say whether an index is of the kind for so many vectors; around the border, what is there stays."""
    if index.exact:
        return count < IVF_MIN_VECTORS
    return count >= IVF_MIN_VECTORS // 2


def create_index(count: int, sample: NDArray[np.float32]) -> VectorIndex:
    """Return an empty index for so many vectors.

    Args:
        count: How many there will be.
        sample: Some of them, float32 (n, 128), to place the cells by; see `SAMPLE`.
    """
    return FlatIndex.empty() if count < IVF_MIN_VECTORS else IvfIndex.train_on(sample)


def read_index_file(path: Path, sha256: str) -> VectorIndex | None:
    """Read an index, or None if the file is missing or not the recorded one."""
    import faiss

    try:
        if hash_file(path) != sha256:
            return None
        index: Any = faiss.deserialize_index(np.fromfile(path, np.uint8))
    except (OSError, RuntimeError):
        return None
    return IvfIndex(index) if isinstance(index, faiss.IndexIVF) else FlatIndex(index)


def write_index_file(index: VectorIndex, path: Path) -> None:
    """Write an index aside, make it durable and give it its name.

    Raises:
        OSError: It cannot be written. (FAISS's own writer does not notice a full disk.)
    """
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        file.write(index.serialize().data)
