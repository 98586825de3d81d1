"""Exclusions: what is left out of a library, by path or by pattern, and what is left out of every library."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from attune.core.errors import escape_path, escape_text
from attune.core.paths import PathFormat

IGNORE_FILE: Final = ".attuneignore"
"""Name of a file whose patterns say what is left out of its folder."""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """One rule about what is left out.

    Attributes:
        pattern: A pattern in Git's syntax, relative to each root; or how the path is shown, if `path` is set.
            With a `!` in front, what earlier rules leave out is not left out.
        path: Absolute path of the file or folder that is left out; None: the pattern says what is.
        root: The only folder that the rule concerns, to which its pattern is relative; None: each root.
    """

    pattern: str
    path: str | None = None
    root: str | None = None

    @property
    def lifts(self) -> bool:
        """Whether the rule lifts earlier ones."""
        return self.pattern.startswith("!")


def describe_exclusion(exclusion: Exclusion, format_path: PathFormat = escape_path) -> str:
    """Return an exclusion as people know it: its path, or its pattern and where that holds."""
    if exclusion.path is not None:
        return f"{'!' if exclusion.lifts else ''}{format_path(exclusion.path)}"
    pattern = escape_text(exclusion.pattern)
    return pattern if exclusion.root is None else f"{pattern} (below {format_path(exclusion.root)})"


def _list_default_patterns() -> Iterator[str]:
    yield ".*"
    # Previews, recycle bins and snapshots of Synology, QNAP and NetApp
    yield from ("@eaDir/", "#recycle/", "#snapshot/", "@Recycle/", "@Recently-Snapshot/", "~snapshot/")
    # of Windows, macOS, Linux and Nextcloud
    yield from ("$RECYCLE.BIN/", "System Volume Information/", "lost+found/", "__MACOSX/")
    yield from ("Network Trash Folder/", "Temporary Items/", "files_trashbin/", "files_versions/")
    # Previews and older versions of Lightroom, Picasa, iTunes, Syncthing and file managers
    yield from ("*.lrdata/", "*.lrcat-data/", ".thumbnails/", ".picasaoriginals/", ".stversions/")
    yield from ("iPod Photo Cache/", "Apple TV Photo Cache/")
    # Derivatives in the libraries of Photos, iPhoto and Aperture, beside the originals
    for folder in ("database", "external", "internal", "private", "resources", "scopes"):
        yield f"**/*.photoslibrary/{folder}/"
    for suffix in ("photoslibrary", "photolibrary", "migratedphotolibrary", "aplibrary"):
        for folder in ("Caches", "Database", "Previews", "Thumbnails"):
            yield f"**/*.{suffix}/{folder}/"
    # Pictures of software
    yield from ("node_modules/", "bower_components/", "site-packages/", "dist-packages/", "__pycache__/")


DEFAULT_EXCLUSIONS: Final = tuple(Exclusion(pattern) for pattern in dict.fromkeys(_list_default_patterns()))
"""What nobody means: hidden files, recycle bins, and previews that other programs make."""


def read_ignore_file(path: str) -> list[Exclusion]:
    """Read a `.attuneignore`: one pattern per line, relative to its folder; `#` begins a comment.

    Args:
        path: Absolute path of the file, which is UTF-8.

    Raises:
        OSError: The file cannot be read.
    """
    with open(path, "rb") as file:  # noqa: PTH123 - the name may be odd bytes
        text = file.read().decode("utf-8-sig", "surrogateescape")
    folder = os.path.dirname(path)  # noqa: PTH120
    lines = (strip_blanks(line) for line in text.split("\n"))
    return [Exclusion(line, root=folder) for line in lines if line and not line.startswith("#")]


def strip_blanks(line: str) -> str:
    """Return a line of patterns without blanks at its end, unless a backslash protects one."""
    return re.sub(r"(?<!\\)[ \t\r]+$", "", line)
