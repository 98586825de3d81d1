"""Changes of the catalogue of a library in PostgreSQL, over the connection that holds the write lock."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ExceptionContext, create_engine, event
from sqlalchemy.pool import StaticPool

from attune.core.errors import LibraryError
from attune.core.library_address import DatabaseAddress
from attune.embedding.network import EMBEDDING_DIM
from attune.indexer.catalogue_tables import metadata
from attune.indexer.catalogue_writer import NetworkOutput, WritableCatalogue
from attune.indexer.postgres.migrations.upgrade import upgrade_tables
from attune.indexer.postgres.postgres_catalogue import LEASES, PostgresCatalogue, encode_half
from attune.indexer.postgres.server_connection import NamedRow, explain_error, explain_errors
from attune.indexer.records import Generation

if TYPE_CHECKING:
    from psycopg import Connection

    from attune.indexer.postgres.patient_connection import PatientConnection

_T = TypeVar("_T")
_RESTORED = 5_000  # rows in memory at a time
_OLDEST_PGVECTOR = (0, 8)  # iterative scans
_MOVE_ON = "SELECT setval(pg_get_serial_sequence('items', 'id'), (SELECT max(id) FROM items))"
"""How the ids of new items go on after rows that brought their own."""


class WritablePostgresCatalogue(WritableCatalogue, PostgresCatalogue):
    """The catalogue of a library in PostgreSQL, open for changes.

    The embeddings are written twice: exactly, as in a folder, and in half precision, by which the server
    searches.

    Args:
        library: Address of the library.
        connection: The connection that holds the write lock; it stays open when the catalogue is closed.
    """

    def __init__(self, library: DatabaseAddress, connection: PatientConnection) -> None:
        super().__init__(library)
        self._file = connection
        engine = create_engine(
            "postgresql+psycopg://",
            creator=lambda: connection,
            poolclass=StaticPool,
            isolation_level="AUTOCOMMIT",  # `transaction` begins and ends them
            use_native_hstore=False,
        )
        event.listen(engine, "handle_error", self._explain)
        self._tables = engine.connect()

    @classmethod
    def create(cls, library: DatabaseAddress, connection: PatientConnection, features_at: str) -> Self:
        """Open the catalogue of a library; make its tables if there are none.

        Args:
            library: Address of the library.
            connection: The connection that holds the write lock.
            features_at: Where this machine keeps features, as `HOST:FOLDER`.

        Raises:
            LibraryError: The tables cannot be made, or another version of Attune made them.
        """
        opened = cls(library, connection)
        if not opened._check_version():
            opened._require_pgvector()
            with opened.transaction():
                upgrade_tables(opened._tables)
                connection.execute("INSERT INTO library (features_at) VALUES (%s)", [features_at])
        return opened

    def close(self) -> None:
        """Do nothing: the connection belongs to the lock."""

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all changes in the block at once, or none of them if it raises an error."""
        with explain_errors(self._address, "written"), self._file.transaction():
            yield

    def write_embeddings(self, network: str, outputs: Sequence[tuple[int, NetworkOutput]]) -> None:
        """Add the embeddings of items, given as pairs of item id and network output."""
        super().write_embeddings(network, outputs)
        self._add_vectors([(item, network, output.vector) for item, output in outputs])

    def write_rows(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows as they are, by column; the next new row gets an id beyond all of them."""
        from psycopg import sql

        if not rows:
            return
        columns = metadata.tables[table].columns
        names = [column.name for column in columns if column.name in rows[0]]
        if table == "items":  # SQLite has no booleans
            rows = [{**row, "left_out": bool(row["left_out"])} for row in rows]
        copy = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, names))
        )
        with self._file.cursor() as cursor, cursor.copy(copy) as target:
            for row in rows:
                target.write_row([row[name] for name in names])
        if table == "items":
            self._file.execute(_MOVE_ON)
        if table == "embeddings":
            self._add_vectors(
                [(row["item"], row["network"], np.frombuffer(row["vector"], "<f4")) for row in rows]
            )

    def is_empty(self) -> bool:
        """Return whether there are no items."""
        return not self._all(tuple, "SELECT 1 FROM items LIMIT 1")

    def last_generation(self) -> Generation | None:
        """Return the last generation that was published, whether or not it is said to be the one to read."""
        query = "SELECT * FROM generations ORDER BY id DESC LIMIT 1"
        return self._first(lambda row: Generation(*row), query)

    def generation_networks(self) -> dict[int, str]:
        """Return the generations that are kept, each with the id of its network."""
        return dict(self._all(tuple, "SELECT id, network FROM generations"))

    def delete_items(self, ids: Sequence[int]) -> None:
        """Delete rows of items, whatever generation has them, with their embeddings."""
        self._file.execute("DELETE FROM items WHERE id = ANY(%s)", [list(ids)])

    def delete_orphans(self) -> None:
        """Delete embeddings of items that are not there."""
        self._file.execute(
            "DELETE FROM embeddings WHERE NOT EXISTS (SELECT 1 FROM items WHERE items.id = embeddings.item)"
        )

    def restore_vectors(self) -> None:
        """Write the embeddings in half precision again that are missing or wrong."""
        for network in set(self.generation_networks().values()):
            wrong = self.find_wrong_vectors(network)
            for first in range(0, len(wrong), _RESTORED):
                ids = wrong[first : first + _RESTORED]
                exact = self.vectors(ids, network)
                with self.transaction():
                    self._file.execute(
                        "DELETE FROM vectors WHERE network = %s AND item = ANY(%s)", [network, ids]
                    )
                    self._add_vectors([(item, network, exact[row]) for row, item in enumerate(ids)])

    def has_lease(self, generation: int) -> bool:
        """Return whether any reader has a generation open; if not, none can open it until `release`."""
        query = "SELECT pg_try_advisory_lock(:kind, :generation)"
        return not self._all(lambda row: row[0], query, kind=LEASES, generation=generation)[0]

    def release(self, generation: int) -> None:
        """Let readers open a generation again after `has_lease` said that none has."""
        query = "SELECT pg_advisory_unlock(:kind, :generation)"
        self._all(tuple, query, kind=LEASES, generation=generation)

    def _add_vectors(self, vectors: Sequence[tuple[int, str, NDArray[np.float32]]]) -> None:
        """Write embeddings in half precision, given as item, network and float32 (128,)."""
        whole = [one for one in vectors if len(one[2]) == EMBEDDING_DIM]  # a damaged one cannot be indexed
        query = "SELECT id, kind FROM items WHERE id = ANY(:among)"
        kinds = dict(self._all(tuple, query, among=[item for item, *_ in whole]))
        copy_vectors = "COPY vectors (item, network, kind, half) FROM STDIN (FORMAT BINARY)"
        with self._file.cursor() as cursor, cursor.copy(copy_vectors) as target:
            target.set_types(["int8", "text", "text", "bytea"])
            for item, network, vector in whole:
                target.write_row((item, network, kinds[item], encode_half(vector)))

    def _require_pgvector(self) -> None:
        """Install pgvector into the database if it is not there yet.

        Raises:
            LibraryError: The server lacks it, it is too old, or this user may not install it.
        """
        import psycopg

        query = "SELECT extversion FROM pg_extension WHERE extname = 'vector'"
        try:
            if not self._all(tuple, query):
                self._file.execute("CREATE EXTENSION vector")
        except psycopg.errors.InsufficientPrivilege as error:
            raise LibraryError(
                f"{self._address}: an administrator must run `CREATE EXTENSION vector` in this database first"
            ) from error
        except psycopg.Error as error:
            raise LibraryError(
                f"{self._address}: the server lacks pgvector; install that extension there first"
            ) from error
        version = str(self._all(lambda row: row[0], query)[0])
        if tuple(map(int, version.split(".")[:2])) < _OLDEST_PGVECTOR:
            raise LibraryError(
                f"{self._address}: pgvector {version} is too old; 0.8 is the oldest that works"
            )

    def ask(self, question: Callable[[Connection[NamedRow]], _T]) -> _T:
        """Return what a function finds out; it is asked once, since the lock goes with the connection."""
        with self._lend_connection() as connection:
            return question(connection)

    @contextlib.contextmanager
    def _lend_connection(self) -> Iterator[PatientConnection]:
        with explain_errors(self._address):
            yield self._file

    def _explain(self, context: ExceptionContext) -> None:
        error = context.original_exception
        raise explain_error(self._address, error, "written") from error  # type: ignore[arg-type]
