"""Search among the embeddings on the server. What it finds in half precision is scored again exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from attune.embedding.media_files import Kind
from attune.embedding.network import EMBEDDING_DIM
from attune.indexer.embedding_search import rank
from attune.indexer.postgres.pgvector_index import EXACT_ROWS, ServerIndex
from attune.indexer.postgres.postgres_catalogue import PostgresCatalogue, translate
from attune.indexer.records import EVERYTHING, Generation, Selection

if TYPE_CHECKING:
    from psycopg import Connection

    from attune.indexer.postgres.server_connection import NamedRow

_OVERSAMPLING: Final = 2  # candidates per wanted item
_LEAST_CANDIDATES: Final = 20
# Embeddings have unit length: two roundings to half precision, 2**-11 each, change no product by more.
_ROUNDING: Final = 1e-3
_NEAREST: Final = """
    SELECT nearest.item, nearest.inner_product, embeddings.vector FROM (
        SELECT vectors.item, -(vectors.half <#> CAST(:query AS halfvec(128))) AS inner_product
        FROM vectors JOIN items ON items.id = vectors.item
        WHERE vectors.network = '{network}' AND vectors.kind = '{kind}' AND {conditions}
        ORDER BY {order} LIMIT :candidates
    ) AS nearest
    JOIN embeddings ON embeddings.item = nearest.item AND embeddings.network = '{network}'"""
# The sum keeps the planner from an index that may miss some.
_EXACTLY: Final = "(vectors.half <#> CAST(:query AS halfvec(128))) + 0"
_BY_INDEX: Final = "vectors.half <#> CAST(:query AS halfvec(128))"
# The index of the embeddings leads; each row that it yields is looked up by its id. A planner without
# statistics may find the rows by their conditions first, and then compares each with each.
_FORCE_INDEX: Final = "; ".join(
    f"SET LOCAL enable_{way} TO off" for way in ("sort", "seqscan", "bitmapscan", "material", "hashjoin")
)


class PgvectorSearch:
    """Search of one kind on the server.

    Conditions that few rows fulfil are searched exactly. Otherwise the index yields the nearest rows, one
    list after the other, until enough of them fulfil the conditions.

    Args:
        catalogue: Catalogue of the library.
        generation: The generation.
        kind: image or music.
        index: The index for that kind; None: there is none.
    """

    def __init__(
        self,
        catalogue: PostgresCatalogue,
        generation: Generation,
        kind: Kind,
        index: ServerIndex | None,
    ) -> None:
        self._catalogue = catalogue
        self._generation = generation
        self._kind = kind
        self._count = generation.count(kind)
        self._index = index
        self._counted: tuple[Selection, bool] = EVERYTHING, False

    def is_exact(self, selection: Selection) -> bool:
        """Return whether all of the nearest items are found: a few are all compared."""
        return self._index is None or self._is_small(selection)

    def __len__(self) -> int:
        return self._count

    def nearest(
        self, query: NDArray[np.float32], limit: int, selection: Selection
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the items with the largest inner products with an embedding."""
        limit = min(limit, self._count)
        if limit <= 0:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        if self._index is None or self._is_small(selection):
            return self._find_exactly(query, limit, selection)
        rows = self._ask(query, _OVERSAMPLING * limit, selection, self._index)
        return _rank_rows(rows, query, limit)

    def _find_exactly(
        self, query: NDArray[np.float32], limit: int, selection: Selection
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Compare all items; ask for more candidates until no other one can be among the nearest."""
        candidates = max(_OVERSAMPLING * limit, _LEAST_CANDIDATES)
        while True:
            rows = self._ask(query, candidates, selection, None)
            ids, inner = _rank_rows(rows, query, limit)
            if len(rows) < candidates:
                return ids, inner
            if len(ids) == limit and float(inner[-1]) > min(row[1] for row in rows) + _ROUNDING:
                return ids, inner
            candidates *= 4

    def _ask(
        self, query: NDArray[np.float32], candidates: int, selection: Selection, index: ServerIndex | None
    ) -> list[NamedRow]:
        conditions, values = self._catalogue.write_conditions(self._generation.id, self._kind, selection)
        text = _NEAREST.format(
            network=self._generation.network,
            kind=self._kind,
            conditions=conditions,
            order=_EXACTLY if index is None else _BY_INDEX,
        )
        values |= {"query": f"[{','.join(map(str, query.tolist()))}]", "candidates": candidates}

        def ask(connection: Connection[NamedRow]) -> list[NamedRow]:
            if index is None:
                return connection.execute(translate(text), values, binary=True).fetchall()
            with connection.pipeline(), connection.transaction():
                for setting in _FORCE_INDEX.split("; "):
                    connection.execute(setting)
                connection.execute(f"SET LOCAL {index.setting} TO {index.probes}")
                return connection.execute(translate(text), values, binary=True).fetchall()

        return self._catalogue.ask(ask)

    def _is_small(self, selection: Selection) -> bool:
        """Return whether few enough items fulfil conditions for an exact search."""
        if selection == EVERYTHING:
            return self._count <= EXACT_ROWS
        counted, is_small = self._counted  # kept, since one query may search repeatedly
        if counted != selection:
            is_small = self._catalogue.has_at_most(EXACT_ROWS, self._generation.id, self._kind, selection)
            self._counted = selection, is_small
        return is_small

    def sample(self, size: int) -> NDArray[np.int64]:
        """Return the ids of about so many items, or of all if there are fewer, evenly drawn, ascending."""
        if self._count <= size:
            return self._catalogue.ids(self._generation.id, self._kind)
        return self._catalogue.sample_ids(self._generation.id, self._kind, size)


def _rank_rows(
    rows: list[NamedRow], query: NDArray[np.float32], limit: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return ids and exact inner products of the best rows of an answer, best first."""
    ids = np.array([row[0] for row in rows], np.int64)
    vectors = np.frombuffer(b"".join(row[2] for row in rows), "<f4").reshape(-1, EMBEDDING_DIM)
    return rank(ids, vectors, query, limit)
