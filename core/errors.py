"""Errors whose text is shown to users.

AttuneError                 any failure: one sentence, exit code 1
├── UsageError              the request cannot be met as it stands: exit code 2
├── MediaError              one media file cannot be used; holds its path and a reason
│   ├── UnsupportedMedia    a format that is not read, or that needs an extra
│   ├── CostlyMedia         needs more time or memory than allowed, or crashes the decoder
│   └── UnreachableMedia    a temporary failure: no permission, file gone, or changed while being read
├── ArtefactError           weights or a network folder are missing, damaged or incompatible
└── LibraryError            a library cannot be opened, locked or written
    ├── NothingPublished    there is no library, or nothing in it can be read yet
    ├── ReadOnlyLibrary     a library that this user may read but not write
    ├── DamagedLibrary      a library's catalogue is corrupt
    └── LostConnection      the connection to the server of a library was lost
        └── UnreachableServer   the server of a library cannot be reached
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attune.core.library_address import DatabaseAddress, LibraryAddress


class AttuneError(Exception):
    """Base of all errors that are shown to users; the text says what is wrong with what, and what to do."""

    exit_code = 1


class UsageError(AttuneError):
    """The request itself cannot be met, because of a missing file or a bad option value, for example."""

    exit_code = 2


class ArtefactError(AttuneError):
    """Weights or a network folder are missing, damaged or incompatible."""


class LibraryError(AttuneError):
    """A library cannot be opened, locked or written."""


class NothingPublished(LibraryError):  # noqa: N818 - named after the condition
    """There is no library, or its first build has not been published yet."""


class ReadOnlyLibrary(LibraryError):  # noqa: N818
    """This user may not write the library; another one may be writing it."""


class DamagedLibrary(LibraryError):  # noqa: N818
    """A library's catalogue is corrupt.

    Args:
        library: Where the library is kept.
        detail: The evidence of the damage, in a few words.
    """

    def __init__(self, library: LibraryAddress, detail: object) -> None:
        super().__init__(f"{library}: its catalogue is damaged ({detail}); `attune repair` recovers it")


class LostConnection(LibraryError):  # noqa: N818
    """The connection to the server of a library was lost: the same may succeed a little later."""


class UnreachableServer(LostConnection):
    """The server of a library cannot be reached, or does not let this user in."""


class MediaError(AttuneError):
    """One media file cannot be used.

    Args:
        path: The file.
        reason: Why it cannot be used, in a few words, and what to do where something can be done. What is not
            printable in it, such as bytes of the file that a decoder quotes, is escaped.
    """

    def __init__(self, path: str | os.PathLike[str], reason: str) -> None:
        super().__init__(path, reason)
        self.path = Path(path)
        self.reason = escape_text(reason)

    def __str__(self) -> str:
        return format_reason(self.path, self.reason)


class UnsupportedMedia(MediaError):  # noqa: N818 - the name says what is wrong
    """The file's format is not read at all, or only with an extra that is not installed."""


class CostlyMedia(MediaError):  # noqa: N818
    """Reading the file exceeds a limit of the settings, or crashes the decoder.

    The file is tried again when the limits or the file change.
    """


class UnreachableMedia(MediaError):  # noqa: N818
    """The file could not be read for a reason that may be temporary; the next build tries it again."""


def escape_path(path: str | os.PathLike[str] | DatabaseAddress) -> str:
    """Return a path as printable text, with undecodable bytes and control characters escaped.

    Args:
        path: Any path, which may contain bytes that are not UTF-8, or the address of a database.

    Returns:
        Text without control characters and without lone surrogates.
    """
    name = os.fsencode(path) if isinstance(path, str | os.PathLike) else str(path).encode()
    return escape_text(name.decode("utf-8", "backslashreplace"))


def format_reason(path: str | os.PathLike[str], reason: str) -> str:
    """Return the message that tells users why a file cannot be used."""
    return f"{escape_path(path)}: {escape_text(reason)}"


def escape_text(text: str) -> str:
    """Return any text, such as a tag, with control characters and lone surrogates escaped."""
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )
