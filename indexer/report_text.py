"""Texts about builds and libraries, as lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from attune.core.errors import escape_path, escape_text
from attune.core.exclusions import describe_exclusion

if TYPE_CHECKING:
    from attune.core.paths import PathFormat
    from attune.indexer.build import BuildReport
    from attune.indexer.build_diff import BuildDiff
    from attune.indexer.records import Root, SkippedFile
    from attune.indexer.verify import Damage

_FEW: Final = 3
_MAX_LISTED: Final = 10  # files of one reason, in the report of a build
_MAX_DAMAGE: Final = 50
ALL: Final = 1 << 62


def count_files(count: int) -> str:
    """Return a number of files in words: "1 file", "12 files"."""
    return f"{count} file{'' if count == 1 else 's'}"


def describe_absence(root: Root) -> str:
    """Return what follows the path of a root that cannot be reached; nothing for any other."""
    return "" if root.unreachable is None else f", cannot be reached: {escape_text(root.unreachable)}"


def iter_damage(damage: Sequence[Damage]) -> Iterator[str]:
    """Yield a line for each damaged part of a library, up to a limit, and the number of the others."""
    for one in damage[:_MAX_DAMAGE]:
        where = one.part if one.path is None else f"{one.part}: {escape_path(one.path)}"
        yield f"{where}: {escape_text(one.detail)}"
    if len(damage) > _MAX_DAMAGE:
        yield f"and {len(damage) - _MAX_DAMAGE} more"


def render_plan(diff: BuildDiff) -> str:
    """Return what a build would do, in one line."""
    again = len(diff.other_backbone) - len(diff.kept)
    known = len(diff.contents) - len(diff.other_backbone)
    changed = len(diff.read) - diff.added - len(diff.other_backbone)
    for_another = f", {again} for another backbone" if again else ""
    from_kept = f"embed {len(diff.kept) + known} from stored features, " if len(diff.kept) + known else ""
    removed = len(diff.gone) + len(diff.failed_ids) + len(diff.moved) + len(diff.left_out)
    return (
        f"Would read {len(diff.read) - len(diff.kept) - known} files ({diff.added} new, {changed} changed"
        f"{for_another}), {from_kept}remove {removed} from the library; "
        f"{diff.unchanged} are unchanged; "
        f"{len(diff.known_failures) + len(diff.scan.refused)} cannot be used."
    )


def render_counts(report: BuildReport) -> str:
    """Return what a build did, in one line."""
    parts = [
        f"{count} {name}"
        for count, name in (
            (report.added, "new"),
            (report.changed, "changed"),
            (report.read_again, "read again for another backbone"),
            (report.kept, "from stored features"),
            (report.restored, "back from being left out"),
            (report.renamed, "renamed"),
            (report.copied, "copies of known files"),
            (report.removed, "gone"),
            (report.left_out, "left out"),
            (report.unchanged, "unchanged"),
            (report.re_embedded, "embedded again"),
        )
        if count
    ]
    assert report.generation is not None
    return f"{', '.join(parts) or 'nothing to do'}; generation {report.generation.id}"


def iter_warnings(report: BuildReport, format_path: PathFormat) -> Iterator[str]:
    """Yield what is worth knowing about a build: what is away, left out or skipped."""
    for one in report.new_exclusions:
        nothing = "; matches nothing here" if one in report.unused_exclusions else ""
        yield f"{describe_exclusion(one, format_path)}: left out from now on{nothing}"
    yield from iter_missing(report.missing, format_path)
    new = report.new_skips
    if new:
        yield f"{count_files(len(new))} {'were' if len(new) > 1 else 'was'} skipped:"
        yield from iter_skips(new, format_path, _MAX_LISTED)
    if before := len(report.skipped) - len(new):
        is_are = "are" if before > 1 else "is"
        yield f"{count_files(before)} {is_are} skipped as before; `attune status --skipped` lists them"


def iter_missing(missing: Mapping[str, str], format_path: PathFormat) -> Iterator[str]:
    """Yield a line about each folder whose files are unknown."""
    for path, reason in missing.items():
        why = escape_text(reason)
        yield f"{format_path(path)}: cannot be reached ({why}); the files known below it are kept"
    if missing:
        yield "If they are gone for good, say so with `attune build-index --accept-empty FOLDER`."


def iter_skips(skips: Iterable[SkippedFile], format_path: PathFormat, most: int = ALL) -> Iterator[str]:
    """Yield lines about skipped files, grouped by reason.

    Args:
        skips: The files.
        format_path: How paths are shown.
        most: Largest number of files to list of each reason that concerns many.
    """
    groups: dict[str, list[SkippedFile]] = {}
    for skip in skips:
        groups.setdefault(skip.reason.partition(": ")[0], []).append(skip)
    for name, group in sorted(groups.items(), key=lambda item: len(item[1])):
        if len(group) <= _FEW:
            yield from (f"  {format_path(skip.path)}: {escape_text(skip.reason)}" for skip in group)
        else:
            yield from _iter_group(name, group, format_path, most)


def _iter_group(name: str, group: Sequence[SkippedFile], format_path: PathFormat, most: int) -> Iterator[str]:
    reasons = {skip.reason for skip in group}
    yield f"  {len(group)} files: {escape_text(reasons.pop() if len(reasons) == 1 else name)}"
    for skip in group[:most]:
        detail = skip.reason.partition(": ")[2] if reasons else ""
        yield f"    {format_path(skip.path)}{': ' if detail else ''}{escape_text(detail)}"
    if len(group) > most:
        yield f"    and {len(group) - most} more"
