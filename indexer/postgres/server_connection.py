"""Connections to the server of a library, and its errors in the words of Attune."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from attune.core.errors import AttuneError, DamagedLibrary, LibraryError, LostConnection, UnreachableServer
from attune.core.library_address import DatabaseAddress, LibraryAddress

if TYPE_CHECKING:
    from psycopg import Cursor

    from attune.indexer.postgres.patient_connection import PatientConnection

SCHEMA: Final = "attune"
"""Schema of the library's tables, so that they meet no others of the same database."""
_MISSING_EXTRA: Final = 'a library in PostgreSQL needs its extra: pip install "attune-affect[postgres]"'
# How libpq notices within half a minute that the other side has gone; the address may say otherwise.
_PATIENCE: Final = {
    "connect_timeout": "10",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
# Extensions are mostly in `public`; some hosts have a schema of their own for them.
# The server shall notice as soon that a client has gone: it holds locks.
_SETTINGS: Final = (
    "SET tcp_keepalives_idle TO 15; SET tcp_keepalives_interval TO 5; SET tcp_keepalives_count TO 3; "
    "SET tcp_user_timeout TO 30000; "
    f"SET search_path TO {SCHEMA}, public, extensions; "
    "SET ivfflat.iterative_scan TO relaxed_order; SET jit TO off; SET plan_cache_mode TO force_custom_plan"
)
_DISK_FULL: Final = "53100"
_DAMAGED: Final = ("XX001", "XX002")
"""Damaged data or index."""
_MISSING: Final = ("42P01", "42703", "3F000")
"""A table, column or schema that is not there."""


class LostTables(DamagedLibrary):
    """Tables of a library are missing, which no repair can make again.

    Args:
        library: Address of the library.
        detail: Which of them, in a few words.
    """

    def __init__(self, library: LibraryAddress, detail: str) -> None:
        LibraryError.__init__(
            self,
            f"{library}: its tables are damaged ({detail}); restore the database from a backup, or remove "
            "the library and build it again",
        )


class NamedRow(tuple[Any, ...]):
    """A row of an answer: its values by place and by the name of the column."""

    names: dict[str, int]

    def __getitem__(self, key: Any) -> Any:
        return tuple.__getitem__(self, self.names[key] if isinstance(key, str) else key)

    def keys(self) -> list[str]:
        """Return the names of the columns."""
        return list(self.names)


def make_named_rows(cursor: Cursor[Any]) -> Callable[[Any], NamedRow]:
    """Return how psycopg makes the rows of an answer."""
    names = {column.name: place for place, column in enumerate(cursor.description or ())}

    def make(values: Any) -> NamedRow:
        row = NamedRow(values)
        row.names = names
        return row

    return make


def require_driver() -> None:
    """Check that the driver is installed.

    Raises:
        AttuneError: It is not.
    """
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise AttuneError(_MISSING_EXTRA) from error


def name_client() -> str:
    """Return the name by which other users of the server see this process."""
    return f"attune {socket.gethostname()}:{os.getpid()}"


def connect(address: DatabaseAddress) -> PatientConnection:
    """Connect to the server of a library; each statement is a transaction of its own unless one is begun.

    Password, TLS and all else that the address does not say come from where libpq takes them.

    Raises:
        UnreachableServer: The server cannot be reached, or does not let this user in.
    """
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    from attune.indexer.postgres.patient_connection import PatientConnection

    try:
        given = conninfo_to_dict(address.url)
        options: dict[str, Any] = {"application_name": name_client(), **_PATIENCE, **given}
        connection = PatientConnection.connect(
            autocommit=True, prepare_threshold=None, row_factory=make_named_rows, **options
        )
    except psycopg.OperationalError as error:
        raise UnreachableServer(f"{address}: cannot be reached ({_first_line(error)})") from error
    except psycopg.ProgrammingError as error:
        raise LibraryError(f"{address}: no address of a database ({_first_line(error)})") from error
    try:
        connection.execute(_SETTINGS)
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def explain_errors(address: DatabaseAddress, what: str = "read") -> Iterator[None]:
    """Raise errors of the driver as errors that people understand.

    Args:
        address: Address of the library.
        what: What was tried: read or written.

    Raises:
        LostConnection: The connection was lost, or the server is stopping.
        DamagedLibrary: The server finds its data damaged, or a table is missing.
        LibraryError: Any other error of the server.
    """
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        raise explain_error(address, error, what) from error


def explain_error(address: DatabaseAddress, error: Exception, what: str) -> LibraryError:
    """Return the error to show for one of the driver."""
    import psycopg

    state = getattr(error, "sqlstate", None)
    if state == _DISK_FULL:
        return LibraryError(f"{address}: cannot be {what}: the server's disk is full")
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return LibraryError(
            f"{address}: this user may not do that ({_first_line(error)}); docs/scale.md has the roles"
        )
    if state in _DAMAGED:
        return DamagedLibrary(address, _first_line(error))
    if state in _MISSING:
        return LostTables(address, _first_line(error))
    # Without a state of the server's, or with one of class 08 or 57P, the connection is gone.
    is_lost = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) and (
        state is None or state.startswith(("08", "57P"))
    )
    is_lost |= isinstance(error, psycopg.Error) and error.diag.severity_nonlocalized in ("FATAL", "PANIC")
    if is_lost:
        return LostConnection(f"{address}: the connection to the server was lost ({_first_line(error)})")
    return LibraryError(f"{address}: cannot be {what} ({_first_line(error)})")


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].removeprefix("connection failed: ") if lines else type(error).__name__
