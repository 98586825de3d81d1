"""Queries and updates of the catalogue during a build."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, insert, or_, select, update

from attune.embedding.media_files import Kind
from attune.indexer.catalogue import is_visible_in, split_into_chunks
from attune.indexer.catalogue_tables import embeddings, generations, items, roots, state
from attune.indexer.records import Root, Stamp
from attune.indexer.row_checksums import compute_embedding_checksum, compute_item_checksum


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """Existing row of the catalogue, as far as a build needs it.

    Attributes:
        id: Id of the item.
        stamp: Path, size and modification time of the file when it was read.
        content: Hash of its bytes.
        backbone: Id of the backbone that computed its features.
    """

    id: int
    stamp: Stamp
    content: bytes
    backbone: str


@dataclass(frozen=True, slots=True)
class NetworkOutput:
    """Embedding and affect of one item.

    Attributes:
        vector: Embedding, float32 (128,).
        affect: float32 (5,): valence, arousal, positive, neutral, negative.
        moments: Embeddings of a song's moments, float16 (n, 128); None for a picture.
    """

    vector: NDArray[np.float32]
    affect: NDArray[np.float32]
    moments: NDArray[np.float16] | None


@dataclass(frozen=True, slots=True)
class NewItem:
    """Item to be added to the catalogue.

    Attributes:
        kind: image or music.
        stamp: Path, size and modification time of the file when it was read.
        content: Hash of its bytes.
        backbone: Id of the backbone that computed its features.
        feature_row: First row of its features in the feature store.
        feature_rows: Number of its rows there.
        features_crc: CRC-32 of its features.
        network_output: Its embedding and affect; None if it still has to be embedded from its features.
        duration_s: Seconds of music, None for a picture.
        width: Pixels of the upright picture, None for music.
        height: Pixels of the upright picture, None for music.
        title: From the tags, if any.
        artist: From the tags, if any.
        taken: Capture date; `NO_DATE` if the file has none, None if it has not been read.
    """

    kind: Kind
    stamp: Stamp
    content: bytes
    backbone: str
    feature_row: int
    feature_rows: int
    features_crc: int | None
    network_output: NetworkOutput | None
    duration_s: float | None = None
    width: int | None = None
    height: int | None = None
    title: str | None = None
    artist: str | None = None
    taken: str | None = None


def read_entries(connection: Connection, generation: int) -> Iterator[CatalogueEntry]:
    """Yield the rows of a generation."""
    columns = items.c
    query = select(
        columns.id, columns.path, columns.size, columns.mtime_ns, columns.content, columns.backbone
    )
    for item, path, size, mtime_ns, content, backbone in connection.execute(
        query.where(is_visible_in(generation))
    ):
        yield CatalogueEntry(item, Stamp(os.fsdecode(path), size, mtime_ns), content, backbone)


def read_sizes(connection: Connection) -> set[int]:
    """Return the sizes of all files that have features; a file of another size cannot be a copy of one."""
    return set(connection.execute(select(items.c.size).distinct()).scalars())


def write_root(connection: Connection, root: Root) -> None:
    """Add a root, or replace its settings."""
    path = os.fsencode(root.path)
    connection.execute(delete(roots).where(roots.c.path == path))
    exclude = json.dumps(root.exclude)
    connection.execute(insert(roots).values(path=path, exclude=exclude, follow_links=root.follow_links))


def write_items(connection: Connection, new: Sequence[NewItem], network: str, generation: int) -> None:
    """Add rows to a generation, each with its embedding if it has one."""
    if not new:
        return
    rows: list[dict[str, Any]] = [
        {
            "kind": new_item.kind,
            "path": os.fsencode(new_item.stamp.path),
            "size": new_item.stamp.size,
            "mtime_ns": new_item.stamp.mtime_ns,
            "content": new_item.content,
            "duration_s": None if new_item.duration_s is None else float(new_item.duration_s),
            "width": new_item.width,
            "height": new_item.height,
            "title": new_item.title,
            "artist": new_item.artist,
            "taken": new_item.taken,
            "backbone": new_item.backbone,
            "feature_row": new_item.feature_row,
            "feature_rows": new_item.feature_rows,
            "features_crc": new_item.features_crc,
            "added": generation,
        }
        for new_item in new
    ]
    for row in rows:
        row["seal"] = compute_item_checksum(row)
    added = insert(items).returning(items.c.id, sort_by_parameter_order=True)
    ids = connection.execute(added, rows).scalars().all()
    network_output = [
        (item, new_item.network_output)
        for item, new_item in zip(ids, new, strict=True)
        if new_item.network_output is not None
    ]
    write_embeddings(connection, network, network_output)


def write_embeddings(
    connection: Connection, network: str, network_output: Sequence[tuple[int, NetworkOutput]]
) -> None:
    """Add the embeddings of items, given as pairs of item id and network output."""
    if not network_output:
        return
    rows: list[dict[str, Any]] = []
    for item, output in network_output:
        valence, arousal, positive, neutral, negative = (float(value) for value in output.affect)
        rows.append(
            {
                "item": item,
                "network": network,
                "vector": output.vector.astype("<f4").tobytes(),
                "valence": valence,
                "arousal": arousal,
                "positive": positive,
                "neutral": neutral,
                "negative": negative,
                "moments": None if output.moments is None else output.moments.astype("<f2").tobytes(),
            }
        )
        rows[-1]["seal"] = compute_embedding_checksum(rows[-1])
    connection.execute(insert(embeddings), rows)


def remove(connection: Connection, ids: Iterable[int], generation: int) -> None:
    """Remove items from a generation and all later ones; readers of older generations still see them."""
    for chunk in split_into_chunks(list(ids)):
        connection.execute(update(items).where(items.c.id.in_(chunk)).values(removed=generation))


def remove_lost(connection: Connection, backbone: str, kept_rows: int, generation: int) -> None:
    """Remove the items whose features lie beyond the end of the store, so that their files are read again.

    Args:
        connection: Connection to the catalogue.
        backbone: Id of the backbone of the store.
        kept_rows: Number of rows in the store.
        generation: Generation from which the items are removed.
    """
    beyond = items.c.feature_row + items.c.feature_rows > kept_rows
    lost = is_visible_in(generation) & (items.c.backbone == backbone) & beyond
    connection.execute(update(items).where(lost).values(removed=generation))


def remove_unembedded(connection: Connection, generation: int, network: str) -> None:
    """Remove the items that have no embedding by a network, since they lack features of its backbone.

    Their files could not be read in this build. A later build that can read them adds them again.
    """
    done = select(embeddings.c.item).where(embeddings.c.network == network)
    rest = is_visible_in(generation) & items.c.id.not_in(done)
    connection.execute(update(items).where(rest).values(removed=generation))


def has_changes(connection: Connection, generation: int) -> bool:
    """Return whether a build, perhaps an interrupted one, added rows to a generation or removed some."""
    touched = select(items.c.id).where((items.c.added == generation) | (items.c.removed == generation))
    return connection.execute(touched.limit(1)).first() is not None


def write_generation(
    connection: Connection, generation: int, network: tuple[str, str], images: int, music: int
) -> None:
    """Publish a generation: from now on readers see it.

    Args:
        connection: Connection to the catalogue, in a transaction.
        generation: Id of the generation.
        network: Id and source of its network.
        images: Number of its pictures.
        music: Number of its songs.
    """
    connection.execute(delete(generations).where(generations.c.id == generation))
    connection.execute(
        insert(generations).values(
            id=generation,
            network=network[0],
            network_source=network[1],
            images=images,
            music=music,
            published_at=time.time(),
        )
    )
    connection.execute(delete(state))
    connection.execute(insert(state).values(id=1, generation=generation))


def purge(connection: Connection, kept: Sequence[int]) -> None:
    """Delete the rows, embeddings and generations that none of the kept generations can see.

    A row is kept if its content is in the library with features of another backbone only: a network that
    uses the row's backbone again finds the features.
    """
    oldest_kept = min(kept)
    remaining = items.alias()
    newer = items.alias()
    has_same_content = (remaining.c.kind == items.c.kind) & (remaining.c.content == items.c.content)
    other_backbone = select(remaining.c.id).where(
        has_same_content,
        remaining.c.backbone != items.c.backbone,
        or_(remaining.c.removed.is_(None), remaining.c.removed > oldest_kept),
    )
    newer_row = select(newer.c.id).where(
        newer.c.kind == items.c.kind,
        newer.c.content == items.c.content,
        newer.c.backbone == items.c.backbone,
        newer.c.id > items.c.id,
    )
    is_needless = ~other_backbone.exists() | newer_row.exists()
    deleted_ids = (
        connection.execute(select(items.c.id).where(items.c.removed <= oldest_kept, is_needless))
        .scalars()
        .all()
    )
    for chunk in split_into_chunks(deleted_ids):
        connection.execute(delete(items).where(items.c.id.in_(chunk)))
    networks = select(generations.c.network).where(generations.c.id.in_(kept))
    connection.execute(delete(embeddings).where(embeddings.c.network.not_in(networks)))
    connection.execute(delete(generations).where(generations.c.id.not_in(kept), generations.c.id < max(kept)))
