"""Paths: absolute, below a folder, matching a glob, as they are shown, and a user's own folders."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from attune.core.errors import escape_path


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


PathFormat = Callable[[str | os.PathLike[str]], str]
"""From a path to text that is safe to print."""


def choose_path_format(given: Iterable[str | os.PathLike[str]]) -> PathFormat:
    """Return how a command shows paths, by how its arguments were given.

    Args:
        given: The paths that somebody typed.

    Returns:
        If there are any and all are relative: a function that shows paths below the current folder relative
        to it. Otherwise `escape_path`.
    """
    names = [os.fspath(path) for path in given]
    if not names or any(os.path.isabs(name) for name in names):  # noqa: PTH117 - names may be odd bytes
        return escape_path
    folder = absolute_path(os.curdir)

    def format_relative(path: str | os.PathLike[str]) -> str:
        whole = absolute_path(path)
        return escape_path(os.path.relpath(whole, folder)) if is_below(whole, folder) else escape_path(path)

    return format_relative


def default_library() -> Path:
    """Return the folder of the library that is used when none is named."""
    import platformdirs

    return Path(platformdirs.user_data_path("attune", appauthor=False)) / "library"


def default_cache() -> Path:
    """Return the folder that keeps features of labelled media and previews of the web page."""
    import platformdirs

    return Path(platformdirs.user_cache_path("attune", appauthor=False))


def config_file() -> Path:
    """Return the path of the user's configuration file; it need not exist."""
    import platformdirs

    return Path(platformdirs.user_config_path("attune", appauthor=False)) / "config.toml"
