"""Display of paths: relative or absolute, as they were given."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from attune.core.errors import escape_path
from attune.core.paths import absolute_path, is_below

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
