"""One writer at a time; readers hold a lease on the generation they read."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from attune.core.atomic_files import make_folder
from attune.core.errors import LibraryError

LOCK = "lock"
LEASES = "leases"


@contextlib.contextmanager
def acquire_write_lock(library: Path) -> Iterator[None]:
    """Be the library's only writer. The system frees the lock when its holder dies, however it dies.

    Raises:
        LibraryError: Somebody else is writing, or the folder cannot be written.
    """
    import portalocker

    try:
        make_folder(library)
        file = (library / LOCK).open("a+", encoding="ascii")
    except OSError as error:
        raise LibraryError(
            f"{library}: cannot be written ({error.strerror}); choose another with --library"
        ) from error
    with file:
        try:
            portalocker.lock(file, portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING)
        except portalocker.LockException as error:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise LibraryError(
                f"{library}: another build (process {holder}) is writing it; try again later"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def lease(library: Path, generation: int) -> IO[bytes] | None:
    """Keep a generation from being purged until the returned file is closed.

    The file that is locked is never replaced, so a lease outlives an index folder that is made again.

    Returns:
        The open file; None where the library cannot be written, and so cannot be purged by this user.
    """
    import portalocker

    path = _lease_file(library, generation)
    try:
        path.parent.mkdir(exist_ok=True)
        file = path.open("ab")
    except OSError:
        return None
    with contextlib.suppress(portalocker.LockException):  # a purge is looking: the reader looks again, too
        portalocker.lock(file, portalocker.LockFlags.SHARED | portalocker.LockFlags.NON_BLOCKING)
    return file


def is_leased(library: Path, generation: int) -> bool:
    """Say whether any reader holds a lease on a generation; forget its file if none does."""
    import portalocker

    path = _lease_file(library, generation)
    try:
        file = path.open("rb+")
    except OSError:
        return False
    with file:
        try:
            portalocker.lock(file, portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING)
        except portalocker.LockException:
            return True
    path.unlink(missing_ok=True)
    return False


def _lease_file(library: Path, generation: int) -> Path:
    return library / LEASES / str(generation)
