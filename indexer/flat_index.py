"""An exact inner-product index: every vector is compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attune.embedding.network import EMBEDDING_DIM


class FlatIndex:
    """Unit vectors by item id, compared one by one.

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
        """The ids that are in the index, in its order."""
        import faiss

        return np.asarray(faiss.vector_to_array(self._index.id_map), np.int64)

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add vectors, float32 (n, 128), under their ids."""
        if len(ids):
            self._index.add_with_ids(np.ascontiguousarray(vectors, np.float32), ids)

    def remove(self, ids: NDArray[np.int64]) -> None:
        """Take ids out."""
        if len(ids):
            self._index.remove_ids(ids)

    def search(
        self, query: NDArray[np.float32], limit: int, among: Sequence[int] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the ids with the largest inner products, and these.

        Equal inner products are ordered by id, so an answer never depends on the history of the file.

        Args:
            query: float32 (128,).
            limit: How many are wanted.
            among: Only these ids count; None: all.

        Returns:
            ids and inner products, best first; fewer than `limit` where there are no more.
        """
        import faiss

        available = len(self) if among is None else min(len(among), len(self))
        limit = min(limit, available)
        if limit <= 0:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        chosen = None
        if among is not None:
            parameters: Any = faiss.SearchParameters
            chosen = parameters(sel=faiss.IDSelectorBatch(np.asarray(among, np.int64)))
        queries = np.ascontiguousarray(query[None], np.float32)
        faiss.omp_set_num_threads(1)  # one query is the work of one: more would only wait for each other
        wider = min(limit + 1, available)
        while True:
            inner, ids = self._index.search(queries, wider, params=chosen)
            # Where the last inner product is shared, which of its owners are in is for the ids to say.
            if wider >= available or inner[0, -1] < inner[0, limit - 1]:
                break
            wider = min(2 * wider, available)
        is_filled = ids[0] >= 0
        ids, inner = ids[0][is_filled], inner[0][is_filled]
        order = np.lexsort((ids, -inner))[:limit]
        return ids[order], inner[order]

    def serialize(self) -> NDArray[np.uint8]:
        """Return the file's bytes."""
        import faiss

        return np.asarray(faiss.serialize_index(self._index))
