"""Catalogue of a library in PostgreSQL, asked over connections that may be lost."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import LibraryError, LostConnection
from attune.core.library_address import DatabaseAddress
from attune.embedding.media_files import Kind
from attune.embedding.network import EMBEDDING_DIM
from attune.indexer.catalogue import VISIBLE, Catalogue, join_sql
from attune.indexer.embedding_search import draw_evenly
from attune.indexer.postgres.server_connection import (
    SCHEMA,
    NamedRow,
    connect,
    explain_errors,
)
from attune.indexer.reconnection import QUESTION_PAUSES_S, keep_trying
from attune.indexer.records import Generation, Selection

if TYPE_CHECKING:
    from psycopg import Connection

    from attune.indexer.postgres.patient_connection import PatientConnection

HEAD: Final = "0001"
"""Version of the tables that this version of Attune reads and writes; the last one below `migrations`."""
LEASES: Final = 0x41740001
WRITER: Final = 0x41740002
"""First numbers of the advisory locks: of readers on a generation, and of the writer."""
_PATH_KEY: Final = 1024  # bytes of a path in its index: a B-tree refuses entries of more than 2,704
_MORE_TABLES: Final = {"library": {"id", "features_at"}, "vectors": {"item", "network", "kind", "half"}}
"""Columns of the tables that a library in a folder does not have."""
_FETCH: Final = 5_000  # rows of a long answer in memory at a time
_PARAMETER: Final = re.compile(r"(?<![:\w]):(\w+)")
_CURSORS: Final = count()  # so that several of one connection have different names
_ANSWER_S: Final = 60.0
"""How long the server may be silent until a question is asked again; the slowest takes a few seconds."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Identity:
    """What a library says of itself.

    Attributes:
        id: Unique name of the library.
        features_at: Where its features are kept, as `HOST:FOLDER`, to be shown to people.
    """

    id: str
    features_at: str


class _ReplacedGeneration(LibraryError):  # noqa: N818 - named after the condition
    """The generation that was open is not there any more."""


class PostgresCatalogue(Catalogue):
    """The catalogue of a library in PostgreSQL, open for reading. SELECT is all that a reader needs.

    A question whose connection is lost is asked again over another one. Each connection keeps the generation
    that was leased, so that one of them is enough to hold it.

    Args:
        library: Address of the library.
    """

    _AMONG: ClassVar[str] = "= ANY(:among)"
    # The first comparisons decide most rows; the others are those of the index.
    _OF_PATH: ClassVar[str] = f"path = :path AND substr(path, 1, {_PATH_KEY}) = substr(:path, 1, {_PATH_KEY})"
    _BETWEEN_PATHS: ClassVar[str] = (
        "path >= :first AND path < :after "
        f"AND substr(path, 1, {_PATH_KEY}) >= substr(:first, 1, {_PATH_KEY}) "
        f"AND substr(path, 1, {_PATH_KEY}) <= substr(:after, 1, {_PATH_KEY})"
    )
    _OF_STAMP: ClassVar[str] = f"AND {_OF_PATH} AND size = :size AND mtime_ns = :mtime_ns"

    def __init__(self, library: DatabaseAddress) -> None:
        super().__init__(library)
        self._address = library
        self._idle: list[PatientConnection] = []
        self._leased: Generation | None = None
        self._was_reached = False

    @classmethod
    def open(cls, library: DatabaseAddress) -> Self | None:
        """Open the catalogue of a library; return None if the database has none.

        Raises:
            LibraryError: It cannot be read, or a newer version of Attune made it.
        """
        opened = cls(library)
        try:
            if opened._check_version():
                return opened
        except BaseException:
            opened.close()
            raise
        opened.close()
        return None

    def close(self) -> None:
        """Close all connections, and with them the lease."""
        while self._idle:
            self._idle.pop().close()

    def identity(self) -> Identity:
        """Return what the library says of itself."""
        found = self._first(lambda row: Identity(str(row[0]), row[1]), "SELECT id, features_at FROM library")
        if found is None:
            raise LibraryError(f"{self._address}: its first build was not finished; run it again")
        return found

    def lease_generation(self) -> Generation:
        """Return the published generation, which is not purged while the catalogue is open.

        Raises:
            NothingPublished: There is none.
        """
        while True:
            generation = self.published_generation()
            # A lease protects a generation only if it is still the published one once the lease is held.
            with contextlib.suppress(_ReplacedGeneration):
                self._begin_lease(generation)
                if self.current_generation() == generation:
                    return generation
            self.close()  # the lease ends with the connections that hold it
            self._leased = None

    def has_at_most(self, limit: int, generation: int, kind: Kind, selection: Selection) -> bool:
        """Return whether at most so many of a generation's items of one kind fulfil conditions."""
        conditions, values = self.write_conditions(generation, kind, selection)
        query = join_sql(
            "SELECT count(*) FROM (SELECT 1 FROM items WHERE", conditions, "LIMIT :limit) AS few"
        )
        return int(self._all(_value, query, **values, limit=limit + 1)[0]) <= limit

    def sample_ids(self, generation: int, kind: Kind, size: int) -> NDArray[np.int64]:
        """Return the ids of about so many of a generation's items of one kind, evenly drawn, ascending."""
        values: dict[str, object] = {"generation": generation, "kind": kind}
        bounds = join_sql("SELECT min(id), max(id) FROM items WHERE", VISIBLE)
        first, last = self._all(tuple, bounds, **values)[0]
        if first is None:
            return np.empty(0, np.int64)
        drawn = np.unique(np.linspace(first, last, 2 * size).astype(np.int64)).tolist()
        query = join_sql("SELECT id FROM items WHERE", VISIBLE, "AND id = ANY(:drawn) ORDER BY id")
        found = np.array(self._all(_value, query, **values, drawn=drawn), np.int64)
        if len(found) < size // 4:  # most ids between the bounds are of the other kind, or gone
            found = self.ids(generation, kind)
        return draw_evenly(found, size)

    def find_wrong_vectors(self, network: str) -> list[int]:
        """Return the ids of items whose embedding in half precision is missing or not the exact one's.

        Those of which the exact one is damaged are left out.
        """
        query = """
            SELECT embeddings.item, embeddings.vector, halfvec_send(vectors.half) FROM embeddings
            JOIN items ON items.id = embeddings.item
            LEFT JOIN vectors ON vectors.item = embeddings.item AND vectors.network = embeddings.network
                AND vectors.kind = items.kind
            WHERE embeddings.network = :network"""
        rows = self._iter(tuple, query, network=network)
        return [
            item
            for item, vector, half in rows
            if len(vector) == 4 * EMBEDDING_DIM and encode_half(np.frombuffer(vector, "<f4")) != half
        ]

    def _begin_lease(self, generation: Generation) -> None:
        self._leased = generation
        try:
            with explain_errors(self._address):
                for connection in self._idle:
                    self._take_lease(connection, generation)
        except LostConnection:
            self.close()  # the next connection takes the lease

    def find_missing_columns(self) -> list[str]:
        """Return which tables are missing, and which columns of the others."""
        from attune.indexer.catalogue_tables import metadata

        wanted = {name: set(table.columns.keys()) for name, table in metadata.tables.items()} | _MORE_TABLES
        query = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = :name"
        found: dict[str, set[str]] = {}
        for table, column in self._all(tuple, query, name=SCHEMA):
            found.setdefault(table, set()).add(column)
        lost = [f"the table {table} is missing" for table in sorted(wanted.keys() - found.keys())]
        for table in sorted(wanted.keys() & found.keys()):
            lost += [f"the table {table} has no {column}" for column in sorted(wanted[table] - found[table])]
        return lost

    def find_structural_damage(self, limit: int) -> list[str]:
        """Return which tables lack a column, or refer to rows that are not there."""
        if lost := self.find_missing_columns():
            return lost[:limit]
        query = """
            SELECT count(*) FROM embeddings
            WHERE NOT EXISTS (SELECT 1 FROM items WHERE items.id = embeddings.item)"""
        orphans = int(self._all(_value, query)[0])
        return [f"{orphans} rows refer to items that are not there"] if orphans else []

    def measure_tables(self) -> int:
        """Return the number of bytes that the library takes on the server, with its indexes."""
        query = """
            SELECT coalesce(sum(pg_total_relation_size(pg_class.oid)), 0)::bigint FROM pg_class
            JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname = :name AND relkind = 'r'"""
        return int(self._all(_value, query, name=SCHEMA)[0])

    def ask(self, question: Callable[[Connection[NamedRow]], _T]) -> _T:
        """Return what a function finds out over a connection; it is called again if that is lost."""

        def ask_once() -> _T:
            with self._lend_connection() as connection, connection.limit_silence(_ANSWER_S):
                return question(connection)

        return keep_trying(ask_once, QUESTION_PAUSES_S, was_reached=self._was_reached)

    def _all(self, parse: Callable[[Any], _T], query: str, **values: object) -> list[_T]:
        text = translate(query)

        def fetch(connection: Connection[NamedRow]) -> list[NamedRow]:
            return connection.execute(text, values, binary=True).fetchall()

        with self._report_damage():
            return [parse(row) for row in self.ask(fetch)]

    def _iter(self, parse: Callable[[Any], _T], query: str, **values: object) -> Iterator[_T]:
        # A cursor that outlives its transaction keeps no old rows from being removed meanwhile.
        with (
            self._lend_connection() as connection,
            connection.cursor(f"attune_rows_{next(_CURSORS)}", withhold=True) as cursor,
            self._report_damage(),
        ):
            cursor.itersize = _FETCH
            cursor.execute(translate(query), values, binary=True)
            yield from map(parse, cursor)

    def _pack(self, values: Sequence[int] | Sequence[str]) -> object:
        return list(values)

    @contextlib.contextmanager
    def _lend_connection(self) -> Iterator[PatientConnection]:
        """Yield a connection that no other thread uses meanwhile; one that is lost is not used again.

        Raises:
            LostConnection: The connection is lost.
            LibraryError: Any other error of the server.
        """
        with explain_errors(self._address):
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._open_connection()
            try:
                yield connection
            except (Exception, KeyboardInterrupt):
                connection.close()  # an exchange that was broken off may leave it busy
                raise
            finally:
                if connection.closed:
                    self.close()  # the others were opened before it, and have probably been lost too
                else:
                    self._idle.append(connection)

    def _open_connection(self) -> PatientConnection:
        connection = connect(self._address)
        try:
            connection.execute("SET default_transaction_read_only TO on")
            if self._leased is not None:
                self._take_lease(connection, self._leased)
        except BaseException:
            connection.close()
            raise
        self._was_reached = True
        return connection

    def _take_lease(self, connection: Connection[NamedRow], generation: Generation) -> None:
        connection.execute("SELECT pg_advisory_lock_shared(%s, %s)", [LEASES, generation.id])
        query = "SELECT * FROM generations WHERE id = %s"
        row = connection.execute(query, [generation.id], binary=True).fetchone()
        # The whole record: a library that was built anew may have the same number again.
        if row is None or Generation(*row) != generation:
            raise _ReplacedGeneration(
                f"{self._address}: what was open was replaced while the connection was lost; ask again"
            )

    def _check_version(self) -> bool:
        """Return whether the database has a library, with tables of the version that this Attune reads.

        Raises:
            LibraryError: A newer version of Attune made them.
        """
        name = f"{SCHEMA}.alembic_version"
        if self._all(_value, "SELECT to_regclass(:name)::text", name=name) == [None]:
            return False
        versions = self._all(_value, "SELECT version_num FROM alembic_version")
        if not versions:  # a kill left no tables
            return False
        if versions != [HEAD]:
            raise LibraryError(
                f"{self._address}: made by another version of Attune (tables {versions[0]}, not {HEAD}); "
                "update Attune, or let the newer one run `attune build-index`"
            )
        return True


def encode_half(vector: NDArray[np.float32]) -> bytes:
    """Return an embedding, float32 (128,), as pgvector sends and receives a `halfvec(128)`."""
    return len(vector).to_bytes(2, "big") + bytes(2) + vector.astype(">f2").tobytes()


@cache
def translate(query: str) -> str:
    """Return a question with the parameters `:name` as psycopg writes them."""
    return _PARAMETER.sub(r"%(\1)s", query)


def _value(row: NamedRow) -> Any:
    return row[0]
