"""Inverted-file (IVF) index for large libraries: a query searches only the cells nearest to it.

Each vector belongs to the cell of its nearest centroid (Sivic and Zisserman, Video Google, ICCV 2003).
Vectors are stored as float16, half the size of the exact index, so inner products are rounded: the caller
computes them again from the exact vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from attune.embedding.network import EMBEDDING_DIM
from attune.indexer.flat_index import limit_to_one_thread

CELL_COUNT: Final = 1024
TRAINING_SAMPLE_SIZE: Final = 64 * CELL_COUNT
"""Number of vectors from which the centroids are computed."""
# Cells searched per query. With a million vectors recall@10 is 1.000; with CELL_COUNT // 16 it is 0.981.
_PROBED_CELLS: Final = CELL_COUNT // 8
_OVERSAMPLING: Final = 4  # candidates per requested result, since the caller ranks them again exactly
_EXHAUSTIVE_SHARE: Final = 0.02  # every cell is searched if more than this share of all vectors is requested


class IvfIndex:
    """Unit vectors by item id, grouped into cells.

    Args:
        index: A trained FAISS `IndexIVFScalarQuantizer`.
    """

    exact = False

    def __init__(self, index: Any) -> None:
        self._index = index

    @classmethod
    def train_on(cls, sample: NDArray[np.float32]) -> IvfIndex:
        """Return an index without vectors whose centroids are computed from a sample, float32 (n, 128)."""
        import faiss

        index: Any = faiss.index_factory(EMBEDDING_DIM, f"IVF{CELL_COUNT},SQfp16", faiss.METRIC_INNER_PRODUCT)
        index.cp.niter = 10
        index.cp.min_points_per_centroid = 1  # prevents a warning on the terminal about a small sample
        index.train(np.ascontiguousarray(sample, np.float32))
        return cls(index)

    def __len__(self) -> int:
        return int(self._index.ntotal)

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

    def serialize(self) -> NDArray[np.uint8]:
        """Return the bytes of the index file."""
        import faiss

        return np.asarray(faiss.serialize_index(self._index))
