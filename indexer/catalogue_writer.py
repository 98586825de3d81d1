"""Changes of the catalogue of a library."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ColumnElement,
    Connection,
    delete,
    insert,
    or_,
    select,
    update,
)

from attune.core.exclusions import Exclusion
from attune.core.paths import is_below_any
from attune.embedding.affect import AFFECT_COLUMNS
from attune.embedding.backbones import Backbone
from attune.embedding.media_facts import FACTS_VERSION, MediaFacts
from attune.embedding.media_files import Kind
from attune.indexer.catalogue import Catalogue, Row
from attune.indexer.catalogue_tables import (
    compute_embedding_checksum,
    compute_item_checksum,
    embeddings,
    exclusions,
    generations,
    items,
    metadata,
    omissions,
    roots,
    skipped,
    state,
)
from attune.indexer.records import FACTS, Root, Stamp

_EMBEDDING_COLUMNS = (
    *(column for column in embeddings.c if column.name != "seal"),
    embeddings.c.seal.label("embedding_seal"),
)
_MAX_PARAMETERS = 500  # bound parameters per statement; every SQLite build allows at least 999
_Key = TypeVar("_Key")


@dataclass(frozen=True, slots=True)
class NetworkOutput:
    """Embedding and affect of one item.

    Attributes:
        vector: Embedding, float32 (128,).
        affect: float32 (11,), the columns of `AFFECT_COLUMNS`.
        moments: Embeddings of a song's moments, float16 (n, 128); None for a picture.
    """

    vector: NDArray[np.float32]
    affect: NDArray[np.float32]
    moments: NDArray[np.float16] | None


@dataclass(frozen=True, slots=True)
class ItemRecord:
    """Everything that the catalogue stores about an item besides its id and its generations.

    Attributes:
        kind: image or music.
        stamp: Path, size and modification time of the file when it was read.
        facts: Facts about the file.
        backbone: Id of the backbone that computed its features.
        feature_row: First row of its features in the feature store.
        feature_rows: Number of its rows there.
        features_crc: CRC-32 of its features.
        facts_version: Number of the rules by which the facts were read; None: older ones than any number.
        network_output: Its embedding and affect; None if it still has to be embedded from its features.
    """

    kind: Kind
    stamp: Stamp
    facts: MediaFacts
    backbone: str
    feature_row: int
    feature_rows: int
    features_crc: int
    network_output: NetworkOutput | None
    facts_version: int | None = FACTS_VERSION


@dataclass(frozen=True, slots=True)
class UnembeddedItem:
    """An item with features that a network has not embedded.

    Attributes:
        id: Id of the item.
        feature_row: First row of its features in the feature store.
        feature_rows: Number of its rows there.
        features_crc: CRC-32 of its features.
    """

    id: int
    feature_row: int
    feature_rows: int
    features_crc: int


class WritableCatalogue(Catalogue):
    """The catalogue of a library, open for changes, by one thread and over one connection.

    Every change must be made inside `with catalogue.transaction():`. Questions see the changes at once.
    """

    _tables: Connection

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all changes in the block at once, or none of them if it raises an error."""
        with self._tables.begin():
            yield

    def sizes(self) -> set[int]:
        """Return the sizes of all files that have features; a file of another size is no copy of any."""
        return set(self._all(itemgetter(0), "SELECT DISTINCT size FROM items"))

    def has_changes(self, generation: int) -> bool:
        """Return whether a build, perhaps an interrupted one, added rows to a generation or removed some."""
        query = "SELECT id FROM items WHERE added = :generation OR removed = :generation LIMIT 1"
        return self._first(tuple, query, generation=generation) is not None

    def count_feature_rows(self, backbone: str) -> int:
        """Return the number of rows in the store of a backbone, as recorded in the catalogue."""
        query = "SELECT max(feature_row + feature_rows) FROM items WHERE backbone = :backbone"
        return self._all(itemgetter(0), query, backbone=backbone)[0] or 0

    def unembedded(self, generation: int, network: str, backbone: str) -> list[UnembeddedItem]:
        """Return the items with features by a backbone that a network has not embedded, by feature row."""
        query = """
            SELECT id, feature_row, feature_rows, features_crc FROM items
            WHERE backbone = :backbone AND added <= :generation AND (removed IS NULL OR removed > :generation)
            AND NOT EXISTS (SELECT 1 FROM embeddings WHERE item = items.id AND network = :network)
            ORDER BY feature_row"""
        scope = {"generation": generation, "network": network, "backbone": backbone}
        return self._all(lambda row: UnembeddedItem(*row), query, **scope)

    def find_contents(
        self, contents: Iterable[bytes], network: str, backbones: Mapping[Kind, Backbone]
    ) -> dict[tuple[Kind, bytes], ItemRecord]:
        """Return, for each kind and content, the newest record of any generation with features by backbones.

        Rows with a wrong checksum are left out.

        Args:
            contents: Content hashes to look up.
            network: Id of the network whose embeddings are returned.
            backbones: Backbones of that network.
        """
        query = select(items, *_EMBEDDING_COLUMNS).outerjoin(
            embeddings, (embeddings.c.item == items.c.id) & (embeddings.c.network == network)
        )
        query = query.order_by(embeddings.c.item.is_not(None), items.c.id)
        found: dict[tuple[Kind, bytes], ItemRecord] = {}
        for chunk in split_into_chunks(list(contents)):
            for row in self._tables.execute(query.where(items.c.content.in_(chunk))).mappings():
                columns = dict(row)
                if row["backbone"] == backbones[row["kind"]].id and _has_valid_checksums(columns):
                    found[row["kind"], row["content"]] = _make_record(columns)
        return found

    def write_root(self, root: Root) -> None:
        """Add a root, or replace its settings."""
        self.remove_root(root.path)
        self._tables.execute(
            insert(roots).values(
                path=os.fsencode(root.path),
                exclude="[]",  # tables of the first schema demand it
                follow_links=root.follow_links,
                unreachable=root.unreachable,
                mounts=json.dumps(root.mounts),
            )
        )

    def remove_root(self, path: str) -> None:
        """Stop following a root; its items are left to the caller."""
        self._tables.execute(delete(roots).where(roots.c.path == os.fsencode(path)))

    def write_exclusions(self, rules: Iterable[Exclusion]) -> None:
        """Replace the list of what is left out."""
        self._tables.execute(delete(exclusions))
        for rule in rules:
            self._tables.execute(
                insert(exclusions).values(
                    pattern=os.fsencode(rule.pattern),
                    path=_encode_path(rule.path),
                    root=_encode_path(rule.root),
                )
            )

    def write_omissions(self, counts: Mapping[str, int]) -> None:
        """Replace the numbers of files that were seen and left out, by reason."""
        self._tables.execute(delete(omissions))
        for reason, files in counts.items():
            self._tables.execute(insert(omissions).values(reason=reason, files=files))

    def write_items(self, records: Sequence[ItemRecord], network: str, generation: int) -> None:
        """Add items to a generation, each with its embedding if it has one."""
        if not records:
            return
        rows = [_make_row(record, generation) for record in records]
        added = insert(items).returning(items.c.id, sort_by_parameter_order=True)
        ids = self._tables.execute(added, rows).scalars().all()
        outputs = ((item, record.network_output) for item, record in zip(ids, records, strict=True))
        self.write_embeddings(network, [(item, output) for item, output in outputs if output is not None])

    def write_embeddings(self, network: str, outputs: Sequence[tuple[int, NetworkOutput]]) -> None:
        """Add the embeddings of items, given as pairs of item id and network output."""
        rows: list[dict[str, Any]] = []
        for item, output in outputs:
            row = dict(zip(AFFECT_COLUMNS, map(float, output.affect), strict=True)) | {
                "item": item,
                "network": network,
                "vector": output.vector.astype("<f4").tobytes(),
                "moments": None if output.moments is None else output.moments.astype("<f2").tobytes(),
            }
            rows.append(row | {"seal": compute_embedding_checksum(row)})
        if rows:
            self._tables.execute(insert(embeddings), rows)

    def write_rows(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows as they are, by column."""
        for chunk in split_into_chunks(rows):
            self._tables.execute(insert(metadata.tables[table]), list(chunk))

    def remove(self, ids: Iterable[int], generation: int) -> None:
        """Remove items from a generation and all later ones; readers of older generations still see them."""
        for chunk in split_into_chunks(list(ids)):
            self._tables.execute(update(items).where(items.c.id.in_(chunk)).values(removed=generation))

    def leave_out(self, ids: Iterable[int], generation: int) -> None:
        """Remove items whose files are still there, so that they can come back without being read again."""
        for chunk in split_into_chunks(list(ids)):
            change = update(items).where(items.c.id.in_(chunk))
            self._tables.execute(change.values(removed=generation, left_out=True))

    def forget_left_out(self, generation: int) -> None:
        """Forget what was left out where a newer row of the same path exists, left out or not."""
        newer = items.alias()
        has_newer = select(newer.c.id).where(newer.c.path == items.c.path, newer.c.id > items.c.id).exists()
        outdated = items.c.left_out & (items.c.removed <= generation) & has_newer
        self._tables.execute(update(items).where(outdated).values(left_out=False))

    def remove_lost(self, backbone: str, kept_rows: int, generation: int) -> None:
        """Remove the items whose features lie beyond the end of the store: their files are read again.

        Args:
            backbone: Id of the backbone of the store.
            kept_rows: Number of rows in the store.
            generation: Generation from which the items are removed.
        """
        beyond = items.c.feature_row + items.c.feature_rows > kept_rows
        lost = _is_visible_in(generation) & (items.c.backbone == backbone) & beyond
        self._tables.execute(update(items).where(lost).values(removed=generation))

    def remove_unembedded(self, generation: int, network: str) -> None:
        """Remove the items that have no embedding by a network, since they lack features of its backbone.

        Their files could not be read in this build, perhaps because their disk is away. A later build adds
        them again, by a network that uses the backbone of their features without reading them.
        """
        done = select(embeddings.c.item).where(
            embeddings.c.item == items.c.id, embeddings.c.network == network
        )
        rest = _is_visible_in(generation) & ~done.exists()
        self._tables.execute(update(items).where(rest).values(removed=generation, left_out=True))

    def write_skip(self, stamp: Stamp, reason: str, reader: str) -> None:
        """Record that a file cannot be used by a reader version, so that it is not read again in vain."""
        self._delete_skip(stamp.path)
        place = {"path": os.fsencode(stamp.path), "size": stamp.size, "mtime_ns": stamp.mtime_ns}
        self._tables.execute(insert(skipped).values(**place, reader=reader, reason=reason))

    def update_skips(
        self, failed: set[str], refused: Mapping[Stamp, str], reader: str, missing: Iterable[str]
    ) -> None:
        """Bring the records of skipped files up to date.

        Args:
            failed: Paths of files that were skipped before and have not changed.
            refused: Files in formats that are not read, with reasons.
            reader: The reader version that refuses them.
            missing: Folders whose files are unknown; the records below them stay.
        """
        missing = list(missing)
        known = set()
        for stamp, reason, by in self._all(_parse_skip, "SELECT * FROM skipped"):
            if refused.get(stamp) == reason and by == reader:
                known.add(stamp)
            elif stamp.path not in failed and not is_below_any(stamp.path, missing):
                self._delete_skip(stamp.path)
        for stamp, reason in refused.items():
            if stamp not in known:
                self.write_skip(stamp, reason, reader)

    def delete_skips(self) -> None:
        """Forget all skipped files."""
        self._tables.execute(delete(skipped))

    def _delete_skip(self, path: str) -> None:
        self._tables.execute(delete(skipped).where(skipped.c.path == os.fsencode(path)))

    def write_generation(self, generation: int, network: tuple[str, str], images: int, music: int) -> None:
        """Publish a generation: from now on readers see it.

        Args:
            generation: Id of the generation.
            network: Id and source of its network.
            images: Number of its pictures.
            music: Number of its songs.
        """
        self._tables.execute(delete(generations).where(generations.c.id == generation))
        self._tables.execute(
            insert(generations).values(
                id=generation,
                network=network[0],
                network_source=network[1],
                images=images,
                music=music,
                published_at=time.time(),
            )
        )
        self.write_state(generation)

    def write_state(self, generation: int) -> None:
        """Let readers see a generation whose row is written."""
        self._tables.execute(delete(state))
        self._tables.execute(insert(state).values(id=1, generation=generation))

    def purge(self, kept: Sequence[int]) -> None:
        """Delete the rows, embeddings and generations that none of the kept generations can see.

        A row is kept if it was left out by a setting, or if its content is in the library with features of
        another backbone only: a network that uses the row's backbone again finds the features.
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
        needless = select(items.c.id).where(items.c.removed <= oldest_kept, ~items.c.left_out, is_needless)
        for chunk in split_into_chunks(self._tables.execute(needless).scalars().all()):
            self._tables.execute(delete(items).where(items.c.id.in_(chunk)))
        networks = select(generations.c.network).where(generations.c.id.in_(kept))
        self._tables.execute(delete(embeddings).where(embeddings.c.network.not_in(networks)))
        outdated = generations.c.id.not_in(kept) & (generations.c.id < max(kept))
        self._tables.execute(delete(generations).where(outdated))


def _parse_skip(row: Row) -> tuple[Stamp, str, str]:
    stamp = Stamp(os.fsdecode(row["path"]), row["size"], row["mtime_ns"])
    return stamp, row["reason"], row["reader"]


def _encode_path(path: str | None) -> bytes | None:
    return None if path is None else os.fsencode(path)


def split_into_chunks(keys: Sequence[_Key]) -> Iterator[Sequence[_Key]]:
    """Yield consecutive parts of `keys` that are small enough to be bound to one SQL statement."""
    for first in range(0, len(keys), _MAX_PARAMETERS):
        yield keys[first : first + _MAX_PARAMETERS]


def _is_visible_in(generation: int) -> ColumnElement[bool]:
    return (items.c.added <= generation) & or_(items.c.removed.is_(None), items.c.removed > generation)


def _make_row(record: ItemRecord, generation: int) -> dict[str, Any]:
    row = {name: getattr(record.facts, name) for name in FACTS} | {
        "kind": record.kind,
        "path": os.fsencode(record.stamp.path),
        "size": record.stamp.size,
        "mtime_ns": record.stamp.mtime_ns,
        "backbone": record.backbone,
        "feature_row": record.feature_row,
        "feature_rows": record.feature_rows,
        "features_crc": record.features_crc,
        "facts_version": FACTS_VERSION,
        "added": generation,
    }
    return row | {"seal": compute_item_checksum(row)}


def _make_record(row: Mapping[str, Any]) -> ItemRecord:
    return ItemRecord(
        kind=row["kind"],
        stamp=Stamp(os.fsdecode(row["path"]), row["size"], row["mtime_ns"]),
        facts=MediaFacts(**{name: row[name] for name in FACTS}),
        backbone=row["backbone"],
        feature_row=row["feature_row"],
        feature_rows=row["feature_rows"],
        features_crc=row["features_crc"],
        network_output=None if row["vector"] is None else _make_output(row),
        facts_version=row["facts_version"],
    )


def _make_output(row: Mapping[str, Any]) -> NetworkOutput:
    moments = row["moments"]
    return NetworkOutput(
        np.frombuffer(row["vector"], "<f4"),
        np.array([row[name] for name in AFFECT_COLUMNS], np.float32),
        None if moments is None else np.frombuffer(moments, "<f2"),
    )


def _has_valid_checksums(joined: Mapping[str, Any]) -> bool:
    """Return whether the checksums of an item's row and of its embedding's row, if it has one, are right."""
    if joined["seal"] != compute_item_checksum(joined):
        return False
    return joined["item"] is None or joined["embedding_seal"] == compute_embedding_checksum(joined)
