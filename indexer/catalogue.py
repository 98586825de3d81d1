"""Catalogue of a library: opening it, and the questions that are asked of it.

The questions use SQLite's own driver, since importing SQLAlchemy takes longer than a whole query.
`WritableCatalogue` changes the tables.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import DamagedLibrary, LibraryError
from attune.core.exclusions import Exclusion
from attune.embedding.affect import AFFECT_COLUMNS, Affect
from attune.embedding.media_files import Kind
from attune.embedding.network import EMBEDDING_DIM
from attune.indexer.records import (
    FACTS,
    EmbeddedItem,
    Generation,
    Item,
    KnownFile,
    Root,
    SkippedFile,
    Stamp,
)

FILE: Final = "catalogue.db"
DAMAGED_FOLDER: Final = "damaged"
"""Prefix of the folders, damaged-1 and so on, in which `attune repair` keeps a damaged catalogue."""
SCHEMA: Final = 3
"""Number of the schema, which the file stores as its `user_version` and, so that a flipped bit is noticed,
once more in its `application_id`."""
APPLICATION: Final = 0x41740000
"""What the `application_id` of a catalogue is besides the number of its schema."""
FIRST_SCHEMA: Final = 1
"""Number of the oldest schema that is read as it is and brought up to date by the next build."""
MOVED_EXCLUSIONS: Final = """
    SELECT
        CAST(CASE WHEN instr(value, '/') THEN '**/' || ltrim(value, '/') ELSE value END AS BLOB) AS pattern,
        roots.path AS root
    FROM main.roots, json_each(roots.exclude)"""
"""Exclusions of the first schema, which had some for each root."""
# What each later schema added, as a reader of an earlier one sees it.
_MISSING_VIEWS: Final = {
    2: (
        "CREATE TEMP VIEW items AS "
        "SELECT *, NULL AS rating, NULL AS sidecar_mtime_ns, NULL AS facts_version, 0 AS left_out "
        "FROM main.items",
        "CREATE TEMP VIEW roots AS SELECT *, NULL AS unreachable, '[]' AS mounts FROM main.roots",
        f"CREATE TEMP VIEW moved_exclusions AS {MOVED_EXCLUSIONS}",
        "CREATE TEMP VIEW exclusions AS SELECT pattern, NULL AS path, root, 0 AS id FROM moved_exclusions",
        "CREATE TEMP VIEW omissions AS SELECT NULL AS reason, 0 AS files WHERE 0",
    ),
    3: (
        "CREATE TEMP VIEW embeddings AS SELECT *, NULL AS q1, NULL AS q2, NULL AS q3, NULL AS q4, "
        "NULL AS place_valence, NULL AS place_arousal FROM main.embeddings",
    ),
}
_DAMAGE_MESSAGES: Final = (
    *("Could not decode", "no such table", "no such column", "unsupported file format"),
)
_COPIED: Final = ("id", "kind", "feature_row", "feature_rows", "features_crc", *FACTS)
_T = TypeVar("_T")

_VISIBLE: Final = "added <= :generation AND (removed IS NULL OR removed > :generation)"
_ITEM: Final = """
    SELECT items.*, valence, arousal, positive, neutral, negative, q1, q2, q3, q4,
        place_valence, place_arousal, vector
    FROM items JOIN embeddings ON embeddings.item = items.id AND embeddings.network = :network WHERE"""
_KNOWN: Final = """
    SELECT id, path, size, mtime_ns, kind, content, backbone, sidecar_mtime_ns, facts_version
    FROM items WHERE"""
# The plus keeps SQLite from searching by size, where many files may have the same.
_OF_STAMP: Final = "AND path = :path AND +size = :size AND mtime_ns = :mtime_ns"
_OF_CONTENT: Final = "AND content = :content AND kind = :kind LIMIT 1"
_AMONG: Final = "IN (SELECT value FROM json_each(:ids))"
_BELOW: Final = "AND kind = :kind AND (path = :folder OR path >= :first AND path < :after)"
_TAKEN: Final = "AND (:first IS NULL OR taken >= :first) AND (:after IS NULL OR taken < :after)"


class OlderLibrary(LibraryError):  # noqa: N818 - named after the condition
    """A library that an older version of Attune made.

    Args:
        library: The library's folder.
    """

    def __init__(self, library: Path) -> None:
        super().__init__(
            f"{library}: made by an older version of Attune; `attune build-index --rebuild` makes it anew, "
            "its features are kept"
        )


class Catalogue:
    """The catalogue of a library, open for reading: a reader never writes and never waits for a writer.

    Several threads may use it at a time. Each method raises LibraryError if the file cannot be read, and
    DamagedLibrary if it is corrupt.

    Args:
        library: The library's folder.
    """

    def __init__(self, library: Path) -> None:
        self._library = library
        self._idle: list[sqlite3.Connection] = []
        self._schema = SCHEMA

    @classmethod
    def open(cls, library: Path) -> Self | None:
        """Open the catalogue of a library; return None if there is none, or if a kill left no tables.

        Raises:
            OlderLibrary: An older version of Attune made it.
            LibraryError: It is damaged, or a newer version of Attune made it.
        """
        if not (library / FILE).exists():
            return None
        opened = cls(library)
        try:
            has_tables = opened._check_schema()
        except BaseException:
            opened.close()
            raise
        if has_tables:
            return opened
        opened.close()
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._close_idle()

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def current_generation(self) -> Generation | None:
        """Return the published generation; None before the first build is published."""
        return self._first(
            lambda row: Generation(*row),
            "SELECT generations.* FROM generations JOIN state ON state.generation = generations.id",
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
        query = "SELECT * FROM skipped WHERE reader IN (SELECT value FROM json_each(:readers))"
        return dict(
            self._all(lambda row: (_make_stamp(row), row["reason"]), query, readers=json.dumps(readers))
        )

    def ids(self, generation: int, kind: Kind) -> NDArray[np.int64]:
        """Return the ids of a generation's items of one kind, ascending."""
        query = _join("SELECT id FROM items WHERE", _VISIBLE, "AND kind = :kind ORDER BY id")
        return np.fromiter(self._iter(_value, query, generation=generation, kind=kind), np.int64)

    def ids_below(self, generation: int, kind: Kind, folders: Sequence[str]) -> list[int]:
        """Return the ids of a generation's items of one kind below any of the absolute folders, ascending."""
        query = _join("SELECT id FROM items WHERE", _VISIBLE, _BELOW)
        found: set[int] = set()
        for folder in folders:
            first = os.fsencode(folder.rstrip(os.sep) + os.sep)
            # Paths that begin with `a/` sort between `a/` and `a0`, since `0` is the byte after `/`.
            bounds = {"first": first, "after": first[:-1] + bytes([first[-1] + 1])}
            place = {"generation": generation, "kind": kind, "folder": os.fsencode(folder)}
            found.update(self._all(_value, query, **place, **bounds))
        return sorted(found)

    def ids_taken(self, generation: int, first: str | None, after: str | None) -> list[int]:
        """Return the ids of a generation's pictures taken in [first, after), ascending.

        Args:
            generation: Id of the generation.
            first: Earliest date as ISO 8601 or a prefix of it (`2023`, `2023-07`); None: no bound.
            after: First date that is excluded, in the same form; None: no bound.
        """
        query = _join("SELECT id FROM items WHERE taken IS NOT NULL AND", _VISIBLE, _TAKEN, "ORDER BY id")
        return self._all(_value, query, generation=generation, first=first, after=after)

    def count_undated(self, generation: int) -> int:
        """Return the number of a generation's pictures whose date of capture is unknown."""
        query = _join("SELECT count(*) FROM items WHERE taken IS NULL AND kind = 'image' AND", _VISIBLE)
        return int(self._all(_value, query, generation=generation)[0])

    def ids_rated(self, generation: int, kind: Kind, least: int) -> list[int]:
        """Return the ids of a generation's items of one kind with at least so many stars, ascending."""
        query = _join(
            "SELECT id FROM items WHERE", _VISIBLE, "AND kind = :kind AND rating >= :least ORDER BY id"
        )
        return self._all(_value, query, generation=generation, kind=kind, least=least)

    def paths(self, generation: int, kind: Kind) -> list[tuple[int, str]]:
        """Return id and path of a generation's items of one kind, by id."""
        query = _join("SELECT id, path FROM items WHERE", _VISIBLE, "AND kind = :kind ORDER BY id")
        return self._all(lambda row: (row[0], os.fsdecode(row[1])), query, generation=generation, kind=kind)

    def features_checksums(self, generation: int, kind: Kind) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
        """Return ids and CRC-32 of the features of a generation's items of one kind, by id."""
        query = _join("SELECT id, features_crc FROM items WHERE", _VISIBLE, "AND kind = :kind ORDER BY id")
        rows = self._all(tuple, query, generation=generation, kind=kind)
        table = np.array(rows, np.int64).reshape(-1, 2)
        return table[:, 0], table[:, 1].astype(np.uint32)

    def vectors(self, ids: Sequence[int], network: str) -> NDArray[np.float32]:
        """Return the embeddings of items: float32, shape (n, 128), in the order of `ids`.

        Raises:
            DamagedLibrary: An item has no embedding by that network.
        """
        query = _join("SELECT item, vector FROM embeddings WHERE network = :network AND item", _AMONG)
        with self._connect() as connection:
            found = dict(connection.execute(query, {"network": network, "ids": json.dumps(ids)}).fetchall())
            joined = b"".join(found[item] for item in ids)
            return np.frombuffer(joined, "<f4").reshape(len(ids), EMBEDDING_DIM)

    def items(self, ids: Sequence[int], network: str) -> dict[int, Item]:
        """Return items by id, with their affect by that network."""
        query = _join(_ITEM, "items.id", _AMONG)
        return {item.id: item for item in self._all(_make_item, query, network=network, ids=json.dumps(ids))}

    def item(self, generation: int, item: int, network: str) -> EmbeddedItem | None:
        """Return an item of the generation by its id, None if there is none."""
        query = _join(_ITEM, _VISIBLE, "AND items.id = :id")
        return self._first(_make_embedded_item, query, generation=generation, id=item, network=network)

    def find(self, generation: int, stamp: Stamp, network: str) -> EmbeddedItem | None:
        """Return the item with the path, size and modification time of the stamp, None if there is none."""
        return self._first(
            _make_embedded_item,
            _join(_ITEM, _VISIBLE, _OF_STAMP),
            generation=generation,
            network=network,
            path=os.fsencode(stamp.path),
            size=stamp.size,
            mtime_ns=stamp.mtime_ns,
        )

    def item_at(self, generation: int, path: str, network: str) -> EmbeddedItem | None:
        """Return the item of an absolute path, whether or not its file is still the same; or None."""
        query = _join(_ITEM, _VISIBLE, "AND path = :path LIMIT 1")
        return self._first(
            _make_embedded_item, query, generation=generation, path=os.fsencode(path), network=network
        )

    def find_copy(self, generation: int, kind: Kind, content: bytes, network: str) -> EmbeddedItem | None:
        """Return an item of the generation with this kind and content hash, None if there is none."""
        return self._first(
            _make_embedded_item,
            _join(_ITEM, _VISIBLE, _OF_CONTENT),
            generation=generation,
            network=network,
            kind=kind,
            content=content,
        )

    def has_size(self, generation: int, size: int) -> bool:
        """Return whether any file of the generation has this size in bytes."""
        query = _join("SELECT id FROM items WHERE", _VISIBLE, "AND size = :size LIMIT 1")
        return self._first(tuple, query, generation=generation, size=size) is not None

    def moments(self, ids: Sequence[int], network: str) -> dict[int, NDArray[np.float32]]:
        """Return the embeddings of songs' moments, float32 (n, 128) each, by id; pictures have none."""
        query = _join(
            "SELECT item, moments FROM embeddings",
            "WHERE network = :network AND moments IS NOT NULL AND item",
            _AMONG,
        )
        return dict(
            self._all(
                lambda row: (row[0], _parse_moments(row[1])), query, network=network, ids=json.dumps(ids)
            )
        )

    def places(
        self, generation: int, kind: Kind, network: str
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return ids and places on the plane, float64 (n, 2), of a generation's items of one kind."""
        query = _join(
            "SELECT items.id, place_valence, place_arousal FROM items",
            "JOIN embeddings ON embeddings.item = items.id AND embeddings.network = :network WHERE",
            _VISIBLE,
            "AND kind = :kind ORDER BY items.id",
        )
        rows = self._all(tuple, query, generation=generation, kind=kind, network=network)
        table = np.array(rows, np.float64).reshape(-1, 3)
        return table[:, 0].astype(np.int64), table[:, 1:]

    def known_files(self, generation: int) -> Iterator[KnownFile]:
        """Yield the files of a generation."""
        return self._iter(_make_known_file, _join(_KNOWN, _VISIBLE), generation=generation)

    def left_out_files(self) -> Iterator[KnownFile]:
        """Yield the files that a setting left out, from the longest ago to the last."""
        return self._iter(
            _make_known_file, _join(_KNOWN, "left_out AND removed IS NOT NULL ORDER BY removed")
        )

    def kept_contents(self, backbone: str) -> set[bytes]:
        """Return the content hashes, of any generation, whose features by a backbone are stored."""
        query = "SELECT DISTINCT content FROM items WHERE backbone = :backbone"
        return set(self._all(_value, query, backbone=backbone))

    def count_missing_features(self, generation: int, kind: Kind, backbone: str) -> int:
        """Return how many items of a generation have no stored features by a backbone."""
        query = _join(
            "SELECT count(*) FROM items WHERE backbone != :backbone AND kind = :kind AND",
            _VISIBLE,
            "AND content NOT IN (SELECT content FROM items WHERE backbone = :backbone)",
        )
        counts = self._all(_value, query, generation=generation, kind=kind, backbone=backbone)
        return int(counts[0])

    def find_structural_damage(self, limit: int) -> list[str]:
        """Return what SQLite finds wrong with its file, in at most about `limit` lines."""
        lines = self._all(_value, "SELECT * FROM pragma_integrity_check(:limit)", limit=limit)
        problems = [str(line) for line in lines if line != "ok"]
        orphans = self._all(_value, "SELECT count(*) FROM pragma_foreign_key_check")[0]
        return problems + ([f"{orphans} rows refer to items that are not there"] if orphans else [])

    def item_rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows of all items of any generation, by column."""
        return self._iter(dict, "SELECT * FROM items")

    def unembedded_rows(self, generation: int, network: str) -> Iterator[dict[str, Any]]:
        """Yield the rows of a generation's items that have no embedding by a network, by column."""
        query = _join(
            "SELECT * FROM items WHERE",
            _VISIBLE,
            "AND id NOT IN (SELECT item FROM embeddings WHERE network = :network)",
        )
        return self._iter(dict, query, generation=generation, network=network)

    def embedding_rows(self, generation: int, network: str) -> Iterator[dict[str, Any]]:
        """Yield the embeddings of a generation's items by a network, by column, with id and path."""
        query = _join(
            "SELECT embeddings.*, items.id, items.path FROM embeddings JOIN items ON items.id = item",
            "WHERE network = :network AND",
            _VISIBLE,
        )
        return self._iter(dict, query, generation=generation, network=network)

    def _first(self, parse: Callable[[sqlite3.Row], _T], query: str, **values: object) -> _T | None:
        with self._connect() as connection:
            row = _execute(connection, query, values).fetchone()
            return None if row is None else parse(row)

    def _all(self, parse: Callable[[sqlite3.Row], _T], query: str, **values: object) -> list[_T]:
        return list(self._iter(parse, query, **values))

    def _iter(self, parse: Callable[[sqlite3.Row], _T], query: str, **values: object) -> Iterator[_T]:
        with self._connect() as connection:
            yield from map(parse, _execute(connection, query, values))

    @contextlib.contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._lend_connection() as connection:
                yield connection
        except sqlite3.DatabaseError as error:
            raise explain_error(self._library, error) from error
        except (LookupError, ValueError, TypeError) as error:  # a damaged row cannot be parsed
            raise DamagedLibrary(self._library, type(error).__name__) from error

    @contextlib.contextmanager
    def _lend_connection(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection that no other thread uses meanwhile."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._open_connection()
        try:
            yield connection
        finally:
            self._idle.append(connection)

    def _open_connection(self) -> sqlite3.Connection:
        path = self._library / FILE
        if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK):
            mode = "rw"  # a reader in WAL mode needs the shared-memory file
        else:
            wal = path.with_name(f"{FILE}-wal")
            mode = "ro" if wal.exists() and wal.stat().st_size else "ro&immutable=1"
        connection = connect(path, mode)
        for schema in range(self._schema + 1, SCHEMA + 1):
            for view in _MISSING_VIEWS[schema]:
                connection.execute(view)
        connection.execute("PRAGMA query_only = ON")
        return connection

    def _check_schema(self) -> bool:
        """Return whether the file has tables, of the schema that this version reads.

        Raises:
            OlderLibrary: An older version of Attune made them.
            LibraryError: They are damaged, or a newer version of Attune made them.
        """
        application, version = (
            self._all(_value, query)[0] for query in ("PRAGMA application_id", "PRAGMA user_version")
        )
        if application == APPLICATION | version and FIRST_SCHEMA <= version <= SCHEMA:
            if version < SCHEMA:
                self._schema = version
                self._close_idle()  # it was opened before the schema was known
            return True
        tables = self._all(_value, "SELECT name FROM sqlite_master WHERE type = 'table'")
        if (application, version) == (0, 0) and not tables:
            return False
        if (application, version) == (0, 0) and "alembic_version" in tables:
            raise OlderLibrary(self._library)
        if application == APPLICATION | version:
            raise LibraryError(
                f"{self._library}: made by a newer Attune (schema {version}); update Attune to use it"
            )
        raise DamagedLibrary(self._library, "its schema has no number")


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Open an SQLite file.

    Args:
        path: The file.
        mode: SQLite's mode: ro, rw or rwc.
    """
    uri = f"file:{quote(os.fsencode(path.absolute()))}?mode={mode}"
    # A connection may pass to another thread, but only one thread uses it at a time.
    return sqlite3.connect(uri, uri=True, timeout=30, check_same_thread=False)


def explain_error(library: Path, error: sqlite3.Error, what: str = "read") -> LibraryError:
    """Return the error to show; SQLite has no error class for a damaged file."""
    if type(error) is sqlite3.DatabaseError or str(error).startswith(_DAMAGE_MESSAGES):
        return DamagedLibrary(library, error)
    return LibraryError(f"{library}: its catalogue cannot be {what} ({error})")


def _execute(connection: sqlite3.Connection, query: str, values: dict[str, object]) -> sqlite3.Cursor:
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    return cursor.execute(query, values)


def _join(*parts: str) -> str:
    return " ".join(parts)


def _value(row: sqlite3.Row) -> Any:
    return row[0]


def _decode_path(stored: bytes | None) -> str | None:
    return None if stored is None else os.fsdecode(stored)


def _make_known_file(row: sqlite3.Row) -> KnownFile:
    return KnownFile(row[0], Stamp(os.fsdecode(row[1]), row[2], row[3]), *row[4:])


def _make_stamp(row: sqlite3.Row) -> Stamp:
    return Stamp(os.fsdecode(row["path"]), row["size"], row["mtime_ns"])


def _make_item(row: sqlite3.Row) -> Item:
    return Item(**_parse_item(row))


def _make_embedded_item(row: sqlite3.Row) -> EmbeddedItem:
    vector = np.frombuffer(row["vector"], "<f4").reshape(EMBEDDING_DIM)
    return EmbeddedItem(**_parse_item(row), vector=vector)


def _parse_item(row: sqlite3.Row) -> dict[str, Any]:
    return {name: row[name] for name in _COPIED} | {
        "path": os.fsdecode(row["path"]),
        "affect": Affect(*(row[name] for name in AFFECT_COLUMNS)),
    }


def _parse_moments(stored: bytes) -> NDArray[np.float32]:
    return np.frombuffer(stored, "<f2").astype(np.float32).reshape(-1, EMBEDDING_DIM)
