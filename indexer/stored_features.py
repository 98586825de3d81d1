"""What the catalogue knows of kept features: whose they are, and where they lie in their backbone's store."""

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
    """Return the newest row with features by these backbones of each kind and content, of any generation.

    Columns of the item, and of its embedding by the network: null where there is none. Rows that
    are not as they were written do not count.
    """
    found: dict[tuple[Kind, bytes], Row[Any]] = {}
    for some in split_into_chunks(list(contents)):
        rows = connection.execute(
            select(items, *_EMBEDDING_COLUMNS)
            .outerjoin(embeddings, (embeddings.c.item == items.c.id) & (embeddings.c.network == network))
            .where(items.c.content.in_(some))
            .order_by(embeddings.c.item.is_not(None), items.c.id)
        )
        for row in rows:
            columns = row._mapping
            if columns["backbone"] == backbones[columns["kind"]].id and has_valid_checksums(dict(columns)):
                found[columns["kind"], columns["content"]] = row
    return found


def read_kept_contents(connection: Connection, backbone: str) -> set[bytes]:
    """Return the contents whose features by a backbone are kept, of any generation."""
    query = select(items.c.content).where(items.c.backbone == backbone).distinct()
    return set(connection.execute(query).scalars())


def count_missing(connection: Connection, generation: int, kind: Kind, backbone: str) -> int:
    """Count a generation's items of one kind whose content has no kept features by a backbone."""
    query = select(items.c.content).where(
        is_visible_in(generation), items.c.kind == kind, items.c.backbone != backbone
    )
    others = list(connection.execute(query).scalars())
    kept = read_kept_contents(connection, backbone) if others else set()
    return sum(content not in kept for content in others)


def count_feature_rows(connection: Connection, backbone: str) -> int:
    """Return where the store of a backbone ends, as far as the catalogue knows."""
    end = func.max(items.c.feature_row + items.c.feature_rows)
    return connection.execute(select(end).where(items.c.backbone == backbone)).scalar_one() or 0


def read_unembedded(
    connection: Connection, generation: int, network: str, backbone: Backbone
) -> list[tuple[int, int, int, int | None]]:
    """Return (id, feature row, feature rows, their checksum) of what this network has not embedded.

    Only items whose features are of the backbone.
    """
    done = select(embeddings.c.item).where(embeddings.c.network == network)
    query = select(items.c.id, items.c.feature_row, items.c.feature_rows, items.c.features_crc).where(
        is_visible_in(generation),
        items.c.backbone == backbone.id,
        items.c.id.not_in(done),
    )
    return [(*row,) for row in connection.execute(query.order_by(items.c.feature_row))]
