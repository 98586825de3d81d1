"""Absolute paths, and tests whether a path lies below a folder or matches a glob."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable, Sequence
from pathlib import Path


def absolute_path(path: str | os.PathLike[str]) -> str:
    """Return the absolute, normalised path; symbolic links stay as they are."""
    return os.path.abspath(os.fspath(path))  # noqa: PTH100 - pathlib resolves links or keeps `..`


def spell_folders(folders: Iterable[Path]) -> list[str]:
    """Return the absolute path of each folder twice: as it was named, and with symbolic links resolved.

    A library knows files by the spelling that its roots had, which may be either.
    """
    return [name for folder in folders for name in (absolute_path(folder), str(folder.resolve()))]


def is_below(path: str, folder: str) -> bool:
    """Return whether an absolute path is the folder itself or lies below it."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def is_below_any(path: str, folders: Iterable[str]) -> bool:
    """Return whether an absolute path is one of the folders or lies below one."""
    return any(is_below(path, folder) for folder in folders)


def matches_any(path: str, globs: Sequence[str]) -> bool:
    """Return whether a path matches one of the globs.

    A glob without a slash is compared with each component of the path (`*.png`, `private`). A glob with a
    slash is compared with the end of the path, starting at any folder (`2019/*`).
    """
    parts = Path(path).parts if globs else ()
    for glob in globs:
        if "/" not in glob:
            if any(fnmatch.fnmatch(part, glob) for part in parts):
                return True
        elif fnmatch.fnmatch(path, glob) or fnmatch.fnmatch(path, "*/" + glob.lstrip("/")):
            return True
    return False
