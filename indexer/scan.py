"""Search for media files below the folders that a library follows."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from attune.core.paths import is_below, matches_any
from attune.embedding.media_files import Kind, kind_of, refusal_reason
from attune.indexer.records import Root, Stamp


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file whose name is that of a picture or of music.

    Attributes:
        stamp: Path, size and modification time.
        kind: image or music.
    """

    stamp: Stamp
    kind: Kind


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """A file that looks like media but is not read.

    Attributes:
        stamp: Path, size and modification time.
        reason: Why the file is not read.
    """

    stamp: Stamp
    reason: str


@dataclass(slots=True)
class Scan:
    """Result of a scan.

    Attributes:
        candidates: Files for the library, in path order, each once.
        refused: Files that look like media and are not read.
        missing: Roots and folders that could not be listed, so that the files below them are unknown.
    """

    candidates: list[Candidate] = field(default_factory=list)
    refused: list[RefusedFile] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def scan(roots: Iterable[Root], library: Path) -> Scan:
    """Find the media files below the roots.

    Names that begin with a dot and the library's own folder are ignored. Symbolic links are ignored unless
    the root's `follow_links` is set; each folder is visited once.

    Args:
        roots: Folders or single files, absolute.
        library: The library's folder.
    """
    found = Scan()
    seen: set[str] = set()
    for root in roots:
        for entry in _walk(root, str(library), found):
            if entry.path not in seen:
                seen.add(entry.path)
                _classify(entry, found)
    found.candidates.sort(key=lambda candidate: os.fsencode(candidate.stamp.path))
    return found


@dataclass(frozen=True, slots=True)
class _Entry:
    path: str
    status: os.stat_result


def _walk(root: Root, library: str, found: Scan) -> Iterator[_Entry]:
    try:
        status = os.stat(root.path)  # noqa: PTH116 - half a million Path objects would take seconds
    except OSError:
        if not _is_deleted_file(root.path):
            found.missing.append(root.path)
        return
    if not stat.S_ISDIR(status.st_mode):
        yield _Entry(root.path, status)
        return
    folders = [root.path]
    visited = {(status.st_dev, status.st_ino)}
    while folders:
        for entry in _list_folder(folders.pop(), root, found):
            status = entry.status
            if not stat.S_ISDIR(status.st_mode):
                yield entry
            elif (status.st_dev, status.st_ino) not in visited and not is_below(entry.path, library):
                visited.add((status.st_dev, status.st_ino))
                folders.append(entry.path)


def _list_folder(folder: str, root: Root, found: Scan) -> Iterator[_Entry]:
    """Yield the entries of a folder, sorted by name, without hidden and excluded ones and ignored links."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        found.missing.append(folder)
        return
    for entry in entries:
        if entry.name.startswith(".") or matches_any(entry.path[len(root.path) :], root.exclude):
            continue
        try:
            if root.follow_links or not entry.is_symlink():
                yield _Entry(entry.path, entry.stat())
        except FileNotFoundError:
            continue  # the file vanished during the scan, or the link has no target
        except OSError as error:
            if error.errno != errno.ELOOP:  # a link to itself is ignored
                found.missing.append(entry.path)


def _is_deleted_file(root: str) -> bool:
    """Return whether a root was a single file that was deleted: its folder exists, but the file does not."""
    path = Path(root)
    return kind_of(path) is not None and path.parent.is_dir() and not path.exists()


def _classify(entry: _Entry, found: Scan) -> None:
    stamp = Stamp(entry.path, entry.status.st_size, entry.status.st_mtime_ns)
    if (reason := refusal_reason(entry.path)) is not None:
        found.refused.append(RefusedFile(stamp, reason))
    elif (kind := kind_of(entry.path)) is not None:
        if stat.S_ISREG(entry.status.st_mode):
            found.candidates.append(Candidate(stamp, kind))
        else:
            found.refused.append(RefusedFile(stamp, "it is not a regular file"))
