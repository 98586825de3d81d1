"""Building a library: scan, read what is new, write it batch by batch, publish."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from attune.core.errors import LibraryError, MediaError, UsageError, printable
from attune.core.interrupts import interrupts_deferred
from attune.core.paths import absolute
from attune.core.progress import Progress
from attune.embedding.backbones import BACKBONES, Backbone
from attune.embedding.extraction import Extracted
from attune.embedding.media import Kind
from attune.embedding.network import Network
from attune.embedding.workers import Job, Reader, extract_all
from attune.indexer import catalogue, changes, kept
from attune.indexer.dates import date_pictures
from attune.indexer.locks import writing
from attune.indexer.plan import Plan, compare
from attune.indexer.publish import generation_folder, publish
from attune.indexer.records import Generation, Root, Skipped
from attune.indexer.scan import Candidate, scan
from attune.indexer.schema import has_catalogue, open_catalogue, upgrade
from attune.indexer.skips import read_known_skips
from attune.indexer.writer import BatchWriter, reader_version, reader_within_limits

if TYPE_CHECKING:
    from attune.core.settings import Settings

_BATCH = 64  # files a transaction: what a kill may cost
_BATCH_S = 10.0


@dataclass(frozen=True, slots=True)
class Request:
    """What a build is asked to do.

    Attributes:
        library: The library's folder.
        paths: Folders or files to follow from now on; none: refresh those that are followed.
        exclude: Globs left out below `paths`, now and in later builds; None: as in earlier builds.
        follow_links: From now on follow symbolic links below `paths`; where none is named, below all roots.
        rebuild: Read every file again.
        suspect: Rows that are not to be believed: their files are read again.
    """

    library: Path
    paths: tuple[str, ...] = ()
    exclude: tuple[str, ...] | None = None
    follow_links: bool = False
    rebuild: bool = False
    suspect: frozenset[int] = frozenset()


@dataclass(slots=True)
class Report:
    """What a build did.

    Attributes:
        added: New files.
        changed: Files that were read again, for they changed.
        read_again: Files that did not change, read again for features by another backbone.
        kept: Files that did not change, whose features by another backbone were kept from an earlier build.
        moved: Files whose content was known already: moved or copied.
        removed: Files that are gone.
        unchanged: Files that stayed.
        re_embedded: Items that a new network embedded from kept features.
        skipped: Every file that could not be used.
        missing: Roots and folders that could not be listed; what was known below them is kept.
        generation: The generation that is published now.
    """

    added: int = 0
    changed: int = 0
    read_again: int = 0
    kept: int = 0
    moved: int = 0
    removed: int = 0
    unchanged: int = 0
    re_embedded: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    generation: Generation | None = None


def build(
    request: Request, network: Network, settings: Settings, progress: Progress, reader: Reader | None = None
) -> Report:
    """Bring a library up to date and publish it.

    Work is committed in batches under a generation that no reader sees yet. Whatever ends the build
    early, readers keep the last complete generation and the next build continues where this one stopped.

    Args:
        request: What to do.
        network: What embeds.
        settings: How much of the machine it may take.
        progress: Told of each step.
        reader: What reads the files; the worker processes by default.

    Raises:
        UsageError: A path does not exist, or there is none to refresh.
        LibraryError: The library cannot be written, or somebody else is writing it.
    """
    refuse_wrong_paths(request)
    try:
        with writing(request.library):
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
    request: Request, backbones: Mapping[Kind, Backbone] = BACKBONES, settings: Settings | None = None
) -> Plan:
    """Say what a build with a network of these backbones would do, and write nothing.

    Raises:
        UsageError: A path does not exist, or there is none to refresh.
        LibraryError: The library cannot be read.
    """
    refuse_wrong_paths(request)
    engine = open_catalogue(request.library)
    if engine is None:
        return compare(scan(_roots_of(request, []), request.library), [], {}, backbones)
    try:
        with engine.connect() as connection:
            roots = _roots_of(request, catalogue.read_roots(connection))
            before = catalogue.current_generation(connection)
        return _plan(engine, request, roots, _after(before), backbones, settings)
    except DBAPIError as error:
        raise LibraryError(f"{request.library}: its catalogue cannot be read ({error.orig})") from error
    finally:
        engine.dispose()


def refuse_wrong_paths(request: Request) -> None:
    """Raise UsageError where a path does not exist, or there is none to refresh."""
    for path in request.paths:
        if not Path(path).exists():
            raise UsageError(f"{printable(path)}: no such file or folder")
    if not request.paths and not has_catalogue(request.library):
        raise UsageError("name a folder with photos or music: there is no library yet to refresh")


def _after(before: Generation | None) -> int:
    """Return the generation that a build writes."""
    return 1 if before is None else before.id + 1


def _roots_of(request: Request, known: Sequence[Root]) -> list[Root]:
    """Return all roots to follow: the known ones and those of the request, with the request's wishes."""
    roots = {root.path: root for root in known}
    for path in [absolute(path) for path in request.paths] or list(roots):
        before = roots.get(path, Root(path))
        exclude = before.exclude if request.exclude is None else request.exclude
        roots[path] = Root(path, exclude, before.follow_links or request.follow_links)
    return list(roots.values())


def _build(
    engine: Engine, request: Request, network: Network, settings: Settings, progress: Progress, reader: Reader
) -> Report:
    with engine.begin() as connection:
        roots = _roots_of(request, catalogue.read_roots(connection))
        for root in roots:
            changes.write_root(connection, root)
        before = catalogue.current_generation(connection)
    pending = _after(before)
    writer = BatchWriter(engine, request.library, network, pending, settings)

    progress.start("looking for files", None)
    plan = _plan(engine, request, roots, pending, network.backbones, settings)
    progress.finish()

    report = Report(unchanged=plan.unchanged, missing=plan.missing, removed=len(plan.gone))
    writer.retire(plan)
    to_read = plan.read if request.rebuild else _without_copies(plan, writer, progress, report)
    _read(to_read, plan, writer, network, reader, settings, progress, report)
    report.re_embedded, damaged = writer.re_embed(progress)
    if damaged:
        request = replace(request, rebuild=False, suspect=frozenset(damaged))
        plan = _plan(engine, request, roots, pending, network.backbones, settings)
        _read(plan.read, plan, writer, network, reader, settings, progress, report)
    date_pictures(engine, pending, progress)
    writer.complete()

    if before is None or _differs(engine, request.library, before, network, pending):
        progress.start("publishing", None)
        with interrupts_deferred():
            publish(engine, request.library, pending, network)
        progress.finish()
    with engine.connect() as connection:
        report.generation = catalogue.current_generation(connection)
        report.skipped = catalogue.read_skipped(connection)
    return report


def _differs(engine: Engine, library: Path, before: Generation, network: Network, pending: int) -> bool:
    """Say whether the pending generation is another than the one that is published."""
    if (before.network, before.network_source) != (network.id, network.source):
        return True
    with engine.connect() as connection:
        return changes.has_changes(connection, pending) or not generation_folder(library, before.id).is_dir()


def _plan(
    engine: Engine,
    request: Request,
    roots: Sequence[Root],
    pending: int,
    backbones: Mapping[Kind, Backbone],
    settings: Settings | None,
) -> Plan:
    found = scan(roots, request.library)
    with engine.connect() as connection:
        known = changes.read_known(connection, pending)
        skips = read_known_skips(connection, (reader_version(), reader_within_limits(settings)))
        plan = compare(found, known, skips, backbones, rebuild=request.rebuild, suspect=request.suspect)
        if plan.other:
            contents = {kind: kept.kept_contents(connection, one.id) for kind, one in backbones.items()}
            plan.kept = {one for one, content in plan.other.items() if content in contents[one.kind]}
        return plan


def _without_copies(plan: Plan, writer: BatchWriter, progress: Progress, report: Report) -> list[Candidate]:
    """Write the files whose content is known already; return those that must be read."""
    rest: list[Candidate] = []
    progress.start("looking for what is known", len(plan.read))
    for some in catalogue.chunks(plan.read):
        unknown = writer.copy_known(some, plan)
        others = sum(one in plan.other for one in some) - sum(one in plan.other for one in unknown)
        report.kept += others
        report.moved += len(some) - len(unknown) - others
        rest += unknown
        progress.advance(len(some))
    progress.finish()
    return rest


def _read(
    candidates: list[Candidate],
    plan: Plan,
    writer: BatchWriter,
    network: Network,
    reader: Reader,
    settings: Settings,
    progress: Progress,
    report: Report,
) -> None:
    """Read files in the workers and commit them batch by batch; also what is done when interrupted."""
    unchanged = {candidate.stamp.path for candidate in plan.other}
    stamps = {candidate.stamp.path: candidate.stamp for candidate in candidates}
    jobs = (Job(Path(candidate.stamp.path), candidate.kind) for candidate in candidates)
    batch: list[Extracted | MediaError] = []
    committed = time.monotonic()
    progress.start("reading files", len(candidates))
    try:
        with closing(reader(jobs, settings, network.backbones)) as outcomes:
            for outcome in outcomes:
                batch.append(outcome)
                progress.advance()
                if isinstance(outcome, Extracted):
                    path = str(outcome.path)
                    report.added += path not in plan.replaced
                    report.read_again += path in unchanged
                    report.changed += path in plan.replaced and path not in unchanged
                if len(batch) >= _BATCH or time.monotonic() - committed > _BATCH_S:
                    # Out of our hands before it is written: an interrupt here must not write it twice.
                    full, batch = batch, []
                    with interrupts_deferred():
                        writer.commit(full, stamps, plan.replaced)
                    committed = time.monotonic()
    finally:
        with interrupts_deferred():
            writer.commit(batch, stamps, plan.replaced)
        progress.finish()
