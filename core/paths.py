"""Paths: absolute, below a folder, as they are shown, and a user's own folders."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import unquote_to_bytes

from attune.core.errors import UsageError, escape_path
from attune.core.reachability import call_with_timeout

_TIMEOUT_S = 2.0
_FILE_URI = re.compile(r"(?is:file:(?://(?P<host>[^/]*))?(?P<path>/.*))")


def absolute_path(path: str | os.PathLike[str]) -> str:
    """Return the absolute, normalised path; symbolic links stay as they are."""
    return os.path.abspath(os.fspath(path))  # noqa: PTH100 - pathlib resolves links or keeps `..`


def read_path_argument(text: str | os.PathLike[str]) -> Path:
    """Return the path that an argument of a command means; the disk is not looked at.

    File managers give `file:` URIs to the programs that files are dropped on, and no shell replaces the `~`
    in `--in=~/photos`.

    Args:
        text: A path, a `file:` URI, or a path that begins with `~/`.

    Raises:
        UsageError: The URI names a file on another computer.
    """
    text = os.fspath(text)
    if text == "~" or text.startswith("~/"):
        return Path(text).expanduser()
    return Path(path_from_uri(text))


def path_from_uri(text: str) -> str:
    """Return the path that a `file:` URI names; any other text as it is.

    Raises:
        UsageError: The URI names a file on another computer.
    """
    match = _FILE_URI.fullmatch(text)
    if match is None:
        return text
    if (match["host"] or "localhost").lower() != "localhost":
        raise UsageError(
            f"{escape_path(text)}: a file on another computer; mount that folder and name the file there"
        )
    return os.fsdecode(unquote_to_bytes(os.fsencode(match["path"])))


def spell_folders(folders: Iterable[Path]) -> list[str]:
    """Return the absolute path of each folder twice: as it was named, and with symbolic links resolved.

    A library knows files by the spelling that its roots had, which may be either. A folder whose disk does
    not reply is spelled as it was named.
    """
    spelled = []
    for folder in folders:
        spelled.append(absolute_path(folder))
        with contextlib.suppress(TimeoutError):
            spelled.append(str(call_with_timeout(folder.resolve, _TIMEOUT_S)))
    return spelled


def is_below(path: str, folder: str) -> bool:
    """Return whether an absolute path is the folder itself or lies below it."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def is_below_any(path: str, folders: Iterable[str]) -> bool:
    """Return whether an absolute path is one of the folders or lies below one."""
    return any(is_below(path, folder) for folder in folders)


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


def require_writable(option: str, path: Path) -> None:
    """Check before any work is done that an output file can be written.

    Raises:
        UsageError: Its folder does not exist, or it is a folder.
    """
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{option} {escape_path(path)}: no such folder")
    if path.is_dir():
        raise UsageError(f"{option} {escape_path(path)}: a folder; name a file in it")


def default_library() -> Path:
    """Return the folder of the library that is used when none is named."""
    import platformdirs

    return Path(platformdirs.user_data_path("attune", appauthor=False)) / "library"


def default_features() -> Path:
    """Return the folder that keeps the features of libraries in databases when no setting names another."""
    import platformdirs

    return Path(platformdirs.user_data_path("attune", appauthor=False)) / "features"


def features_home() -> Path:
    """Return the folder in which this machine keeps the features of libraries in databases; absolute.

    Raises:
        UsageError: `config.toml` cannot be read, or a setting in it is wrong.
    """
    named = os.environ.get("ATTUNE_FEATURES")
    if named:
        return read_path_argument(named).absolute()
    if not config_file().exists():  # so the settings, whose import takes long, are not needed
        return default_features()
    from attune.core.settings import load_settings

    return load_settings().features.absolute()


def default_cache() -> Path:
    """Return the folder that keeps features of labelled media and previews of the web page."""
    import platformdirs

    return Path(platformdirs.user_cache_path("attune", appauthor=False))


def config_file() -> Path:
    """Return the path of the user's configuration file; it need not exist."""
    import platformdirs

    return Path(platformdirs.user_config_path("attune", appauthor=False)) / "config.toml"
