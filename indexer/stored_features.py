"""Catalogue queries about stored features: the items that they belong to and their rows in the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, func, select

from attune.embedding.backbones import Backbone
from attune.embedding.media_files import Kind
from attune.indexer.catalogue import is_visible_in, split_into_chunks
from attune.indexer.catalogue_tables import embeddings, items
from attune.indexer.row_checksums import has_valid_checksums

_EMBEDDING_COLUMNS = (
    *(column for column in embeddings.c if column.name != "seal"),
    embeddings.c.seal.label("embedding_seal"),
)


def find_contents(
    connection: Connection, contents: Iterable[bytes], network: str, backbones: Mapping[Kind, Backbone]
) -> dict[tuple[Kind, bytes], Row[Any]]:
    """Return, for each kind and content, the newest row of any generation with features by these backbones.

    Rows with a wrong checksum are left out.

    Args:
        connection: Connection to the catalogue.
        contents: Content hashes to look up.
        network: Id of the network whose embeddings are returned.
        backbones: Backbones of that network.

    Returns:
        (kind, content hash) to the columns of the item and of its embedding by the network; the latter are
        null if there is no embedding.
    """
    found: dict[tuple[Kind, bytes], Row[Any]] = {}
    for chunk in split_into_chunks(list(contents)):
        rows = connection.execute(
            select(items, *_EMBEDDING_COLUMNS)
            .outerjoin(embeddings, (embeddings.c.item == items.c.id) & (embeddings.c.network == network))
            .where(items.c.content.in_(chunk))
            .order_by(embeddings.c.item.is_not(None), items.c.id)
        )
        for row in rows:
            columns = row._mapping
            if columns["backbone"] == backbones[columns["kind"]].id and has_valid_checksums(dict(columns)):
                found[columns["kind"], columns["content"]] = row
    return found


def read_kept_contents(connection: Connection, backbone: str) -> set[bytes]:
    """Return the content hashes, of any generation, whose features by a backbone are stored."""
    query = select(items.c.content).where(items.c.backbone == backbone).distinct()
    return set(connection.execute(query).scalars())


def count_missing(connection: Connection, generation: int, kind: Kind, backbone: str) -> int:
    """Return how many of a generation's items of one kind have no stored features by a backbone."""
    query = select(items.c.content).where(
        is_visible_in(generation), items.c.kind == kind, items.c.backbone != backbone
    )
    others = list(connection.execute(query).scalars())
    kept = read_kept_contents(connection, backbone) if others else set()
    return sum(content not in kept for content in others)


def count_feature_rows(connection: Connection, backbone: str) -> int:
    """Return the number of rows in the store of a backbone, as recorded in the catalogue."""
    end = func.max(items.c.feature_row + items.c.feature_rows)
    return connection.execute(select(end).where(items.c.backbone == backbone)).scalar_one() or 0


def read_unembedded(
    connection: Connection, generation: int, network: str, backbone: Backbone
) -> list[tuple[int, int, int, int | None]]:
    """Return the items with features by a backbone that a network has not embedded.

    Returns:
        (id, first feature row, number of feature rows, CRC-32 of the features) of each, ordered by the row.
    """
    embedded = select(embeddings.c.item).where(embeddings.c.network == network)
    query = select(items.c.id, items.c.feature_row, items.c.feature_rows, items.c.features_crc).where(
        is_visible_in(generation),
        items.c.backbone == backbone.id,
        items.c.id.not_in(embedded),
    )
    return [(*row,) for row in connection.execute(query.order_by(items.c.feature_row))]
