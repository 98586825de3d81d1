"""Difference between the files on disk and the catalogue: the work of a build."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from attune.core.exclusion_rules import ExclusionRules
from attune.core.paths import is_below, is_below_any
from attune.embedding.backbones import Backbone
from attune.embedding.media_facts import FACTS_VERSION
from attune.embedding.media_files import Kind
from attune.indexer.records import KnownFile, Root, SkippedFile, Stamp
from attune.indexer.scan import Candidate, Scan

_FEW = 20
"""A root that held fewer files is taken for unreachable only if none is left."""


@dataclass(slots=True)
class BuildDiff:
    """The work of one build.

    Attributes:
        scan: What is on the disk.
        read: Files to be read: new and changed files, files that another version could not read, and
            unchanged files whose features were computed by another backbone.
        replaced: Path of a changed file to the id of the row that its new row replaces.
        contents: Files of `read` whose content hash is known without reading them.
        other_backbone: Files of `contents` that are unchanged, with features of another backbone than the
            current one.
        kept: Files of `other_backbone` whose features by the current backbone are stored already.
        restored: Files of `contents` that a setting had left out of the library.
        gone: Rows whose files are no longer below the roots.
        moved: Rows below a root that cannot be reached or lost much, whose files were found elsewhere; they
            come back without being read, if their files do.
        left_out: Ids of rows whose files are left out by the settings.
        unchanged: Number of unchanged files.
        known_failures: Files that were skipped before and have not changed since.
        failed_ids: Ids of rows whose files have changed and cannot be used any more.
        missing: Roots and folders whose files are unknown, each with the reason; the rows below them stay.
    """

    scan: Scan
    read: list[Candidate] = field(default_factory=list)
    replaced: dict[str, int] = field(default_factory=dict)
    contents: dict[Candidate, bytes] = field(default_factory=dict)
    other_backbone: set[Candidate] = field(default_factory=set)
    kept: set[Candidate] = field(default_factory=set)
    restored: set[Candidate] = field(default_factory=set)
    gone: list[KnownFile] = field(default_factory=list)
    moved: list[KnownFile] = field(default_factory=list)
    left_out: list[int] = field(default_factory=list)
    unchanged: int = 0
    known_failures: list[SkippedFile] = field(default_factory=list)
    failed_ids: list[int] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)

    @property
    def added(self) -> int:
        """Number of files to be read that are not in the library."""
        return sum(candidate.stamp.path not in self.replaced for candidate in self.read)


@dataclass(frozen=True, slots=True)
class KnownState:
    """What the catalogue knows before a build.

    Attributes:
        files: The files of the library.
        left_out: Files that a setting left out, and that may come back.
        skips: Files that could not be used, with reasons.
    """

    files: Iterable[KnownFile] = ()
    left_out: Iterable[KnownFile] = ()
    skips: Mapping[Stamp, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a build looks at.

    Attributes:
        roots: The folders that are followed.
        rules: What is left out.
        backbones: Backbones of the current network.
        rebuild: Read every file again.
        suspect: Ids of rows whose files are read again.
        emptied: Roots of which somebody said that the files which are not there are gone for good.
    """

    roots: Sequence[Root]
    rules: ExclusionRules
    backbones: Mapping[Kind, Backbone]
    rebuild: bool = False
    suspect: frozenset[int] = frozenset()
    emptied: frozenset[str] = frozenset()


def compare(
    scan: Scan, known: KnownState, scope: Scope, hash_file: Callable[[Candidate], bytes | None]
) -> BuildDiff:
    """Compare the files on disk with the catalogue.

    A file is unchanged if its path, size and modification time are, and that of its sidecar; it is still read
    again if its features were computed by another backbone. A row is removed only if its file is known to be
    gone. Rows stay that are below a folder which could not be listed, and below a root which held files and
    lists none now, or less than half of them: its disk is away, or its files were lost by mistake. Files that
    are found again elsewhere, by their content, are not lost. `BuildDiff.kept` is left empty, since filling
    it needs the catalogue.

    Args:
        scan: The files on disk.
        known: What the catalogue knows.
        scope: What the build looks at.
        hash_file: Returns the content hash of a file, None if it cannot be read. It is called where a root
            lost much, for new files of the size of a lost one.
    """
    rows = {row.stamp.path: row for row in known.files}
    left_out = {row.stamp: row for row in known.left_out}
    diff = BuildDiff(scan)
    found: list[KnownFile] = []
    for candidate in scan.candidates:
        row = rows.pop(candidate.stamp.path, None)
        if row is not None:
            found.append(row)
        reason = None if scope.rebuild else known.skips.get(candidate.stamp)
        if row is not None and reason is None and _is_unchanged(candidate, row, scope, diff):
            diff.unchanged += 1
        elif reason is not None:
            diff.known_failures.append(SkippedFile(candidate.stamp.path, reason))
            diff.failed_ids += [] if row is None else [row.id]
        else:
            diff.read.append(candidate)
            returning = left_out.get(candidate.stamp)
            if row is None and returning is not None:
                diff.contents[candidate] = returning.content
                diff.restored.add(candidate)
    _sort_out_rest(rows.values(), found, scope, hash_file, diff)
    return diff


def _is_unchanged(candidate: Candidate, row: KnownFile, scope: Scope, diff: BuildDiff) -> bool:
    """Return whether nothing need be done about a file; if not, note which row is replaced."""
    is_same = not scope.rebuild and row.id not in scope.suspect and row.stamp == candidate.stamp
    has_features = row.backbone == scope.backbones[candidate.kind].id
    has_facts = (row.sidecar_mtime_ns, row.facts_version) == (candidate.sidecar_mtime_ns, FACTS_VERSION)
    if is_same and has_features and has_facts:
        return True
    diff.replaced[candidate.stamp.path] = row.id
    if is_same:
        diff.contents[candidate] = row.content
        if not has_features:
            diff.other_backbone.add(candidate)
    return False


def _sort_out_rest(
    rows: Iterable[KnownFile],
    found: Sequence[KnownFile],
    scope: Scope,
    hash_file: Callable[[Candidate], bytes | None],
    diff: BuildDiff,
) -> None:
    """Sort out the rows whose files were not found: left out by the settings, kept, or gone."""
    scan = diff.scan
    roots = sorted((root.path for root in scope.roots), key=len, reverse=True)
    given_up = scope.emptied & scan.absent
    diff.missing = {path: why for path, why in scan.unlisted.items() if path not in given_up}
    unlisted = list(diff.missing)
    lost: dict[str, list[KnownFile]] = {}
    for row in rows:
        path = row.stamp.path
        root = _find_root(path, roots)
        if root is None or scope.rules.excludes(path):
            diff.left_out.append(row.id)
        elif root not in scope.emptied and (away := _find_root(path, scan.doubtful)) is not None:
            diff.missing[away] = scan.doubtful[away]
        elif root in scan.absent or not is_below_any(path, unlisted):
            lost.setdefault(root, []).append(row)
    remaining = Counter(_find_root(row.stamp.path, roots) for row in found)
    present = {row.content for row in found if row.stamp.path not in diff.replaced}
    for root, gone in lost.items():
        if root in diff.missing:
            diff.moved += _split_moved(gone, set(), hash_file, diff)[0]
        elif root in scope.emptied | scan.deleted or not _has_lost_much(len(gone), remaining[root]):
            diff.gone += gone
        else:
            moved, unknown = _split_moved(gone, present, hash_file, diff)
            diff.moved += moved
            if _has_lost_much(len(unknown), remaining[root]):
                held, listed = len(unknown) + remaining[root], remaining[root] or "none"
                diff.missing[root] = f"of the {held} files that it held, {listed} can be found now"
            else:
                diff.gone += unknown


def _split_moved(
    gone: Sequence[KnownFile],
    present: set[bytes],
    hash_file: Callable[[Candidate], bytes | None],
    diff: BuildDiff,
) -> tuple[list[KnownFile], list[KnownFile]]:
    """Return the rows whose content is present or found in new files, and the others."""
    sizes = {row.stamp.size for row in gone}
    for candidate in diff.read:
        is_new = candidate.stamp.path not in diff.replaced and candidate not in diff.contents
        if is_new and candidate.stamp.size in sizes and (content := hash_file(candidate)) is not None:
            diff.contents[candidate] = content
    elsewhere = present.union(diff.contents.values())
    moved = [row for row in gone if row.content in elsewhere]
    return moved, [row for row in gone if row.content not in elsewhere]


def _find_root(path: str, roots: Iterable[str]) -> str | None:
    """Return the first root that a path is below; of nested ones the inner, if they are sorted by length."""
    return next((root for root in roots if is_below(path, root)), None)


def _has_lost_much(lost: int, remaining: int) -> bool:
    held = lost + remaining
    return lost > 0 and (remaining == 0 or (held >= _FEW and 2 * lost > held))
