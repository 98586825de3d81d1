"""Small, read-only and stalled disks for tests, if this machine allows mounting."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

_MNT_DETACH = 2
_PATIENCE_S = 10.0


def _run(*command: object) -> bool:
    done = subprocess.run([str(part) for part in command], capture_output=True, check=False)
    return done.returncode == 0


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path | None]:
    """Mount a disk of a given size; yield None if mounting is not allowed."""
    folder.mkdir()
    try:
        mounted = _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", folder)
    except FileNotFoundError:
        mounted = False
    try:
        yield folder if mounted else None
    finally:
        if mounted:
            assert _run("umount", "-l", folder)


def grow(folder: Path, megabytes: int) -> None:
    """Enlarge a small disk."""
    assert _run("mount", "-o", f"remount,size={megabytes}m", folder)


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[bool]:
    """Make a folder read-only, also for root, by a bind mount; yield False if that is not allowed."""
    try:
        mounted = _run("mount", "--bind", folder, folder)
    except FileNotFoundError:
        mounted = False
    try:
        yield mounted and _run("mount", "-o", "remount,ro,bind", folder)
    finally:
        if mounted:
            assert _run("umount", "-l", folder)


@contextlib.contextmanager
def stalled_disk(folder: Path) -> Iterator[Path | None]:
    """Mount a disk that never replies, as a network disk whose server has gone; yield None if not allowed.

    It is a FUSE file system whose requests nobody reads. They fail as soon as the block ends. Let only one
    process at a time ask about a file: Linux lets no second one end while the first one waits.
    """
    folder.mkdir(exist_ok=True)
    try:
        device = os.open("/dev/fuse", os.O_RDWR)
    except OSError:
        yield None
        return
    before = set(threading.enumerate())
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
    mounted = libc.mount(b"stalled", os.fsencode(folder), b"fuse", 0, options.encode()) == 0
    try:
        yield folder if mounted else None
    finally:
        os.close(device)
        if mounted:
            assert libc.umount2(os.fsencode(folder), _MNT_DETACH) == 0
        # A thread that still asks about further files would wait for the next disk that stalls here.
        for thread in set(threading.enumerate()) - before:
            thread.join(_PATIENCE_S)
