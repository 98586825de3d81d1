"""Where fault tests keep libraries, in folders or on a database server, and their rows without Attune."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from unittest.mock import patch

from attune.core.library_address import DatabaseAddress, LibraryAddress

if TYPE_CHECKING:
    from attune.tests.postgres_server import PostgresServer

SMALL_EXACT_ROWS = 60
"""So few rows that the small libraries of tests have indexes on the server."""


@dataclass(frozen=True, slots=True)
class SmallLibrary:
    """A library in a database, and the folder of its media files."""

    address: DatabaseAddress
    media: Path


class LibraryPlace(Protocol):
    """Where libraries are kept."""

    def new(self) -> LibraryAddress:
        """Return the address of a library that is not there yet."""

    def copy(self, library: LibraryAddress) -> LibraryAddress:
        """Copy a library that nobody has open."""

    def files(self, library: LibraryAddress) -> Path:
        """Return the folder of the files that a build of a library writes."""

    def cut_power(self, library: LibraryAddress, durable: Path) -> LibraryAddress:
        """Replace the files by those that a power cut left; return where the library is now."""

    def remove(self, library: LibraryAddress) -> None:
        """Remove a library."""


class FolderPlace:
    """Libraries in folders.

    Args:
        folder: The folder that holds them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)

    def new(self) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder / f"library-{next(self._numbers)}"

    def copy(self, library: LibraryAddress) -> Path:
        assert isinstance(library, Path)
        return Path(shutil.copytree(library, self.new()))

    def files(self, library: LibraryAddress) -> Path:
        assert isinstance(library, Path)
        return library

    def cut_power(self, library: LibraryAddress, durable: Path) -> Path:
        return durable

    def remove(self, library: LibraryAddress) -> None:
        assert isinstance(library, Path)
        shutil.rmtree(library, ignore_errors=True)


class DatabasePlace:
    """Libraries in databases of one server; all have their features below one folder.

    As a context manager it lets this process use that folder, and make indexes of few rows.

    Args:
        server: The server.
        features: Folder of the features.
    """

    def __init__(self, server: PostgresServer, features: Path) -> None:
        self._server = server
        self._features = features

    def __enter__(self) -> DatabasePlace:
        # The search is imported before: it still compares all rows, so that its answers are exact.
        from attune.indexer.postgres import pgvector_index, pgvector_search  # noqa: F401

        self._patches = contextlib.ExitStack()
        self._patches.enter_context(patch.dict(os.environ, ATTUNE_FEATURES=str(self._features)))
        self._patches.enter_context(patch.object(pgvector_index, "EXACT_ROWS", SMALL_EXACT_ROWS))
        self._features.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._patches.close()

    def new(self) -> DatabaseAddress:
        return DatabaseAddress(self._server.address(self._server.create_database()))

    def copy(self, library: LibraryAddress) -> DatabaseAddress:
        database = self._server.create_database(template=_name(library))
        address = DatabaseAddress(self._server.address(database))
        copied = "UPDATE attune.library SET id = gen_random_uuid() RETURNING OLD.id, NEW.id"
        ((old, new),) = self._server.execute(copied, database=database)
        shutil.copytree(self._features / str(old), self._features / str(new))
        return address

    def files(self, library: LibraryAddress) -> Path:
        return self._features

    def cut_power(self, library: LibraryAddress, durable: Path) -> LibraryAddress:
        shutil.rmtree(self._features)
        durable.rename(self._features)
        return library

    def remove(self, library: LibraryAddress) -> None:
        with open_rows(library) as rows:
            ids = rows.ask("SELECT id FROM library") if rows.has("library") else []
        for (one,) in ids:
            shutil.rmtree(self._features / str(one), ignore_errors=True)
        self._server.drop_database(_name(library))


def _name(library: LibraryAddress) -> str:
    return str(library).rpartition("/")[2]


class CatalogueRows:
    """The tables of a library, read with neither SQLAlchemy nor Attune's code."""

    def __init__(self, connection: Any, schema: str) -> None:
        self._connection = connection
        self._schema = schema

    def has(self, table: str) -> bool:
        """Return whether there is a table."""
        return bool(self.ask(f"SELECT 1 FROM {self._schema} = '{table}'"))

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Return all rows of an answer."""
        return list(self._connection.execute(query).fetchall())


@contextlib.contextmanager
def open_rows(library: LibraryAddress) -> Iterator[CatalogueRows]:
    """Open the tables of a library, which may have none."""
    if isinstance(library, Path):
        with contextlib.closing(sqlite3.connect(library / "catalogue.db")) as file:
            yield CatalogueRows(file, "sqlite_master WHERE name")
        return
    import psycopg

    with psycopg.connect(library.url, autocommit=True, options="-c search_path=attune,public") as connection:
        yield CatalogueRows(connection, "pg_tables WHERE schemaname = 'attune' AND tablename")
