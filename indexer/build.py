"""Building a library: scan the folders, read new files, write them batch by batch, publish the result."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from attune.core.errors import LibraryError, MediaError, UsageError, escape_path
from attune.core.paths import absolute_path
from attune.core.progress import Progress
from attune.core.signals import defer_interrupts
from attune.embedding.backbones import DEFAULT_BACKBONES, Backbone
from attune.embedding.decode_pool import ExtractionJob, FeatureExtractor, extract_all
from attune.embedding.feature_extraction import FileFeatures
from attune.embedding.media_files import Kind
from attune.embedding.network import Network
from attune.indexer import catalogue, catalogue_updates, stored_features
from attune.indexer.batch_writer import BatchWriter, reader_version, reader_version_with_limits
from attune.indexer.build_diff import BuildDiff, compare
from attune.indexer.date_backfill import backfill_capture_dates
from attune.indexer.generations import generation_folder, publish
from attune.indexer.locks import acquire_write_lock
from attune.indexer.migrate import has_catalogue, open_catalogue, upgrade
from attune.indexer.records import Generation, Root, SkippedFile
from attune.indexer.scan import Candidate, scan
from attune.indexer.skipped_files import read_known_skips

if TYPE_CHECKING:
    from attune.core.settings import Settings

logger = logging.getLogger(__name__)

_BATCH = 64  # files per transaction; a kill loses at most one batch
_BATCH_S = 10.0


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """Input of a build.

    Attributes:
        library: The library's folder.
        paths: Folders or files to follow from now on; empty: refresh those that are followed already.
        exclude: Globs that are left out below `paths`, in this and later builds; None: as in earlier builds.
        follow_links: Follow symbolic links below `paths` from now on; below all roots if `paths` is empty.
        rebuild: Read every file again.
        suspect: Ids of rows that may be damaged; their files are read again.
    """

    library: Path
    paths: tuple[str, ...] = ()
    exclude: tuple[str, ...] | None = None
    follow_links: bool = False
    rebuild: bool = False
    suspect: frozenset[int] = frozenset()


@dataclass(slots=True)
class BuildReport:
    """Result of a build; the integers are numbers of files.

    Attributes:
        added: New files.
        changed: Files that were read again because they changed.
        read_again: Unchanged files that were read again because the backbone changed.
        kept: Unchanged files whose features by the new backbone were stored in an earlier build.
        moved: Files whose content was known already, since they were moved or copied.
        removed: Files that no longer exist.
        unchanged: Files that did not change.
        re_embedded: Items that a new network embedded from stored features.
        skipped: Every file that could not be used.
        missing: Roots and folders that could not be listed; the items below them are kept.
        generation: The generation that is published after the build.
    """

    added: int = 0
    changed: int = 0
    read_again: int = 0
    kept: int = 0
    moved: int = 0
    removed: int = 0
    unchanged: int = 0
    re_embedded: int = 0
    skipped: list[SkippedFile] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    generation: Generation | None = None


def build(
    request: BuildRequest,
    network: Network,
    settings: Settings,
    progress: Progress,
    reader: FeatureExtractor | None = None,
) -> BuildReport:
    """Bring a library up to date and publish it.

    Results are committed in batches under a generation that no reader sees yet. If the build ends early for
    any reason, readers keep the last complete generation and the next build continues where this one stopped.

    Args:
        request: What to build.
        network: Network that embeds the items.
        settings: Number of worker processes, and limits of time and memory per file.
        progress: Receives the progress of each step.
        reader: Function that reads files and extracts their features; None: the pool of worker processes.

    Raises:
        UsageError: A path does not exist, or there is no path and no library to refresh.
        LibraryError: The library cannot be written, or another build is writing it.
    """
    check_paths(request)
    logger.info(
        "building %s: network %s, %d workers", escape_path(request.library), network.name, settings.workers
    )
    try:
        with acquire_write_lock(request.library):
            engine = catalogue.connect(request.library / catalogue.FILE, writable=True)
            try:
                upgrade(engine, request.library)
                return _build(engine, request, network, settings, progress, reader or extract_all)
            finally:
                engine.dispose()
    except DBAPIError as error:
        raise LibraryError(f"{request.library}: its catalogue cannot be written ({error.orig})") from error
    except OSError as error:
        raise LibraryError(f"{request.library}: cannot be written ({error.strerror or error})") from error


def plan_build(
    request: BuildRequest,
    backbones: Mapping[Kind, Backbone] = DEFAULT_BACKBONES,
    settings: Settings | None = None,
) -> BuildDiff:
    """Return what a build with a network of these backbones would do; nothing is written.

    Args:
        request: What to build.
        backbones: Backbones of the network.
        settings: Limits within which the files would be read; None: those of the environment.

    Raises:
        UsageError: A path does not exist, or there is no path and no library to refresh.
        LibraryError: The library cannot be read.
    """
    check_paths(request)
    engine = open_catalogue(request.library)
    if engine is None:
        return compare(scan(_merge_roots(request, []), request.library), [], {}, backbones)
    try:
        with engine.connect() as connection:
            roots = _merge_roots(request, catalogue.read_roots(connection))
            before = catalogue.current_generation(connection)
        return _compute_diff(engine, request, roots, _next_generation(before), backbones, settings)
    except DBAPIError as error:
        raise LibraryError(f"{request.library}: its catalogue cannot be read ({error.orig})") from error
    finally:
        engine.dispose()


def check_paths(request: BuildRequest) -> None:
    """Raise UsageError if a path does not exist, or if there is no path and no library to refresh."""
    for path in request.paths:
        if not Path(path).exists():
            raise UsageError(f"{escape_path(path)}: no such file or folder")
    if not request.paths and not has_catalogue(request.library):
        raise UsageError("name a folder with photos or music: there is no library yet to refresh")


def _next_generation(before: Generation | None) -> int:
    """Return the id of the generation that a build writes."""
    return 1 if before is None else before.id + 1


def _merge_roots(request: BuildRequest, known: Sequence[Root]) -> list[Root]:
    """Return all roots to follow: the known ones, and those of the request with the request's settings."""
    roots = {root.path: root for root in known}
    for path in [absolute_path(path) for path in request.paths] or list(roots):
        before = roots.get(path, Root(path))
        exclude = before.exclude if request.exclude is None else request.exclude
        roots[path] = Root(path, exclude, before.follow_links or request.follow_links)
    return list(roots.values())


def _build(
    engine: Engine,
    request: BuildRequest,
    network: Network,
    settings: Settings,
    progress: Progress,
    reader: FeatureExtractor,
) -> BuildReport:
    with engine.begin() as connection:
        roots = _merge_roots(request, catalogue.read_roots(connection))
        for root in roots:
            catalogue_updates.write_root(connection, root)
        before = catalogue.current_generation(connection)
    pending = _next_generation(before)
    writer = BatchWriter(engine, request.library, network, pending, settings)

    progress.start("looking for files", None)
    diff = _compute_diff(engine, request, roots, pending, network.backbones, settings)
    progress.finish()

    logger.info(
        "to read: %d files; unchanged: %d; no longer there: %d; known to be unusable: %d",
        len(diff.read),
        diff.unchanged,
        len(diff.removed_ids),
        len(diff.known_failures) + len(diff.refused),
    )
    report = BuildReport(unchanged=diff.unchanged, missing=diff.missing, removed=len(diff.removed_ids))
    writer.remove_missing(diff)
    to_read = diff.read if request.rebuild else _copy_known_files(diff, writer, progress, report)
    _read_files(to_read, diff, writer, network, reader, settings, progress, report)
    report.re_embedded, damaged = writer.re_embed(progress)
    if damaged:
        request = replace(request, rebuild=False, suspect=frozenset(damaged))
        diff = _compute_diff(engine, request, roots, pending, network.backbones, settings)
        _read_files(diff.read, diff, writer, network, reader, settings, progress, report)
    backfill_capture_dates(engine, pending, progress)
    writer.complete()

    if before is None or _differs(engine, request.library, before, network, pending):
        progress.start("publishing", None)
        with defer_interrupts():
            publish(engine, request.library, pending, network)
        progress.finish()
    with engine.connect() as connection:
        report.generation = catalogue.current_generation(connection)
        report.skipped = catalogue.read_skipped(connection)
    return report


def _differs(engine: Engine, library: Path, before: Generation, network: Network, pending: int) -> bool:
    """Return whether the pending generation differs from the published one."""
    if (before.network, before.network_source) != (network.id, network.source):
        return True
    with engine.connect() as connection:
        return (
            catalogue_updates.has_changes(connection, pending)
            or not generation_folder(library, before.id).is_dir()
        )


def _compute_diff(
    engine: Engine,
    request: BuildRequest,
    roots: Sequence[Root],
    pending: int,
    backbones: Mapping[Kind, Backbone],
    settings: Settings | None,
) -> BuildDiff:
    found = scan(roots, request.library)
    with engine.connect() as connection:
        known = catalogue_updates.read_entries(connection, pending)
        skips = read_known_skips(connection, (reader_version(), reader_version_with_limits(settings)))
        diff = compare(found, known, skips, backbones, rebuild=request.rebuild, suspect=request.suspect)
        if diff.other_backbone:
            contents = {
                kind: stored_features.read_kept_contents(connection, backbone.id)
                for kind, backbone in backbones.items()
            }
            diff.kept = {
                candidate
                for candidate, content in diff.other_backbone.items()
                if content in contents[candidate.kind]
            }
        return diff


def _copy_known_files(
    diff: BuildDiff, writer: BatchWriter, progress: Progress, report: BuildReport
) -> list[Candidate]:
    """Write rows for the files whose content is known already; return the files that must be read."""
    rest: list[Candidate] = []
    progress.start("looking for known content", len(diff.read))
    for chunk in catalogue.split_into_chunks(diff.read):
        unknown = writer.copy_known(chunk, diff)
        others = sum(candidate in diff.other_backbone for candidate in chunk) - sum(
            candidate in diff.other_backbone for candidate in unknown
        )
        report.kept += others
        report.moved += len(chunk) - len(unknown) - others
        rest += unknown
        progress.advance(len(chunk))
    progress.finish()
    return rest


def _read_files(
    candidates: list[Candidate],
    diff: BuildDiff,
    writer: BatchWriter,
    network: Network,
    reader: FeatureExtractor,
    settings: Settings,
    progress: Progress,
    report: BuildReport,
) -> None:
    """Read files in the workers and commit them batch by batch, also the last batch before an interrupt."""
    unchanged = {candidate.stamp.path for candidate in diff.other_backbone}
    stamps = {candidate.stamp.path: candidate.stamp for candidate in candidates}
    jobs = (ExtractionJob(Path(candidate.stamp.path), candidate.kind) for candidate in candidates)
    batch: list[FileFeatures | MediaError] = []
    committed = time.monotonic()
    progress.start("reading files", len(candidates))
    try:
        with closing(reader(jobs, settings, network.backbones)) as outcomes:
            for outcome in outcomes:
                batch.append(outcome)
                progress.advance()
                if isinstance(outcome, FileFeatures):
                    path = str(outcome.path)
                    report.added += path not in diff.replaced
                    report.read_again += path in unchanged
                    report.changed += path in diff.replaced and path not in unchanged
                if len(batch) >= _BATCH or time.monotonic() - committed > _BATCH_S:
                    # `batch` is emptied before the write: after an interrupt, `finally` commits `batch`
                    # and must not write the same files twice.
                    full, batch = batch, []
                    with defer_interrupts():
                        writer.commit(full, stamps, diff.replaced)
                    committed = time.monotonic()
    finally:
        with defer_interrupts():
            writer.commit(batch, stamps, diff.replaced)
        progress.finish()
