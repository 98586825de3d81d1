"""Small and read-only disks for tests, if this machine allows mounting."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path


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
