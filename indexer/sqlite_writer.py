"""Changes of the catalogue of a library in a folder, and of its tables from one version to the next."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any, Self

from sqlalchemy import ExceptionContext, bindparam, create_engine, event, update
from sqlalchemy.pool import StaticPool

from attune.indexer.catalogue_tables import (
    LATER_AFFECT,
    compute_item_checksum,
    compute_values_checksum,
    embeddings,
    generations,
    items,
    metadata,
    state,
)
from attune.indexer.catalogue_writer import WritableCatalogue
from attune.indexer.sqlite_catalogue import (
    APPLICATION,
    FILE,
    MOVED_EXCLUSIONS,
    SCHEMA,
    SqliteCatalogue,
    connect,
    explain_error,
)

_CONVERTIBLE = "0003"  # the schema before the first
_ADDED_COLUMNS = (
    ("items", "rating", "INTEGER"),
    ("items", "sidecar_mtime_ns", "BIGINT"),
    ("items", "facts_version", "INTEGER"),
    ("items", "left_out", "BOOLEAN NOT NULL DEFAULT 0"),
    ("roots", "unreachable", "TEXT"),
    ("roots", "mounts", "TEXT NOT NULL DEFAULT '[]'"),
    *(("embeddings", name, "FLOAT") for name in LATER_AFFECT),
)
"""Table, name and type of each column that the schemas after the first added."""
_MOVE_EXCLUSIONS = (
    f"INSERT INTO exclusions (pattern, root) {MOVED_EXCLUSIONS}",
    "UPDATE roots SET exclude = '[]'",
)
_OLDER_SEALED = (
    *("kind", "path", "size", "mtime_ns", "content", "duration_s", "width", "height", "title", "artist"),
    *("backbone", "feature_row", "feature_rows", "features_crc", "added"),
)
"""Columns of which the schema before the first stored the checksum."""


class WritableSqliteCatalogue(WritableCatalogue, SqliteCatalogue):
    """The catalogue of a library in a folder, open for changes.

    Args:
        library: The library's folder.
        name: Name of the file in it, which is created if it is missing.
    """

    def __init__(self, library: Path, name: str = FILE) -> None:
        super().__init__(library)
        try:
            self._file = _open_file(library / name)
        except sqlite3.DatabaseError as error:
            raise explain_error(library, error, "written") from error
        engine = create_engine("sqlite://", creator=lambda: self._file, poolclass=StaticPool)
        event.listen(engine, "handle_error", self._explain)
        self._tables = engine.connect()

    @classmethod
    def create(cls, library: Path, name: str = FILE) -> Self:
        """Open the catalogue of a library; create its tables if it has none, add what later schemas added.

        Raises:
            OlderLibrary: An older version of Attune made it.
            LibraryError: It cannot be written, is damaged, or a newer version of Attune made it.
        """
        opened = cls(library, name)
        try:
            if not opened._check_schema():
                with opened._begin_immediately():
                    opened._create_tables()
            elif opened._schema < SCHEMA:
                with opened._begin_immediately():
                    opened._add_later_schemas()
        except BaseException:
            opened.close()
            raise
        return opened

    @classmethod
    def convert(cls, library: Path) -> Self:
        """Open a catalogue of the schema before the first, and change it into one of the first schema.

        All rows are kept. Of a catalogue of a still older schema only the folders and skipped files are.

        Raises:
            LibraryError: It cannot be written, or is damaged.
        """
        opened = cls(library)
        try:
            with opened._begin_immediately():
                opened._convert_tables()
        except BaseException:
            opened.close()
            raise
        return opened

    def close(self) -> None:
        """Close the connection."""
        self._tables.close()
        self._tables.engine.dispose()

    @contextlib.contextmanager
    def _begin_immediately(self) -> Iterator[None]:
        with self._tables.begin():
            # Without an explicit BEGIN, Python's driver commits each CREATE separately, and a kill would
            # leave only some of the tables.
            self._tables.exec_driver_sql("BEGIN IMMEDIATE")
            yield

    def _create_tables(self) -> None:
        metadata.create_all(self._tables)
        self._tables.exec_driver_sql(f"PRAGMA application_id = {APPLICATION | SCHEMA}")
        self._tables.exec_driver_sql(f"PRAGMA user_version = {SCHEMA}")

    def _add_later_schemas(self) -> None:
        self._create_tables()
        for table, column, definition in _ADDED_COLUMNS:
            names = self._all(itemgetter(0), "SELECT name FROM pragma_table_info(:table)", table=table)
            if column not in names:  # a table that was just made has all columns
                self._tables.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {column} {definition}")
        self.move_exclusions()

    def move_exclusions(self) -> None:
        """Move exclusions from where the first schema had them, one list for each root."""
        for statement in _MOVE_EXCLUSIONS:
            self._tables.exec_driver_sql(statement)

    def _convert_tables(self) -> None:
        if self._all(itemgetter(0), "SELECT version_num FROM alembic_version") == [_CONVERTIBLE]:
            self._convert_items()
        else:
            for table in (embeddings, items, generations, state):
                table.drop(self._tables)
        self._tables.exec_driver_sql("DROP TABLE alembic_version")
        self._add_later_schemas()

    def _convert_items(self) -> None:
        names = ("taken", "features_crc", "seal")
        change = update(items).where(items.c.id == bindparam("of"))
        change = change.values({name: bindparam(f"new_{name}") for name in names})
        query = "SELECT * FROM items WHERE id > :after ORDER BY id LIMIT 1000"
        after = 0
        while rows := self._all(_convert_row, query, after=after):
            self._tables.execute(
                change, [{"of": row["id"]} | {f"new_{name}": row[name] for name in names} for row in rows]
            )
            after = rows[-1]["id"]

    @contextlib.contextmanager
    def _lend_connection(self) -> Iterator[sqlite3.Connection]:
        yield self._file

    def _explain(self, context: ExceptionContext) -> None:
        error = context.original_exception
        if isinstance(error, sqlite3.DatabaseError):
            raise explain_error(self._folder, error, "written") from error


def _open_file(path: Path) -> sqlite3.Connection:
    file = connect(path, "rwc")
    try:
        for setting in ("foreign_keys = ON", "journal_mode = WAL", "synchronous = FULL"):
            file.execute(f"PRAGMA {setting}")
    except BaseException:
        file.close()
        raise
    return file


def _convert_row(older: sqlite3.Row) -> dict[str, Any]:
    """Return a row of the schema before the first as one of the first; a wrong checksum stays wrong."""
    crc = 0 if older["features_crc"] is None else older["features_crc"]  # None: the features were lost
    row = dict(older) | {"taken": older["taken"] or None, "features_crc": crc}
    if older["seal"] == compute_values_checksum(older[name] for name in _OLDER_SEALED):
        row["seal"] = compute_item_checksum(row)
    return row
