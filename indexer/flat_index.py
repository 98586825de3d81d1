"""Exact inner-product index that compares a query with every vector."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attune.embedding.network import EMBEDDING_DIM


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


class FlatIndex:
    """Unit vectors by item id, searched by exhaustive comparison.

    Args:
        index: A FAISS `IndexIDMap2` over a flat inner-product index.
    """

    exact = True

    def __init__(self, index: Any) -> None:
        self._index = index

    @classmethod
    def empty(cls) -> FlatIndex:
        """Return an index without vectors."""
        import faiss

        return cls(faiss.IndexIDMap2(faiss.IndexFlatIP(EMBEDDING_DIM)))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def ids(self) -> NDArray[np.int64]:
        """The ids in the index, in the order in which they are stored."""
        import faiss

        return np.asarray(faiss.vector_to_array(self._index.id_map), np.int64)

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add vectors, float32 (n, 128), under their ids."""
        if len(ids):
            self._index.add_with_ids(np.ascontiguousarray(vectors, np.float32), ids)

    def remove(self, ids: NDArray[np.int64]) -> None:
        """Remove the vectors with these ids."""
        if len(ids):
            self._index.remove_ids(ids)

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

    def serialize(self) -> NDArray[np.uint8]:
        """Return the bytes of the index file."""
        import faiss

        return np.asarray(faiss.serialize_index(self._index))
