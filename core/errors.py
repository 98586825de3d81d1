"""The errors that a person may see.

AttuneError                 something failed: one sentence, exit code 1
├── UsageError              the command was given something it cannot use: exit code 2
├── MediaError              one media file cannot be used; carries its path and a reason
│   ├── UnsupportedMedia    a format that is not read, or that needs an extra
│   ├── CostlyMedia         more time or memory than allowed, or the decoder crashed on it
│   └── UnreachableMedia    not this time: no permission, vanished, changed while it was read
├── ArtefactError           weights or a network folder are missing, damaged or of another make
└── LibraryError            a library cannot be opened, locked or written
    └── DamagedLibrary      its catalogue is not what was written
"""

from __future__ import annotations

import os
from pathlib import Path


class AttuneError(Exception):
    """Root of the errors whose text is meant for a person: what is wrong, with what, what to do."""

    exit_code = 1


class UsageError(AttuneError):
    """The request itself cannot be met: a missing file, a bad option value."""

    exit_code = 2


class ArtefactError(AttuneError):
    """Weights, a network folder or one of their checksums is not what it should be."""


class LibraryError(AttuneError):
    """A library cannot be opened, locked or written."""


class DamagedLibrary(LibraryError):  # noqa: N818
    """A library's catalogue is not what was written.

    Args:
        library: The library's folder.
        detail: What shows it, in a few words.
    """

    def __init__(self, library: Path, detail: object) -> None:
        super().__init__(f"{library}: its catalogue is damaged ({detail}); `attune repair` recovers it")


class MediaError(AttuneError):
    """One media file cannot be used.

    Args:
        path: The file.
        reason: Why, in a few words that also say what to do where something can be done.
    """

    def __init__(self, path: str | os.PathLike[str], reason: str) -> None:
        super().__init__(path, reason)
        self.path = Path(path)
        self.reason = reason

    def __str__(self) -> str:
        return format_reason(self.path, self.reason)


class UnsupportedMedia(MediaError):  # noqa: N818 - reads as what it is
    """The file's format is not read at all, or only with an extra that is not installed."""


class CostlyMedia(MediaError):  # noqa: N818
    """Reading it takes more than the settings allow, or kills the reader: tried again when they change."""


class UnreachableMedia(MediaError):  # noqa: N818
    """The file could not be read this time, for a reason that may be gone the next: it is tried again."""


def escape_path(path: str | os.PathLike[str]) -> str:
    """Return a path as text that is safe to print: undecodable bytes and control characters are escaped.

    Args:
        path: Any path, also one with bytes that are not UTF-8.

    Returns:
        Text without control characters and without lone surrogates.
    """
    return escape_text(os.fsencode(path).decode("utf-8", "backslashreplace"))


def format_reason(path: str | os.PathLike[str], reason: str) -> str:
    """Return how a person is told why a file cannot be used."""
    return f"{escape_path(path)}: {escape_text(reason)}"


def escape_text(text: str) -> str:
    """Return any text, a tag for example, without control characters and lone surrogates: escaped."""
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )
