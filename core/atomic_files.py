"""Files that are written aside, made durable and only then given their name; and their checksums."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's content as 64 hexadecimal digits.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary file's path to write to; on success it is made durable and renamed to `path`.

    On an error, the temporary file is removed and `path` stays what it was.

    Raises:
        OSError: The folder cannot be written.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_read_umask())
        fsync(temporary)
        temporary.replace(path)
        fsync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Make a folder and those above it, durably, unless it is there.

    Raises:
        OSError: It cannot be made.
    """
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(exist_ok=True)
        with contextlib.suppress(PermissionError):  # a folder in which we may write, but not look
            fsync(path.parent)


def fsync(path: Path) -> None:
    """Make a file's content, or a folder's entries, durable.

    A system that cannot open a folder (Windows) makes its entries durable by itself.
    """
    if path.is_dir() and os.name == "nt":
        return
    # Windows flushes only through a handle that may write.
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
