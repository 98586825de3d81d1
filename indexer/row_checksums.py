"""Checksums of catalogue rows and features, which reveal a flipped bit.

SQLite's pages have no checksums: it notices a broken tree, but not a changed value. The checksums are in the
columns named `seal`.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select, update

from attune.indexer.catalogue_tables import embeddings, items
from attune.indexer.feature_store import FeatureStore

_BATCH_ROWS: Final = 1_000  # rows in memory
ITEM_FIELDS: Final = (
    *("kind", "path", "size", "mtime_ns", "content", "duration_s", "width", "height", "title", "artist"),
    *("backbone", "feature_row", "feature_rows", "features_crc", "added"),
)
"""Columns of an item's row that never change."""
EMBEDDING_FIELDS: Final = (
    *("item", "network", "vector", "valence", "arousal", "positive", "neutral", "negative", "moments"),
)


def compute_item_checksum(row: Mapping[str, Any]) -> int:
    """Return the checksum of an item's row."""
    return _compute_checksum(row[name] for name in ITEM_FIELDS)


def compute_embedding_checksum(row: Mapping[str, Any]) -> int:
    """Return the checksum of an embedding's row."""
    return _compute_checksum(row[name] for name in EMBEDDING_FIELDS)


def has_valid_checksums(joined: Mapping[str, Any]) -> bool:
    """Return whether the checksums of an item's row and of its embedding's row, if it has one, are right.

    Args:
        joined: The columns of both rows; the checksum of the embedding's row as `embedding_seal`.
    """
    if joined["seal"] != compute_item_checksum(joined):
        return False
    return joined["item"] is None or joined["embedding_seal"] == compute_embedding_checksum(joined)


def backfill_checksums(connection: Connection, stores: Mapping[str, FeatureStore]) -> None:
    """Compute the checksums of a library that was made before they were introduced.

    Args:
        connection: Connection to the catalogue, in a transaction.
        stores: Feature stores by the id of their backbone. Items of other backbones get no checksum of their
            features, which counts as lost.
    """
    query = select(items).where(items.c.seal.is_(None), items.c.id > bindparam("after"))
    statement = update(items).where(items.c.id == bindparam("of"))
    after = 0
    while rows := connection.execute(query.order_by(items.c.id).limit(_BATCH_ROWS), {"after": after}).all():
        new = []
        for row in rows:
            fields = dict(row._mapping)
            store = stores.get(fields["backbone"])
            place = fields["feature_row"], fields["feature_rows"]
            fields["features_crc"] = None if store is None else store.compute_crc(*place)
            new.append(
                {"of": row.id, "features_crc": fields["features_crc"], "seal": compute_item_checksum(fields)}
            )
        connection.execute(statement, new)
        after = rows[-1].id
    columns = embeddings.c
    ids = connection.execute(select(columns.item).where(columns.seal.is_(None)).distinct()).scalars().all()
    statement = update(embeddings).where(columns.item == bindparam("of"), columns.network == bindparam("by"))
    for first in range(0, len(ids), _BATCH_ROWS):
        unsealed = select(embeddings).where(
            columns.seal.is_(None), columns.item.in_(ids[first : first + _BATCH_ROWS])
        )
        found = [dict(row._mapping) for row in connection.execute(unsealed)]
        connection.execute(
            statement,
            [
                {"of": row["item"], "by": row["network"], "seal": compute_embedding_checksum(row)}
                for row in found
            ],
        )


def _compute_checksum(values: Iterable[Any]) -> int:
    # `repr` depends on the characters that this version of Python considers printable; `ascii` does not.
    return zlib.crc32(ascii(tuple(values)).encode())
