"""The write lock of a library in PostgreSQL: an advisory lock, which belongs to a connection.

The server releases it when it notices that the connection has gone. Until then, a writer that was killed or
cut off still seems to write.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from attune.core.errors import LibraryError
from attune.core.library_address import DatabaseAddress
from attune.indexer.postgres.postgres_catalogue import LEASES, WRITER
from attune.indexer.postgres.server_connection import NamedRow, connect, explain_errors, name_client

if TYPE_CHECKING:
    from attune.indexer.postgres.patient_connection import PatientConnection

_PATIENCE_S: Final = 4.0  # longer than the server takes to notice that a process was killed
_PAUSE_S: Final = 0.1
# Otherwise it notices only when the statement is done that it runs, which may be the making of an index.
_NOTICE: Final = "SET client_connection_check_interval TO '1s'"
_HOLDER: Final = """
    SELECT pid, application_name, usename FROM pg_locks
    JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND classid = %s AND granted
        AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    LIMIT 1"""

_lost: set[int] = set()
"""The server's processes of the connections that held the lock in this process, and were lost."""


@contextlib.contextmanager
def hold_write_lock(address: DatabaseAddress) -> Iterator[PatientConnection]:
    """Yield the connection that holds the write lock; whatever it does, nobody else writes meanwhile.

    Raises:
        LibraryError: Another process is writing the library, or it cannot be written.
        UnreachableServer: The server cannot be reached.
    """
    import psycopg

    with explain_errors(address, "written"), contextlib.closing(connect(address)) as connection:
        own = connection.info.backend_pid
        _take(address, connection)
        try:
            yield connection
        finally:
            if connection.closed:
                _lost.add(own)
            else:  # otherwise it is held until the server has noticed the end of the connection
                with contextlib.suppress(psycopg.Error):
                    connection.execute("SELECT pg_advisory_unlock(%s, 0)", [WRITER])


def _take(address: DatabaseAddress, connection: PatientConnection) -> None:
    import psycopg

    with contextlib.suppress(psycopg.errors.InvalidParameterValue, psycopg.errors.UndefinedObject):
        connection.execute(_NOTICE)  # the server's system or version may not be able to
    until = time.monotonic() + _PATIENCE_S
    while True:
        row = connection.execute("SELECT pg_try_advisory_lock(%s, 0)", [WRITER]).fetchone()
        if row is not None and row[0]:
            return
        holder = connection.execute(_HOLDER, [WRITER]).fetchone()
        if holder is not None and holder["pid"] in _lost and holder["application_name"] == name_client():
            connection.execute("SELECT pg_terminate_backend(%s)", [holder["pid"]])
        if time.monotonic() > until:
            raise LibraryError(f"{address}: {_describe(holder)} is writing it; try again later")
        time.sleep(_PAUSE_S)


def require_no_readers(address: DatabaseAddress, connection: PatientConnection) -> None:
    """Check that nobody has any generation open.

    Raises:
        LibraryError: Somebody has.
    """
    holder = connection.execute(_HOLDER, [LEASES]).fetchone()
    if holder is not None:
        raise LibraryError(f"{address}: {_describe(holder)} has it open; try again when that has ended")


def _describe(holder: NamedRow | None) -> str:
    return "somebody" if holder is None else f"{holder[1] or 'somebody'} (user {holder[2]})"
