"""Difference between the files on disk and the catalogue: the work of a build."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from attune.core.paths import is_below_any
from attune.embedding.backbones import Backbone
from attune.embedding.media_files import Kind
from attune.indexer.records import KnownFile, SkippedFile, Stamp
from attune.indexer.scan import Candidate, RefusedFile, Scan


@dataclass(slots=True)
class BuildDiff:
    """The work of one build.

    Attributes:
        read: Files to be read: new and changed files, files that another version could not read, and
            unchanged files whose features were computed by another backbone.
        replaced: Path of a changed file to the id of the row that its new row replaces.
        other_backbone: Unchanged files of `read`, with their content hash, whose features were computed by
            another backbone than the current one.
        kept: Files of `other_backbone` whose features by the current backbone are stored already.
        removed_ids: Ids of rows whose files are no longer below the roots.
        unchanged: Number of unchanged files.
        known_failures: Files that were skipped before and have not changed since.
        refused: Files in formats that are not read.
        missing: Folders that could not be listed, so that the files below them are unknown.
    """

    read: list[Candidate] = field(default_factory=list)
    replaced: dict[str, int] = field(default_factory=dict)
    other_backbone: dict[Candidate, bytes] = field(default_factory=dict)
    kept: set[Candidate] = field(default_factory=set)
    removed_ids: list[int] = field(default_factory=list)
    unchanged: int = 0
    known_failures: list[SkippedFile] = field(default_factory=list)
    refused: list[RefusedFile] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def added(self) -> int:
        """Number of files to be read that are not in the library."""
        return sum(candidate.stamp.path not in self.replaced for candidate in self.read)


def compare(
    scan: Scan,
    known: Iterable[KnownFile],
    skips: dict[Stamp, str],
    backbones: Mapping[Kind, Backbone],
    *,
    rebuild: bool = False,
    suspect: frozenset[int] = frozenset(),
) -> BuildDiff:
    """Compare the files on disk with the catalogue.

    A file is unchanged if its path, size and modification time are; it is still read again if its features
    were computed by another backbone. A row is removed only if its file is known to be gone: rows below a
    folder that could not be listed (an unplugged disk) stay. `BuildDiff.kept` is left empty, since filling
    it needs the catalogue.

    Args:
        scan: The files on disk.
        known: The rows of the library.
        skips: Files that could not be used, with reasons.
        backbones: Backbones of the current network.
        rebuild: Read every file again.
        suspect: Ids of rows whose files are read again.
    """
    rows = {row.stamp.path: row for row in known}
    diff = BuildDiff(refused=scan.refused, missing=scan.missing)
    for candidate in scan.candidates:
        row = rows.pop(candidate.stamp.path, None)
        is_unchanged = (
            row is not None and not rebuild and row.id not in suspect and row.stamp == candidate.stamp
        )
        if row is not None:
            if is_unchanged and row.backbone == backbones[candidate.kind].id:
                diff.unchanged += 1
                continue
            diff.replaced[candidate.stamp.path] = row.id
        reason = skips.get(candidate.stamp)
        if reason is not None and not rebuild:
            diff.known_failures.append(SkippedFile(candidate.stamp.path, reason))
            continue
        diff.read.append(candidate)
        if row is not None and is_unchanged:
            diff.other_backbone[candidate] = row.content
    known_failures = {skip.path for skip in diff.known_failures}
    diff.removed_ids = [row.id for path, row in rows.items() if not is_below_any(path, scan.missing)]
    diff.removed_ids += [row for path, row in diff.replaced.items() if path in known_failures]
    return diff
