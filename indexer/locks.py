"""Write lock of a library, and the leases of readers on the generation that they read."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from attune.core.atomic_files import make_folder
from attune.core.errors import LibraryError, ReadOnlyLibrary

LOCK = "lock"
LEASES = "leases"
_NO_PERMISSION = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextlib.contextmanager
def acquire_write_lock(library: Path) -> Iterator[None]:
    """Hold the library's write lock; the operating system releases it if the process dies.

    Raises:
        ReadOnlyLibrary: This user may not write the folder.
        LibraryError: Another process holds the lock, or the folder cannot be written for another reason.
    """
    import portalocker

    try:
        make_folder(library)
        file = (library / LOCK).open("a+", encoding="ascii")
    except OSError as error:
        error_class = ReadOnlyLibrary if error.errno in _NO_PERMISSION else LibraryError
        raise error_class(
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

    The lock file is separate from the index folder and never replaced, so a lease stays valid while the index
    folder is made again.

    Returns:
        The open file; None, without a lease, if this user cannot write (and so cannot purge) the library.
    """
    import portalocker

    path = _lease_file(library, generation)
    try:
        path.parent.mkdir(exist_ok=True)
        file = path.open("ab")
    except OSError:
        return None
    # The lock fails only while a purge checks this lease; the reader then reads the generation again.
    with contextlib.suppress(portalocker.LockException):
        portalocker.lock(file, portalocker.LockFlags.SHARED | portalocker.LockFlags.NON_BLOCKING)
    return file


def is_leased(library: Path, generation: int) -> bool:
    """Return whether any reader holds a lease on a generation; delete the lease file if none does."""
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
