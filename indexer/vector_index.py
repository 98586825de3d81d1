"""FAISS indexes of one modality: flat and inverted-file, the choice between them, their files."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from attune.core.atomic_files import atomic_write
from attune.embedding.network import EMBEDDING_DIM

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


@contextlib.contextmanager
def limit_to_one_thread() -> Iterator[None]:
    """Let FAISS use one thread for the calls in the block, then restore the previous thread count.

    With more threads, FAISS 1.15 computes a single exact query on another path that takes about eight times
    as long. OpenMP keeps one thread count per calling thread, so concurrent queries do not affect each other.
    """
    import faiss

    previous_count = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(previous_count)


class _FaissIndex:
    """What both kinds of index have in common."""

    def __init__(self, index: Any) -> None:
        self._index = index

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add vectors, float32 (n, 128), under their ids."""
        if len(ids):
            self._index.add_with_ids(np.ascontiguousarray(vectors, np.float32), ids)

    def remove(self, ids: NDArray[np.int64]) -> None:
        """Remove the vectors with these ids."""
        if len(ids):
            self._index.remove_ids(ids)

    def serialize(self) -> NDArray[np.uint8]:
        """Return the bytes of the index file."""
        import faiss

        return np.asarray(faiss.serialize_index(self._index))


class FlatIndex(_FaissIndex):
    """Unit vectors by item id, searched by exhaustive comparison.

    Args:
        index: A FAISS `IndexIDMap2` over a flat inner-product index.
    """

    exact = True

    @classmethod
    def empty(cls) -> FlatIndex:
        """Return an index without vectors."""
        import faiss

        return cls(faiss.IndexIDMap2(faiss.IndexFlatIP(EMBEDDING_DIM)))

    @property
    def ids(self) -> NDArray[np.int64]:
        """The ids in the index, in the order in which they are stored."""
        import faiss

        return np.asarray(faiss.vector_to_array(self._index.id_map), np.int64)

    def search(
        self, query: NDArray[np.float32], limit: int, among: Sequence[int] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the ids with the largest inner products, and these inner products.

        Equal inner products are ordered by id, so that a result does not depend on the order in which the
        vectors were added.

        Args:
            query: float32 (128,).
            limit: Maximum number of results.
            among: Search only these ids; None: all.

        Returns:
            ids and inner products, best first; fewer than `limit` if there are no more.
        """
        import faiss

        available = len(self) if among is None else min(len(among), len(self))
        limit = min(limit, available)
        if limit <= 0:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        parameters = None
        if among is not None:
            parameters_type: Any = faiss.SearchParameters
            parameters = parameters_type(sel=faiss.IDSelectorBatch(np.asarray(among, np.int64)))
        queries = np.ascontiguousarray(query[None], np.float32)
        candidate_count = min(limit + 1, available)
        with limit_to_one_thread():
            while True:
                inner, ids = self._index.search(queries, candidate_count, params=parameters)
                # FAISS decides which of several equal inner products it returns. If the last one is shared,
                # all ids that share it are needed, so that the lowest ids can be chosen.
                if candidate_count >= available or inner[0, -1] < inner[0, limit - 1]:
                    break
                candidate_count = min(2 * candidate_count, available)
        is_filled = ids[0] >= 0
        ids, inner = ids[0][is_filled], inner[0][is_filled]
        order = np.lexsort((ids, -inner))[:limit]
        return ids[order], inner[order]


CELL_COUNT: Final = 1024
TRAINING_SAMPLE_SIZE: Final = 64 * CELL_COUNT
"""Number of vectors from which the centroids are computed."""
# Cells searched per query. With a million vectors recall@10 is 1.000; with CELL_COUNT // 16 it is 0.981.
_PROBED_CELLS: Final = CELL_COUNT // 8
_OVERSAMPLING: Final = 4  # candidates per requested result, since the caller ranks them again exactly
_EXHAUSTIVE_SHARE: Final = 0.02  # every cell is searched if more than this share of all vectors is requested


class IvfIndex(_FaissIndex):
    """Inverted-file (IVF) index for large libraries: a query searches only the cells nearest to it.

    Each vector belongs to the cell of its nearest centroid (Sivic and Zisserman, Video Google, ICCV 2003).
    Vectors are stored as float16, half the size of the exact index, so inner products are rounded: the caller
    computes them again from the exact vectors.

    Args:
        index: A trained FAISS `IndexIVFScalarQuantizer`.
    """

    exact = False

    @classmethod
    def train_on(cls, sample: NDArray[np.float32]) -> IvfIndex:
        """Return an index without vectors whose centroids are computed from a sample, float32 (n, 128)."""
        import faiss

        index: Any = faiss.index_factory(EMBEDDING_DIM, f"IVF{CELL_COUNT},SQfp16", faiss.METRIC_INNER_PRODUCT)
        index.cp.niter = 10
        index.cp.min_points_per_centroid = 1  # prevents a warning on the terminal about a small sample
        index.train(np.ascontiguousarray(sample, np.float32))
        return cls(index)

    @property
    def ids(self) -> NDArray[np.int64]:
        """The ids in the index, cell by cell."""
        import faiss

        lists = self._index.invlists
        cells = [
            faiss.rev_swig_ptr(lists.get_ids(cell), lists.list_size(cell)).copy()
            for cell in range(self._index.nlist)
            if lists.list_size(cell)
        ]
        return np.concatenate(cells) if cells else np.empty(0, np.int64)

    def search(
        self, query: NDArray[np.float32], limit: int, among: Sequence[int] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return candidates for the largest inner products, with rounded inner products.

        Every cell is searched if `among` is given, or if a large share of all vectors is requested.

        Args:
            query: float32 (128,).
            limit: Number of results that the caller will choose from the candidates.
            among: Search only these ids; None: all.

        Returns:
            ids and inner products, best first; about four times `limit`, or as many as there are.
        """
        import faiss

        available = len(self) if among is None else min(len(among), len(self))
        candidate_count = min(_OVERSAMPLING * limit, available)
        if candidate_count <= 0:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        parameters_type: Any = faiss.SearchParametersIVF
        selection: dict[str, Any] = {}
        if among is not None:
            selection["sel"] = faiss.IDSelectorBatch(np.asarray(among, np.int64))
        is_exhaustive = among is not None or candidate_count > _EXHAUSTIVE_SHARE * available
        queries = np.ascontiguousarray(query[None], np.float32)
        with limit_to_one_thread():
            for probed in [CELL_COUNT] if is_exhaustive else [_PROBED_CELLS, CELL_COUNT]:
                parameters = parameters_type(nprobe=probed, **selection)
                inner, ids = self._index.search(queries, candidate_count, params=parameters)
                if ids[0, -1] >= 0:
                    break  # otherwise the probed cells held too few vectors
        is_filled = ids[0] >= 0
        return ids[0][is_filled], inner[0][is_filled]
