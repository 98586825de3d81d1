"""Attune matches music and pictures by the emotion they share.

The names in `__all__` are the public interface; docs/python.md shows them in use. They are loaded when they
are first used, so `import attune` alone loads nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers take it for true; the constant of `typing` would load that module
if TYPE_CHECKING:
    from typing import Any

    from attune.api import (
        Answer,
        AnswerList,
        EmbeddedFile,
        ExportSummary,
        FileMood,
        FilterOptions,
        Library,
        Match,
        Moment,
        MoodTable,
        SearchOptions,
        build,
        embed,
        open,
    )
    from attune.core.errors import AttuneError, LibraryError, MediaError, UsageError

    __version__: str

__all__ = [
    "Answer",
    "AnswerList",
    "AttuneError",
    "EmbeddedFile",
    "ExportSummary",
    "FileMood",
    "FilterOptions",
    "Library",
    "LibraryError",
    "Match",
    "MediaError",
    "Moment",
    "MoodTable",
    "SearchOptions",
    "UsageError",
    "build",
    "embed",
    "open",
]
_ERRORS = {"AttuneError", "LibraryError", "MediaError", "UsageError"}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("attune-affect")
    if name not in __all__:
        raise AttributeError(f"module 'attune' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module("attune.core.errors" if name in _ERRORS else "attune.api"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
