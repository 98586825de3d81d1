"""Catalogue of a library in a folder: an SQLite file."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any, ClassVar, Final, Self, TypeVar
from urllib.parse import quote

from attune.core.errors import DamagedLibrary, LibraryError
from attune.indexer.catalogue import Catalogue

FILE: Final = "catalogue.db"
CATALOGUE_FILES: Final = tuple(FILE + suffix for suffix in ("", "-wal", "-shm", "-journal"))
NEW_CATALOGUE: Final = "catalogue.new"
"""Name of the file that `attune repair` writes before it becomes the catalogue."""
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
_T = TypeVar("_T")


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


class SqliteCatalogue(Catalogue):
    """The catalogue of a library in a folder, open for reading.

    Args:
        library: The library's folder.
    """

    _AMONG: ClassVar[str] = "IN (SELECT value FROM json_each(:among))"
    _OF_PATH: ClassVar[str] = "path = :path"
    _BETWEEN_PATHS: ClassVar[str] = "path >= :first AND path < :after"
    # The plus keeps SQLite from searching by size, where many files may have the same.
    _OF_STAMP: ClassVar[str] = "AND path = :path AND +size = :size AND mtime_ns = :mtime_ns"

    def __init__(self, library: Path) -> None:
        super().__init__(library)
        self._folder = library
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

    def close(self) -> None:
        """Close all connections."""
        self._close_idle()

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def find_structural_damage(self, limit: int) -> list[str]:
        """Return what SQLite finds wrong with its file, in at most about `limit` lines."""
        lines = self._all(itemgetter(0), "SELECT * FROM pragma_integrity_check(:limit)", limit=limit)
        problems = [str(line) for line in lines if line != "ok"]
        orphans = self._all(itemgetter(0), "SELECT count(*) FROM pragma_foreign_key_check")[0]
        return problems + ([f"{orphans} rows refer to items that are not there"] if orphans else [])

    def _all(self, parse: Callable[[Any], _T], query: str, **values: object) -> list[_T]:
        return list(self._iter(parse, query, **values))

    def _iter(self, parse: Callable[[Any], _T], query: str, **values: object) -> Iterator[_T]:
        with self._connect() as connection, self._report_damage():
            yield from map(parse, _execute(connection, query, values))

    def _pack(self, values: Sequence[int] | Sequence[str]) -> object:
        return json.dumps(values)

    @contextlib.contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._lend_connection() as connection:
                yield connection
        except sqlite3.DatabaseError as error:
            raise explain_error(self._folder, error) from error

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
        path = self._folder / FILE
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
            self._all(itemgetter(0), query)[0] for query in ("PRAGMA application_id", "PRAGMA user_version")
        )
        if application == APPLICATION | version and FIRST_SCHEMA <= version <= SCHEMA:
            if version < SCHEMA:
                self._schema = version
                self._close_idle()  # it was opened before the schema was known
            return True
        tables = self._all(itemgetter(0), "SELECT name FROM sqlite_master WHERE type = 'table'")
        if (application, version) == (0, 0) and not tables:
            return False
        if (application, version) == (0, 0) and "alembic_version" in tables:
            raise OlderLibrary(self._folder)
        if application == APPLICATION | version:
            raise LibraryError(
                f"{self._folder}: made by a newer Attune (schema {version}); update Attune to use it"
            )
        raise DamagedLibrary(self._folder, "its schema has no number")


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
