"""The questions that are asked of a library's catalogue, whichever database holds it.

Both databases have the same tables, so a question is written once. What differs between them is in
`sqlite_catalogue` and in `postgres.catalogue`. The questions use the databases' own drivers, since importing
SQLAlchemy takes longer than a whole query. `WritableCatalogue` changes the tables.
"""

from __future__ import annotations

import contextlib
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, ClassVar, Final, Literal, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import DamagedLibrary, NothingPublished
from attune.core.exclusions import Exclusion
from attune.core.library_address import LibraryAddress
from attune.embedding.affect import AFFECT_COLUMNS, Affect
from attune.embedding.media_files import Kind
from attune.embedding.network import EMBEDDING_DIM
from attune.indexer.records import (
    EVERYTHING,
    FACTS,
    EmbeddedItem,
    Generation,
    Item,
    KnownFile,
    Root,
    Selection,
    SkippedFile,
    Stamp,
)

_COPIED: Final = ("id", "kind", "feature_row", "feature_rows", "features_crc", *FACTS)
_T = TypeVar("_T")

VISIBLE: Final = (
    "items.added <= :generation AND (items.removed IS NULL OR items.removed > :generation) "
    "AND items.kind = :kind"
)
"""Condition on the items of one kind that a generation has."""
_ANY_KIND: Final = VISIBLE.removesuffix(" AND items.kind = :kind")

_ITEM: Final = """
    SELECT items.*, valence, arousal, positive, neutral, negative, q1, q2, q3, q4,
        place_valence, place_arousal, vector
    FROM items JOIN embeddings ON embeddings.item = items.id AND embeddings.network = :network WHERE"""
_KNOWN: Final = """
    SELECT id, path, size, mtime_ns, kind, content, backbone, sidecar_mtime_ns, facts_version
    FROM items WHERE"""

PagedTable = Literal["items", "embeddings"]
PAGE_KEYS: Final[dict[PagedTable, tuple[str, ...]]] = {"items": ("id",), "embeddings": ("item", "network")}
"""Columns by which the rows of a table are ordered when they are read page by page."""
_PAGES: Final[dict[PagedTable, str]] = {
    "items": "SELECT * FROM items WHERE id > :id ORDER BY id LIMIT :limit",
    # An embedding without an item is damage that no table with a foreign key takes.
    "embeddings": """
        SELECT * FROM embeddings WHERE (item, network) > (:item, :network)
        AND EXISTS (SELECT 1 FROM items WHERE id = item) ORDER BY item, network LIMIT :limit""",
}
_SUMS: Final = {
    "items": """
        SELECT count(*), sum(id), sum(seal), count(removed), sum(removed), count(*) FILTER (WHERE left_out)
        FROM items""",
    "embeddings": "SELECT count(*), sum(item), sum(seal) FROM embeddings",
    "generations": "SELECT count(*), sum(id) FROM generations",
    "roots": "SELECT count(*) FROM roots",
    "exclusions": "SELECT count(*) FROM exclusions",
    "omissions": "SELECT count(*), sum(files) FROM omissions",
    "skipped": "SELECT count(*), sum(size) FROM skipped",
}


class Row(Protocol):
    """A row of an answer: its values by place and by the name of the column."""

    def __getitem__(self, key: Any) -> Any: ...

    def __iter__(self) -> Iterator[Any]: ...

    def keys(self) -> Any:
        """Return the names of the columns."""


class Catalogue(ABC):
    """The catalogue of a library, open for reading: a reader never writes and never waits for a writer.

    Several threads may use it at a time. Each method raises LibraryError if the catalogue cannot be read, and
    DamagedLibrary if it is corrupt.

    Args:
        library: Where the library is.
    """

    # What the databases write in different ways: that a value is one of those in `:among`, that a path is
    # `:path`, that it lies between two others, and that a row is that of a stamp.
    _AMONG: ClassVar[str]
    _OF_PATH: ClassVar[str]
    _BETWEEN_PATHS: ClassVar[str]
    _OF_STAMP: ClassVar[str]

    def __init__(self, library: LibraryAddress) -> None:
        self._library = library

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Close all connections."""

    @abstractmethod
    def find_structural_damage(self, limit: int) -> list[str]:
        """Return what the database finds wrong with its own structure, in at most about `limit` lines."""

    @abstractmethod
    def _all(self, parse: Callable[[Any], _T], query: str, **values: object) -> list[_T]:
        """Ask a question; return the rows of the answer, parsed."""

    @abstractmethod
    def _iter(self, parse: Callable[[Any], _T], query: str, **values: object) -> Iterator[_T]:
        """Ask a question; yield the rows of an answer that may be too long for memory."""

    @abstractmethod
    def _pack(self, values: Sequence[int] | Sequence[str]) -> object:
        """Return a list as the parameter `:among`."""

    def _first(self, parse: Callable[[Any], _T], query: str, **values: object) -> _T | None:
        return next(iter(self._all(parse, query, **values)), None)

    @contextlib.contextmanager
    def _report_damage(self) -> Iterator[None]:
        try:
            yield
        except (LookupError, ValueError, TypeError) as error:  # a damaged row cannot be parsed
            raise DamagedLibrary(self._library, type(error).__name__) from error

    def write_conditions(
        self, generation: int, kind: Kind, selection: Selection
    ) -> tuple[str, dict[str, object]]:
        """Return the conditions on a generation's items of one kind as SQL, and the values in it."""
        conditions, values = [VISIBLE], dict[str, object](generation=generation, kind=kind)
        if selection.below:
            places = []
            for number, folder in enumerate(selection.below):
                first = os.fsencode(folder.rstrip(os.sep) + os.sep)
                # Paths that begin with `a/` sort between `a/` and `a0`, since `0` is the byte after `/`.
                after = first[:-1] + bytes([first[-1] + 1])
                values |= {f"folder{number}": os.fsencode(folder)}
                values |= {f"first{number}": first, f"after{number}": after}
                same = self._OF_PATH.replace(":path", f":folder{number}")
                below = self._BETWEEN_PATHS.replace(":first", f":first{number}")
                places.append(f"{same} OR {below.replace(':after', f':after{number}')}")
            conditions.append(f"({' OR '.join(places)})")
        if selection.taken is not None:
            conditions.append("taken IS NOT NULL")
            for name, comparison, bound in zip(("since", "until"), (">=", "<"), selection.taken, strict=True):
                if bound is not None:
                    conditions.append(f"taken {comparison} :{name}")
                    values[name] = bound
        if selection.rating is not None:
            conditions.append("rating >= :rating")
            values["rating"] = selection.rating
        return " AND ".join(conditions), values

    def current_generation(self) -> Generation | None:
        """Return the published generation; None before the first build is published."""
        return self._first(
            lambda row: Generation(*row),
            "SELECT generations.* FROM generations JOIN state ON state.generation = generations.id",
        )

    def published_generation(self) -> Generation:
        """Return the published generation.

        Raises:
            NothingPublished: There is none yet; the text says what to do.
        """
        generation = self.current_generation()
        if generation is not None:
            return generation
        if self.has_generations():
            raise NothingPublished(
                f"{self._library}: a copy into it was not finished; run the same `attune library copy` again"
            )
        raise NothingPublished(
            f"{self._library}: its first build was not finished; run the same `attune build-index` again"
        )

    def has_generations(self) -> bool:
        """Return whether any generation was ever published."""
        return self._first(tuple, "SELECT id FROM generations LIMIT 1") is not None

    def roots(self) -> list[Root]:
        """Return the folders that the library follows, in path order."""
        return self._all(
            lambda row: Root(
                os.fsdecode(row["path"]),
                bool(row["follow_links"]),
                row["unreachable"],
                tuple(json.loads(row["mounts"])),
            ),
            "SELECT * FROM roots ORDER BY path",
        )

    def exclusions(self) -> list[Exclusion]:
        """Return what is left out of the library, in the order in which it was said."""
        return self._all(
            lambda row: Exclusion(
                os.fsdecode(row["pattern"]), _decode_path(row["path"]), _decode_path(row["root"])
            ),
            "SELECT * FROM exclusions ORDER BY id",
        )

    def omissions(self) -> dict[str, int]:
        """Return the numbers of files that the last build saw and left out, by reason."""
        return dict(self._all(tuple, "SELECT reason, files FROM omissions ORDER BY reason"))

    def skipped(self) -> list[SkippedFile]:
        """Return the files that could not be used, in path order."""
        query = "SELECT path, reason FROM skipped ORDER BY path"
        return self._all(lambda row: SkippedFile(os.fsdecode(row[0]), row[1]), query)

    def known_skips(self, readers: Sequence[str]) -> dict[Stamp, str]:
        """Return the files that could not be used by any of these reader versions, with the reasons."""
        query = join_sql("SELECT * FROM skipped WHERE reader", self._AMONG)
        values = {"among": self._pack(readers)}
        return dict(self._all(lambda row: (_make_stamp(row), row["reason"]), query, **values))

    def ids(self, generation: int, kind: Kind, selection: Selection = EVERYTHING) -> NDArray[np.int64]:
        """Return the ids of a generation's items of one kind that fulfil the conditions, ascending."""
        conditions, values = self.write_conditions(generation, kind, selection)
        query = join_sql("SELECT id FROM items WHERE", conditions, "ORDER BY id")
        return np.array(self._all(_value, query, **values), np.int64)

    def count(self, generation: int, kind: Kind, selection: Selection = EVERYTHING) -> int:
        """Return the number of a generation's items of one kind that fulfil the conditions."""
        conditions, values = self.write_conditions(generation, kind, selection)
        return int(self._all(_value, join_sql("SELECT count(*) FROM items WHERE", conditions), **values)[0])

    def has_any(self, generation: int, kind: Kind, selection: Selection) -> bool:
        """Return whether a generation has any item of one kind that fulfils the conditions."""
        conditions, values = self.write_conditions(generation, kind, selection)
        query = join_sql("SELECT id FROM items WHERE", conditions, "LIMIT 1")
        return self._first(_value, query, **values) is not None

    def count_undated(self, generation: int) -> int:
        """Return the number of a generation's pictures whose date of capture is unknown."""
        query = join_sql("SELECT count(*) FROM items WHERE taken IS NULL AND", VISIBLE)
        return int(self._all(_value, query, generation=generation, kind="image")[0])

    def paths(self, generation: int, kind: Kind) -> list[tuple[int, str]]:
        """Return id and path of a generation's items of one kind, by id."""
        query = join_sql("SELECT id, path FROM items WHERE", VISIBLE, "ORDER BY id")
        return self._all(lambda row: (row[0], os.fsdecode(row[1])), query, generation=generation, kind=kind)

    def features_checksums(self, generation: int, kind: Kind) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
        """Return ids and CRC-32 of the features of a generation's items of one kind, by id."""
        query = join_sql("SELECT id, features_crc FROM items WHERE", VISIBLE, "ORDER BY id")
        rows = self._all(tuple, query, generation=generation, kind=kind)
        table = np.array(rows, np.int64).reshape(-1, 2)
        return table[:, 0], table[:, 1].astype(np.uint32)

    def vectors(self, ids: Sequence[int], network: str) -> NDArray[np.float32]:
        """Return the embeddings of items: float32, shape (n, 128), in the order of `ids`.

        Raises:
            DamagedLibrary: An item has no embedding by that network.
        """
        query = join_sql("SELECT item, vector FROM embeddings WHERE network = :network AND item", self._AMONG)
        found = dict(self._all(tuple, query, network=network, among=self._pack(ids)))
        with self._report_damage():
            joined = b"".join(found[item] for item in ids)
            return np.frombuffer(joined, "<f4").reshape(len(ids), EMBEDDING_DIM)

    def items(self, ids: Sequence[int], network: str) -> dict[int, Item]:
        """Return items by id, with their affect by that network."""
        query = join_sql(_ITEM, "items.id", self._AMONG)
        return {
            item.id: item for item in self._all(_make_item, query, network=network, among=self._pack(ids))
        }

    def item(self, generation: int, item: int, network: str) -> EmbeddedItem | None:
        """Return an item of the generation by its id, None if there is none."""
        query = join_sql(_ITEM, _ANY_KIND, "AND items.id = :id")
        return self._first(_make_embedded_item, query, generation=generation, id=item, network=network)

    def find(self, generation: int, stamp: Stamp, network: str) -> EmbeddedItem | None:
        """Return the item with the path, size and modification time of the stamp, None if there is none."""
        return self._first(
            _make_embedded_item,
            join_sql(_ITEM, _ANY_KIND, self._OF_STAMP),
            generation=generation,
            network=network,
            path=os.fsencode(stamp.path),
            size=stamp.size,
            mtime_ns=stamp.mtime_ns,
        )

    def item_at(self, generation: int, path: str, network: str) -> EmbeddedItem | None:
        """Return the item of an absolute path, whether or not its file is still the same; or None."""
        query = join_sql(_ITEM, _ANY_KIND, "AND", self._OF_PATH, "LIMIT 1")
        return self._first(
            _make_embedded_item, query, generation=generation, path=os.fsencode(path), network=network
        )

    def find_copy(self, generation: int, kind: Kind, content: bytes, network: str) -> EmbeddedItem | None:
        """Return an item of the generation with this kind and content hash, None if there is none."""
        return self._first(
            _make_embedded_item,
            join_sql(_ITEM, VISIBLE, "AND content = :content LIMIT 1"),
            generation=generation,
            network=network,
            kind=kind,
            content=content,
        )

    def has_size(self, generation: int, size: int) -> bool:
        """Return whether any file of the generation has this size in bytes."""
        query = join_sql("SELECT id FROM items WHERE", _ANY_KIND, "AND size = :size LIMIT 1")
        return self._first(tuple, query, generation=generation, size=size) is not None

    def moments(self, ids: Sequence[int], network: str) -> dict[int, NDArray[np.float32]]:
        """Return the embeddings of songs' moments, float32 (n, 128) each, by id; pictures have none."""
        query = join_sql(
            "SELECT item, moments FROM embeddings",
            "WHERE network = :network AND moments IS NOT NULL AND item",
            self._AMONG,
        )
        return dict(
            self._all(
                lambda row: (row[0], _parse_moments(row[1])), query, network=network, among=self._pack(ids)
            )
        )

    def places(
        self, generation: int, kind: Kind, network: str
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return ids and places on the plane, float64 (n, 2), of a generation's items of one kind."""
        query = join_sql(
            "SELECT items.id, place_valence, place_arousal FROM items",
            "JOIN embeddings ON embeddings.item = items.id AND embeddings.network = :network WHERE",
            VISIBLE,
            "ORDER BY items.id",
        )
        rows = self._all(tuple, query, generation=generation, kind=kind, network=network)
        table = np.array(rows, np.float64).reshape(-1, 3)
        return table[:, 0].astype(np.int64), table[:, 1:]

    def known_files(self, generation: int) -> Iterator[KnownFile]:
        """Yield the files of a generation."""
        return self._iter(_make_known_file, join_sql(_KNOWN, _ANY_KIND), generation=generation)

    def left_out_files(self) -> Iterator[KnownFile]:
        """Yield the files that a setting left out, from the longest ago to the last."""
        return self._iter(
            _make_known_file, join_sql(_KNOWN, "left_out AND removed IS NOT NULL ORDER BY removed")
        )

    def kept_contents(self, backbone: str) -> set[bytes]:
        """Return the content hashes, of any generation, whose features by a backbone are stored."""
        query = "SELECT DISTINCT content FROM items WHERE backbone = :backbone"
        return set(self._all(_value, query, backbone=backbone))

    def count_missing_features(self, generation: int, kind: Kind, backbone: str) -> int:
        """Return how many items of a generation have no stored features by a backbone."""
        query = join_sql(
            "SELECT count(*) FROM items WHERE backbone != :backbone AND",
            VISIBLE,
            "AND NOT EXISTS (SELECT 1 FROM items AS other "
            "WHERE other.backbone = :backbone AND other.content = items.content)",
        )
        counts = self._all(_value, query, generation=generation, kind=kind, backbone=backbone)
        return int(counts[0])

    def item_rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows of all items of any generation, by column."""
        return self._iter(dict, "SELECT * FROM items")

    def read_page(
        self, table: PagedTable, after: Mapping[str, Any] | None, limit: int
    ) -> list[dict[str, Any]]:
        """Return the next rows of a table as they are, by column, in the order of its key.

        Args:
            table: The table.
            after: The last row of the page before; None: begin.
            limit: Largest number of rows.
        """
        first = {"id": 0, "item": 0, "network": ""}
        key = {name: (after or first)[name] for name in PAGE_KEYS[table]}
        return self._all(dict, _PAGES[table], limit=limit, **key)

    def generation_rows(self) -> list[dict[str, Any]]:
        """Return the rows of all generations as they are, by column."""
        return self._all(dict, "SELECT * FROM generations ORDER BY id")

    def skipped_rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows of all skipped files as they are, by column."""
        return self._iter(dict, "SELECT * FROM skipped")

    def sums(self) -> dict[str, tuple[int, ...]]:
        """Return by table the number of its rows, and sums of checksums and of all columns that change."""
        return {
            table: self._all(lambda row: tuple(int(one or 0) for one in row), query)[0]
            for table, query in _SUMS.items()
        }

    def unembedded_rows(self, generation: int, network: str) -> Iterator[dict[str, Any]]:
        """Yield the rows of a generation's items that have no embedding by a network, by column."""
        query = join_sql(
            "SELECT * FROM items WHERE",
            _ANY_KIND,
            "AND NOT EXISTS (SELECT 1 FROM embeddings WHERE item = items.id AND network = :network)",
        )
        return self._iter(dict, query, generation=generation, network=network)

    def embedding_rows(self, generation: int, network: str) -> Iterator[dict[str, Any]]:
        """Yield the embeddings of a generation's items by a network, by column, with id and path."""
        query = join_sql(
            "SELECT embeddings.*, items.id, items.path FROM embeddings JOIN items ON items.id = item",
            "WHERE network = :network AND",
            _ANY_KIND,
        )
        return self._iter(dict, query, generation=generation, network=network)


def join_sql(*parts: str) -> str:
    """Return parts of a question as one text."""
    return " ".join(parts)


def _value(row: Row) -> Any:
    return row[0]


def _decode_path(stored: bytes | None) -> str | None:
    return None if stored is None else os.fsdecode(stored)


def _make_known_file(row: Row) -> KnownFile:
    return KnownFile(row[0], Stamp(os.fsdecode(row[1]), row[2], row[3]), *row[4:])


def _make_stamp(row: Row) -> Stamp:
    return Stamp(os.fsdecode(row["path"]), row["size"], row["mtime_ns"])


def _make_item(row: Row) -> Item:
    return Item(**_parse_item(row))


def _make_embedded_item(row: Row) -> EmbeddedItem:
    vector = np.frombuffer(row["vector"], "<f4").reshape(EMBEDDING_DIM)
    return EmbeddedItem(**_parse_item(row), vector=vector)


def _parse_item(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in _COPIED} | {
        "path": os.fsdecode(row["path"]),
        "affect": Affect(*(row[name] for name in AFFECT_COLUMNS)),
    }


def _parse_moments(stored: bytes) -> NDArray[np.float32]:
    return np.frombuffer(stored, "<f2").astype(np.float32).reshape(-1, EMBEDDING_DIM)
