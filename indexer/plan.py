"""What a build has to do: the disk compared with the catalogue."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from core.paths import is_below_any
from embedding.backbones import BACKBONES
from indexer.changes import Known
from indexer.records import Skipped, Stamp
from indexer.scan import Candidate, Refused, Scan


@dataclass(slots=True)
class Plan:
    """The work of one build.

    Attributes:
        read: Files to be read: new, changed, or never understood before.
        replaced: For a changed file's path, the row that its new row replaces.
        gone: Rows whose files are not below the roots any more.
        unchanged: How many files stay as they are.
        hopeless: Files that were skipped before and have not changed since.
        refused: Files of a sort that is not read.
        missing: Folders that could not be listed: nothing is known of what lies below.
    """

    read: list[Candidate] = field(default_factory=list)
    replaced: dict[str, int] = field(default_factory=dict)
    gone: list[int] = field(default_factory=list)
    unchanged: int = 0
    hopeless: list[Skipped] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def added(self) -> int:
        """How many files will be read that the library does not know."""
        return sum(candidate.stamp.path not in self.replaced for candidate in self.read)


def compare(
    scan: Scan,
    known: Iterable[Known],
    skips: dict[Stamp, str],
    *,
    rebuild: bool = False,
    suspect: frozenset[int] = frozenset(),
) -> Plan:
    """Compare what is on disk with what is in the catalogue.

    A file is unchanged if path, size and modification time are; its features must be of today's backbone.
    A row goes only when its file is known to be gone: what lies below a folder that
    could not be listed (an unplugged disk) stays.

    Args:
        scan: What is on disk.
        known: The rows of the library.
        skips: Files that were given up, with reasons.
        rebuild: Read every file again.
        suspect: Rows whose files are read again.
    """
    rows = {row.stamp.path: row for row in known}
    plan = Plan(refused=scan.refused, missing=scan.missing)
    for candidate in scan.candidates:
        row = rows.pop(candidate.stamp.path, None)
        if row is not None:
            if not rebuild and row.id not in suspect and _is_current(row, candidate):
                plan.unchanged += 1
                continue
            plan.replaced[candidate.stamp.path] = row.id
        reason = skips.get(candidate.stamp)
        if reason is not None and not rebuild:
            plan.hopeless.append(Skipped(candidate.stamp.path, reason))
        else:
            plan.read.append(candidate)
    hopeless = {skip.path for skip in plan.hopeless}
    plan.gone = [row.id for path, row in rows.items() if not is_below_any(path, scan.missing)]
    plan.gone += [row for path, row in plan.replaced.items() if path in hopeless]
    return plan


def _is_current(row: Known, candidate: Candidate) -> bool:
    return row.stamp == candidate.stamp and row.backbone == BACKBONES[candidate.kind].id
