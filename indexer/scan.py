"""Search for media files below the folders that a library follows."""

from __future__ import annotations

import errno
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from attune.core.exclusion_rules import ExclusionRules
from attune.core.exclusions import IGNORE_FILE, read_ignore_file
from attune.core.paths import is_below
from attune.core.reachability import call_with_timeout
from attune.embedding.companion_files import find_sidecar, is_live_photo_video, list_companions
from attune.embedding.content_type import describe_unnamed
from attune.embedding.media_files import Kind, describe_error, kind_of, refusal_reason
from attune.indexer.records import Root, Stamp

LINKS: Final = "symbolic links, not followed"
LIVE_PHOTOS: Final = "videos of Live Photos"
IGNORE_FILES: Final = f"{IGNORE_FILE} files, which were followed"
# A disk in the network may stop answering; a listing that takes longer is given up, and with it the root.
_LISTING_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file whose name is that of a picture or of music.

    Attributes:
        stamp: Path, size and modification time.
        kind: image or music.
        sidecar_mtime_ns: Modification time of the XMP file beside it; None without one.
    """

    stamp: Stamp
    kind: Kind
    sidecar_mtime_ns: int | None = None


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
        unlisted: Roots and folders that could not be listed, so that the files below them are unknown, each
            with the reason.
        absent: Roots of `unlisted` that do not exist.
        deleted: Roots that were a single file, which was deleted.
        doubtful: Folders and links that lead to another disk, which seems to be away. Only if files are known
            below one does it matter.
        omissions: Numbers of files that were seen and left out, by reason.
        mounts: Root to the folders below it that are on other file systems.
    """

    candidates: list[Candidate] = field(default_factory=list)
    refused: list[RefusedFile] = field(default_factory=list)
    unlisted: dict[str, str] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    doubtful: dict[str, str] = field(default_factory=dict)
    omissions: Counter[str] = field(default_factory=Counter)
    mounts: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    path: str
    is_link: bool
    status: os.stat_result | None
    error: OSError | None = None

    @property
    def is_folder(self) -> bool:
        return self.status is not None and stat.S_ISDIR(self.status.st_mode)

    @property
    def is_file(self) -> bool:
        return self.status is not None and stat.S_ISREG(self.status.st_mode)

    @property
    def stamp(self) -> Stamp:
        assert self.status is not None
        return Stamp(self.path, self.status.st_size, self.status.st_mtime_ns)

    @property
    def key(self) -> tuple[int, int]:
        assert self.status is not None
        return self.status.st_dev, self.status.st_ino

    @property
    def device(self) -> int:
        return self.key[0]


def scan(roots: Iterable[Root], library: Path, rules: ExclusionRules) -> Scan:
    """Find the media files below the roots.

    What the rules exclude and the library's own folder are ignored. Rules in `.attuneignore` files are added
    to the rules. Symbolic links are counted but not followed unless the root's `follow_links` is set; each
    folder is visited once.

    Args:
        roots: Folders or single files, absolute.
        library: The library's folder.
        rules: What is left out.
    """
    found = Scan()
    seen: set[str] = set()
    for root in roots:
        for folder in _walk(root, str(library), rules, found):
            files = [entry for entry in folder.values() if not entry.is_folder and entry.path not in seen]
            seen.update(entry.path for entry in files)
            _classify_by_name(files, folder, found)
            _classify_by_content(files, found)
    found.candidates.sort(key=lambda candidate: os.fsencode(candidate.stamp.path))
    return found


def _walk(root: Root, library: str, rules: ExclusionRules, found: Scan) -> Iterator[Mapping[str, _Entry]]:
    """Yield the entries of each folder, by name, without those that are left out."""
    try:
        status = call_with_timeout(partial(os.stat, root.path), _LISTING_TIMEOUT_S)
    except OSError as error:
        _note_root_error(root.path, error, found)
        return
    if not stat.S_ISDIR(status.st_mode):
        name = os.path.basename(root.path)  # noqa: PTH119 - paths are text here
        yield {name: _Entry(name, root.path, is_link=False, status=status)}
        return
    folders = [_Entry(root.path, root.path, is_link=False, status=status)]
    visited = {(status.st_dev, status.st_ino)}
    while folders:
        folder = folders.pop()
        try:
            entries = _select_entries(folder.path, root, rules, found)
        except TimeoutError as error:
            found.unlisted[root.path] = _explain(error)
            return
        yield entries
        for below in _find_folders(entries, library):
            if below.device != folder.device:
                found.mounts.setdefault(root.path, []).append(below.path)
            if (key := below.key) not in visited:
                visited.add(key)
                folders.append(below)
    for mount in set(root.mounts).difference(found.mounts.get(root.path, ())):
        found.doubtful[mount] = "the disk that was there is away"


def _find_folders(entries: Mapping[str, _Entry], library: str) -> list[_Entry]:
    return [entry for entry in entries.values() if entry.is_folder and not is_below(entry.path, library)]


def _list_folder(folder: str) -> list[_Entry]:
    """Return the entries of a folder, sorted by name."""
    entries = []
    with os.scandir(folder) as listing:
        for one in listing:
            status, failure = None, None
            try:
                status = one.stat()
            except OSError as error:
                failure = error
            entries.append(_Entry(one.name, one.path, one.is_symlink(), status, failure))
    return sorted(entries, key=lambda entry: entry.name)


def _select_entries(folder: str, root: Root, rules: ExclusionRules, found: Scan) -> Mapping[str, _Entry]:
    """Return the entries of a folder by name, without those that are left out or cannot be looked at.

    Raises:
        TimeoutError: The disk does not answer.
    """
    try:
        entries = call_with_timeout(partial(_list_folder, folder), _LISTING_TIMEOUT_S)
        if any(entry.name == IGNORE_FILE for entry in entries):
            rules.add(read_ignore_file(str(Path(folder, IGNORE_FILE))))
            found.omissions[IGNORE_FILES] += 1
    except TimeoutError:
        raise
    except OSError as error:
        found.unlisted[folder] = _explain(error)
        return {}
    kept = {}
    for entry in entries:
        if rules.excludes(entry.path, entry.is_folder):
            continue
        if entry.is_link and not root.follow_links:
            found.omissions[LINKS] += entry.is_folder or _looks_like_media(entry.name)
        elif entry.error is not None:
            _note_error(entry, entry.error, found)
        else:
            kept[entry.name] = entry
    return kept


def _note_root_error(root: str, error: OSError, found: Scan) -> None:
    if _is_deleted_file(root, error):
        found.deleted.add(root)
        return
    found.unlisted[root] = _explain(error)
    if isinstance(error, FileNotFoundError):
        found.absent.add(root)


def _note_error(entry: _Entry, error: OSError, found: Scan) -> None:
    if isinstance(error, FileNotFoundError):
        if entry.is_link:  # otherwise the file vanished during the scan
            found.doubtful[entry.path] = "the link has no target"
    elif error.errno != errno.ELOOP:  # a link to itself is ignored
        found.unlisted[entry.path] = _explain(error)


def _explain(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {_LISTING_TIMEOUT_S:g} seconds"
    return describe_error(error)


def _looks_like_media(name: str) -> bool:
    return kind_of(name) is not None or refusal_reason(name) is not None


def _is_deleted_file(root: str, error: OSError) -> bool:
    """Return whether a root was a single file that was deleted: other files are still in its folder."""
    folder = Path(root).parent
    try:
        return kind_of(root) is not None and isinstance(error, FileNotFoundError) and any(folder.iterdir())
    except OSError:
        return False


def _classify_by_name(files: Iterable[_Entry], folder: Mapping[str, _Entry], found: Scan) -> None:
    companions = list_companions(folder)
    for entry in files:
        if is_live_photo_video(entry.name, folder):
            found.omissions[LIVE_PHOTOS] += 1
        elif (reason := refusal_reason(entry.name)) is not None:
            found.refused.append(RefusedFile(entry.stamp, reason))
        elif (kind := kind_of(entry.name)) is not None:
            if entry.is_file:
                sidecar = find_sidecar(entry.name, companions)
                found.candidates.append(Candidate(entry.stamp, kind, _get_mtime_ns(folder, sidecar)))
            else:
                found.refused.append(RefusedFile(entry.stamp, "it is not a regular file"))


def _classify_by_content(files: Iterable[_Entry], found: Scan) -> None:
    """Refuse those files that are media by their content only, as far as their disk replies."""
    unknown = [entry for entry in files if not _looks_like_media(entry.name)]
    if unknown:
        with suppress(TimeoutError):
            found.refused += call_with_timeout(partial(_recognise, unknown), _LISTING_TIMEOUT_S)


def _recognise(files: Iterable[_Entry]) -> list[RefusedFile]:
    reasons = ((entry, describe_unnamed(entry.path)) for entry in files)
    return [RefusedFile(entry.stamp, reason) for entry, reason in reasons if reason is not None]


def _get_mtime_ns(folder: Mapping[str, _Entry], name: str | None) -> int | None:
    return folder[name].stamp.mtime_ns if name is not None and folder[name].is_file else None
