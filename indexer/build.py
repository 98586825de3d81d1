"""Building a library: scan the folders, read new files, write them batch by batch, publish the result."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from attune.core.errors import LibraryError, MediaError, UsageError, escape_path
from attune.core.paths import absolute_path
from attune.core.progress import Progress
from attune.core.signals import defer_interrupts
from attune.embedding.backbones import DEFAULT_BACKBONES, Backbone
from attune.embedding.decode_pool import ExtractionJob, FeatureExtractor, extract_all
from attune.embedding.feature_extraction import FileFeatures
from attune.embedding.media_files import Kind
from attune.embedding.network import DEFAULT_NETWORK, Network, open_network
from attune.indexer.batch_writer import BatchWriter, reader_version, reader_version_with_limits
from attune.indexer.build_diff import BuildDiff, compare
from attune.indexer.catalogue import FILE, Catalogue, OlderLibrary
from attune.indexer.catalogue_writer import WritableCatalogue, split_into_chunks
from attune.indexer.generations import generation_folder, publish
from attune.indexer.locks import acquire_write_lock
from attune.indexer.records import Generation, Root, SkippedFile
from attune.indexer.scan import Candidate, scan

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


class BuildSession:
    """A library that is locked and open for one build; see `open_build`.

    Args:
        catalogue: The library's catalogue.
        request: What to build.
    """

    def __init__(self, catalogue: WritableCatalogue, request: BuildRequest) -> None:
        self._catalogue = catalogue
        self._request = request
        self.published = catalogue.current_generation()
        """The generation that readers see; None before the first build is published."""

    def count_missing_features(self, backbones: Mapping[Kind, Backbone]) -> int:
        """Return how many items have no stored features by backbones, so that their files must be read."""
        if self.published is None:
            return 0
        return sum(
            self._catalogue.count_missing_features(self.published.id, kind, backbone.id)
            for kind, backbone in backbones.items()
        )

    def run(
        self,
        network: Network,
        settings: Settings,
        progress: Progress,
        reader: FeatureExtractor | None = None,
    ) -> BuildReport:
        """Bring the library up to date and publish it; `build` has the arguments and errors."""
        logger.info(
            "building %s: network %s, %d workers",
            escape_path(self._request.library),
            network.name,
            settings.workers,
        )
        try:
            return _build(
                self._catalogue,
                self.published,
                self._request,
                network,
                settings,
                progress,
                reader or extract_all,
            )
        except OSError as error:
            raise _explain_write_error(self._request.library, error) from error


def open_network_of(published: Generation | None) -> Network:
    """Return the network of a generation; the default one before the first build is published."""
    return open_network(DEFAULT_NETWORK if published is None else published.network_source)


@contextmanager
def open_build(request: BuildRequest) -> Iterator[BuildSession]:
    """Lock a library and open it for a build; a new library is made.

    With `request.rebuild`, a library of an older version of Attune is converted in place of being read again.

    Raises:
        UsageError: A path does not exist, or there is no path and no library to refresh.
        LibraryError: The library cannot be written, or another build is writing it.
    """
    _check_paths(request)
    if not request.paths and not (request.library / FILE).exists():
        raise _no_library()
    with ExitStack() as opened:
        try:
            opened.enter_context(acquire_write_lock(request.library))
            catalogue, request = _open_catalogue(request)
        except OSError as error:
            raise _explain_write_error(request.library, error) from error
        opened.enter_context(catalogue)
        if not request.paths and not catalogue.roots():
            raise _no_library()
        yield BuildSession(catalogue, request)


def _open_catalogue(request: BuildRequest) -> tuple[WritableCatalogue, BuildRequest]:
    try:
        return WritableCatalogue.create(request.library), request
    except OlderLibrary:
        if not request.rebuild:
            raise
    return WritableCatalogue.convert(request.library), replace(request, rebuild=False)


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
    with open_build(request) as session:
        return session.run(network, settings, progress, reader)


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
    _check_paths(request)
    catalogue = Catalogue.open(request.library)
    if catalogue is None:
        if not request.paths:
            raise _no_library()
        return compare(scan(_merge_roots(request, []), request.library), [], {}, backbones)
    with catalogue:
        roots = _merge_roots(request, catalogue.roots())
        pending = _next_generation(catalogue.current_generation())
        return _compute_diff(catalogue, request, roots, pending, backbones, settings)


def _check_paths(request: BuildRequest) -> None:
    for path in request.paths:
        if not Path(path).exists():
            raise UsageError(f"{escape_path(path)}: no such file or folder")


def _no_library() -> UsageError:
    return UsageError("name a folder with photos or music: there is no library yet to refresh")


def _explain_write_error(library: Path, error: OSError) -> LibraryError:
    return LibraryError(f"{library}: cannot be written ({error.strerror or error})")


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
    catalogue: WritableCatalogue,
    before: Generation | None,
    request: BuildRequest,
    network: Network,
    settings: Settings,
    progress: Progress,
    reader: FeatureExtractor,
) -> BuildReport:
    roots = _merge_roots(request, catalogue.roots())
    with catalogue.transaction():
        for root in roots:
            catalogue.write_root(root)
    pending = _next_generation(before)
    writer = BatchWriter(catalogue, request.library, network, pending, settings)

    progress.start("looking for files", None)
    diff = _compute_diff(catalogue, request, roots, pending, network.backbones, settings)
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
        diff = _compute_diff(catalogue, request, roots, pending, network.backbones, settings)
        _read_files(diff.read, diff, writer, network, reader, settings, progress, report)
    writer.complete()

    if before is None or _differs(catalogue, request.library, before, network, pending):
        progress.start("publishing", None)
        with defer_interrupts():
            publish(catalogue, request.library, pending, network)
        progress.finish()
    report.generation = catalogue.current_generation()
    report.skipped = catalogue.skipped()
    return report


def _differs(
    catalogue: WritableCatalogue, library: Path, before: Generation, network: Network, pending: int
) -> bool:
    """Return whether the pending generation differs from the published one."""
    if (before.network, before.network_source) != (network.id, network.source):
        return True
    return catalogue.has_changes(pending) or not generation_folder(library, before.id).is_dir()


def _compute_diff(
    catalogue: Catalogue,
    request: BuildRequest,
    roots: Sequence[Root],
    pending: int,
    backbones: Mapping[Kind, Backbone],
    settings: Settings | None,
) -> BuildDiff:
    found = scan(roots, request.library)
    known = catalogue.known_files(pending)
    skips = catalogue.known_skips((reader_version(), reader_version_with_limits(settings)))
    diff = compare(found, known, skips, backbones, rebuild=request.rebuild, suspect=request.suspect)
    if diff.other_backbone:
        contents = {kind: catalogue.kept_contents(backbone.id) for kind, backbone in backbones.items()}
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
    for chunk in split_into_chunks(diff.read):
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
