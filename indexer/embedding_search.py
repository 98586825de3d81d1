"""Search among the embeddings of a generation's items of one kind."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from attune.embedding.media_files import Kind
from attune.indexer.catalogue import Catalogue
from attune.indexer.records import EVERYTHING, Generation, Selection
from attune.indexer.vector_index import VectorIndex


class VectorSearch(Protocol):
    """The embeddings of a generation's items of one kind, searched by inner product."""

    def is_exact(self, selection: Selection) -> bool:
        """Return whether all of the nearest items are found; otherwise one in a thousand may be missed."""

    def __len__(self) -> int:
        """Return the number of items."""

    def nearest(
        self, query: NDArray[np.float32], limit: int, selection: Selection
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the items with the largest inner products with an embedding; as `LibraryReader.nearest`."""

    def sample(self, size: int) -> NDArray[np.int64]:
        """Return the ids of about so many items, or of all if there are fewer, evenly drawn, ascending."""


class FaissSearch:
    """Search by a FAISS index in memory, whose answers are scored again by the catalogue's embeddings.

    Args:
        catalogue: Catalogue of the library.
        generation: The generation.
        kind: image or music.
        index: An index of exactly its items of that kind.
    """

    def __init__(self, catalogue: Catalogue, generation: Generation, kind: Kind, index: VectorIndex) -> None:
        self._catalogue = catalogue
        self._generation = generation
        self._kind = kind
        self._selected: tuple[Selection, list[int]] = EVERYTHING, []
        self.index = index

    @property
    def network(self) -> str:
        """Id of the network of the embeddings."""
        return self._generation.network

    def is_exact(self, selection: Selection) -> bool:
        """Return whether all of the nearest items are found: with conditions, everything is compared."""
        return self.index.exact or selection != EVERYTHING

    def __len__(self) -> int:
        return len(self.index)

    def nearest(
        self, query: NDArray[np.float32], limit: int, selection: Selection
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the items with the largest inner products with an embedding."""
        among = None if selection == EVERYTHING else self._select(selection)
        ids, inner = self.index.search(query, limit, among)
        if self.index.exact:
            return ids, inner
        return rank(ids, self._catalogue.vectors(ids.tolist(), self._generation.network), query, limit)

    def _select(self, selection: Selection) -> list[int]:
        """Return the ids of the items that fulfil conditions; kept, since one query may search repeatedly."""
        known, ids = self._selected
        if known != selection:
            ids = self._catalogue.ids(self._generation.id, self._kind, selection).tolist()
            self._selected = selection, ids
        return ids

    def sample(self, size: int) -> NDArray[np.int64]:
        """Return the ids of so many items, or of all if there are fewer, evenly drawn, ascending."""
        return draw_evenly(np.sort(self.index.ids), size)


def rank(
    ids: NDArray[np.int64], vectors: NDArray[np.float32], query: NDArray[np.float32], limit: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return ids and exact inner products of the best candidates, best first, ties in the order of ids.

    Args:
        ids: Ids of the candidates, int64 (n,).
        vectors: Their embeddings, float32 (n, 128).
        query: float32 (128,).
        limit: Maximum number of results.
    """
    inner = np.asarray(vectors @ query, np.float32)
    order = np.lexsort((ids, -inner))[:limit]
    return ids[order], inner[order]


def draw_evenly(ids: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Return so many of some ids at even distances, or all if there are fewer."""
    return ids[np.linspace(0, len(ids) - 1, min(size, len(ids))).astype(np.int64)]
