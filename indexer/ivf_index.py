"""An index for a million vectors: they lie in cells around centroids; a query looks into the nearest cells.

FAISS calls it IVF, after Sivic and Zisserman, Video Google, ICCV 2003. Vectors are kept as float16, half the
bytes of the exact index; whoever searches computes the inner products of what is found anew.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from attune.embedding.network import EMBEDDING_DIM

CELL_COUNT: Final = 1024
TRAINING_SAMPLE_SIZE: Final = 64 * CELL_COUNT
"""Vectors that centroids are learnt from."""
_PROBED_CELLS: Final = (
    CELL_COUNT // 8
)  # cells that a query looks into: recall@10 1.000 at a million, CELLS // 16 0.981
_OVERSAMPLING: Final = 4  # times as many candidates as are wanted, for who computes exactly
_EXHAUSTIVE_SHARE: Final = 0.02  # wanted share of all from which on every cell is looked into


class IvfIndex:
    """Unit vectors by item id, in cells.

    Args:
        index: A trained FAISS `IndexIVFScalarQuantizer`.
    """

    exact = False

    def __init__(self, index: Any) -> None:
        self._index = index

    @classmethod
    def train_on(cls, sample: NDArray[np.float32]) -> IvfIndex:
        """Return an index without vectors, its cells placed by a sample, float32 (n, 128)."""
        import faiss

        index: Any = faiss.index_factory(EMBEDDING_DIM, f"IVF{CELL_COUNT},SQfp16", faiss.METRIC_INNER_PRODUCT)
        index.cp.niter = 10
        index.cp.min_points_per_centroid = 1  # fewer than usual are no reason to write to the terminal
        faiss.omp_set_num_threads(os.cpu_count() or 1)
        index.train(np.ascontiguousarray(sample, np.float32))
        return cls(index)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def ids(self) -> NDArray[np.int64]:
        """The ids that are in the index, cell by cell."""
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
        import faiss

        if len(ids):
            faiss.omp_set_num_threads(os.cpu_count() or 1)
            self._index.add_with_ids(np.ascontiguousarray(vectors, np.float32), ids)

    def remove(self, ids: NDArray[np.int64]) -> None:
        """Take ids out."""
        if len(ids):
            self._index.remove_ids(ids)

    def search(
        self, query: NDArray[np.float32], limit: int, among: Sequence[int] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return candidates for the largest inner products, and these, rounded.

        Where only some ids count, or a good part of all is wanted, every cell is looked into.

        Args:
            query: float32 (128,).
            limit: How many are wanted.
            among: Only these ids count; None: all.

        Returns:
            ids and inner products, best first; about four times `limit`, or all that there are.
        """
        import faiss

        available = len(self) if among is None else min(len(among), len(self))
        wanted = min(_OVERSAMPLING * limit, available)
        if wanted <= 0:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        parameters: Any = faiss.SearchParametersIVF
        chosen: dict[str, Any] = {}
        if among is not None:
            chosen["sel"] = faiss.IDSelectorBatch(np.asarray(among, np.int64))
        everywhere = among is not None or wanted > _EXHAUSTIVE_SHARE * available
        queries = np.ascontiguousarray(query[None], np.float32)
        faiss.omp_set_num_threads(1)  # one query is the work of one: more would only wait for each other
        for probed in [CELL_COUNT] if everywhere else [_PROBED_CELLS, CELL_COUNT]:
            inner, ids = self._index.search(queries, wanted, params=parameters(nprobe=probed, **chosen))
            if ids[0, -1] >= 0:
                break  # else those cells held too few
        is_filled = ids[0] >= 0
        return ids[0][is_filled], inner[0][is_filled]

    def serialize(self) -> NDArray[np.uint8]:
        """Return the file's bytes."""
        import faiss

        return np.asarray(faiss.serialize_index(self._index))
