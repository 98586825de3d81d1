"""Building a library: scan the folders, read new files, write them batch by batch, publish the result."""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from attune.core.errors import LibraryError, MediaError, UsageError, escape_path
from attune.core.exclusion_argument import resolve_exclusion
from attune.core.exclusions import Exclusion
from attune.core.library_address import LibraryAddress
from attune.core.paths import absolute_path
from attune.core.progress import Progress
from attune.core.signals import defer_interrupts
from attune.embedding.backbones import DEFAULT_BACKBONES, Backbone
from attune.embedding.decode_pool import ExtractionJob, FeatureExtractor, extract_all
from attune.embedding.feature_extraction import FileFeatures
from attune.embedding.media_files import Kind
from attune.embedding.network import DEFAULT_NETWORK, Network, open_network
from attune.indexer.batch_writer import (
    BatchWriter,
    hash_candidate,
    reader_version,
    reader_version_with_limits,
)
from attune.indexer.build_diff import BuildDiff, KnownState, Scope, compare
from attune.indexer.catalogue import Catalogue
from attune.indexer.catalogue_writer import WritableCatalogue, split_into_chunks
from attune.indexer.folder_store import FolderStore
from attune.indexer.library_settings import LibrarySettings, next_generation, read_settings, write_settings
from attune.indexer.library_store import LibraryStore, open_store, publish
from attune.indexer.reconnection import keep_building
from attune.indexer.records import Generation, Root, SkippedFile
from attune.indexer.scan import Candidate, scan
from attune.indexer.sqlite_catalogue import OlderLibrary

if TYPE_CHECKING:
    from attune.core.settings import Settings

logger = logging.getLogger(__name__)

_BATCH = 64  # files per transaction; a kill loses at most one batch
_BATCH_S = 10.0


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """Input of a build.

    Attributes:
        library: Where the library is.
        paths: Folders or files to follow from now on; empty: refresh those that are followed already.
        exclude: Paths and patterns to leave out from now on, besides what is left out already.
        follow_links: Follow symbolic links below `paths` from now on; below all roots if `paths` is empty.
        rebuild: Read every file again.
        suspect: Ids of rows that may be damaged; their files are read again.
        accept_empty: Believe that the files which cannot be found below `paths` are gone, however many they
            are; below all roots if `paths` is empty.
    """

    library: LibraryAddress
    paths: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    follow_links: bool = False
    rebuild: bool = False
    suspect: frozenset[int] = frozenset()
    accept_empty: bool = False


@dataclass(slots=True)
class BuildReport:
    """Result of a build; the integers are numbers of files.

    Attributes:
        added: New files.
        changed: Files that were read again because they changed.
        read_again: Unchanged files that were read again because the backbone changed.
        kept: Unchanged files whose features by the new backbone were stored in an earlier build.
        renamed: Files that were renamed or moved.
        copied: New files whose content was known already.
        restored: Files that came back from being left out, with their features.
        removed: Files that no longer exist.
        left_out: Files that are left out from now on.
        unchanged: Files that did not change; also those that have a new modification time or sidecar only.
        re_embedded: Items that a new network embedded from stored features.
        skipped: Every file that could not be used.
        new_skips: Those of them that were not skipped before, for the same reason.
        missing: Roots and folders whose files are unknown, with reasons; the items below them are kept.
        new_exclusions: What the request left out.
        unused_exclusions: Those of them that matched nothing.
        generation: The generation that is published after the build.
    """

    added: int = 0
    changed: int = 0
    read_again: int = 0
    kept: int = 0
    renamed: int = 0
    copied: int = 0
    restored: int = 0
    removed: int = 0
    left_out: int = 0
    unchanged: int = 0
    re_embedded: int = 0
    skipped: list[SkippedFile] = field(default_factory=list)
    new_skips: list[SkippedFile] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    new_exclusions: list[Exclusion] = field(default_factory=list)
    unused_exclusions: list[Exclusion] = field(default_factory=list)
    generation: Generation | None = None


class BuildSession:
    """A library that is locked and open for one build; see `open_build`.

    Args:
        store: Where the library is kept.
        catalogue: The library's catalogue.
        request: What to build.
    """

    def __init__(self, store: LibraryStore, catalogue: WritableCatalogue, request: BuildRequest) -> None:
        self._store = store
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
                self._store,
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
    store = open_store(request.library)
    with ExitStack() as opened:
        _check_paths(request, store)
        try:
            opened.enter_context(store.lock())
            catalogue, request = _open_catalogue(request, store)
        except OSError as error:
            raise _explain_write_error(request.library, error) from error
        opened.enter_context(catalogue)
        if catalogue.has_generations():
            catalogue.published_generation()  # in an unfinished copy, a build would mix up the generations
        if not request.paths and not catalogue.roots():
            raise _no_library()
        store.require_features(catalogue)
        yield BuildSession(store, catalogue, request)


def _open_catalogue(request: BuildRequest, store: LibraryStore) -> tuple[WritableCatalogue, BuildRequest]:
    try:
        return store.create_catalogue(), request
    except OlderLibrary:
        if not request.rebuild or not isinstance(store, FolderStore):
            raise
    return store.convert_catalogue(), replace(request, rebuild=False)


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

    def run() -> BuildReport:
        with open_build(request) as session:
            return session.run(network, settings, progress, reader)

    return keep_building(run)


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
    store = open_store(request.library)
    _check_paths(request, store)
    catalogue = store.open_catalogue()
    if catalogue is None:
        if not request.paths:
            raise _no_library()
        settings_of_library = _merge(request, LibrarySettings([], []))
        scope = _make_scope(request, settings_of_library, backbones)
        return compare(scan(scope.roots, store.folder, scope.rules), KnownState(), scope, hash_candidate)
    with catalogue:
        scope = _make_scope(request, _merge(request, read_settings(catalogue)), backbones)
        pending = next_generation(catalogue.current_generation())
        return _compute_diff(catalogue, store, scope, pending, settings)


def _check_paths(request: BuildRequest, store: LibraryStore) -> None:
    """Refuse paths that do not exist, unless the library follows them: their disk may be away.

    Without any path, there must be a library to refresh.
    """
    unknown = [path for path in request.paths if not Path(path).exists()]
    if not request.paths and not store.exists():
        raise _no_library()
    catalogue = store.open_catalogue() if unknown else None
    followed: set[str] = set()
    if catalogue is not None:
        with catalogue:
            followed = {root.path for root in catalogue.roots()}
    for path in unknown:
        if absolute_path(path) not in followed:
            raise UsageError(f"{escape_path(path)}: no such file or folder")


def _no_library() -> UsageError:
    return UsageError("name a folder with photos or music: there is no library yet to refresh")


def _explain_write_error(library: LibraryAddress, error: OSError) -> LibraryError:
    return LibraryError(f"{library}: cannot be written ({error.strerror or error})")


def _merge(request: BuildRequest, known: LibrarySettings) -> LibrarySettings:
    """Return the settings of a library, with the roots and exclusions of a request."""
    roots = {root.path: root for root in known.roots}
    for path in [absolute_path(path) for path in request.paths] or list(roots):
        before = roots.get(path, Root(path))
        roots[path] = replace(before, follow_links=before.follow_links or request.follow_links)
    given = [resolve_exclusion(text, list(roots), absolute_path(os.curdir)) for text in request.exclude]
    return LibrarySettings(list(roots.values()), list(dict.fromkeys([*known.exclusions, *given])))


def _make_scope(
    request: BuildRequest, settings: LibrarySettings, backbones: Mapping[Kind, Backbone]
) -> Scope:
    named = [absolute_path(path) for path in request.paths] or [root.path for root in settings.roots]
    return Scope(
        settings.roots,
        settings.rules(),
        backbones,
        request.rebuild,
        request.suspect,
        frozenset(named if request.accept_empty else ()),
    )


def _build(
    store: LibraryStore,
    catalogue: WritableCatalogue,
    before: Generation | None,
    request: BuildRequest,
    network: Network,
    settings: Settings,
    progress: Progress,
    reader: FeatureExtractor,
) -> BuildReport:
    known = read_settings(catalogue)
    wanted = _merge(request, known)
    with catalogue.transaction():
        write_settings(catalogue, wanted)
    pending = next_generation(before)
    writer = BatchWriter(catalogue, store.folder, network, pending, settings)

    progress.start("looking for files", None)
    scope = _make_scope(request, wanted, network.backbones)
    diff = _compute_diff(catalogue, store, scope, pending, settings)
    progress.finish()
    with catalogue.transaction():
        write_settings(catalogue, replace(wanted, roots=[_update_root(root, diff) for root in wanted.roots]))
        catalogue.write_omissions(diff.scan.omissions)

    logger.info(
        "to read: %d files; unchanged: %d; no longer there: %d; known to be unusable: %d",
        len(diff.read),
        diff.unchanged,
        len(diff.gone),
        len(diff.known_failures) + len(diff.scan.refused),
    )
    report = BuildReport(unchanged=diff.unchanged, missing=diff.missing, left_out=len(diff.left_out))
    report.removed = len(diff.gone) + len(diff.moved)
    report.new_exclusions = [one for one in wanted.exclusions if one not in known.exclusions]
    report.unused_exclusions = [one for one in report.new_exclusions if one in scope.rules.unused()]
    skipped_before = set(catalogue.skipped())
    writer.remove_missing(diff)
    to_read = diff.read if request.rebuild else _copy_known_files(diff, writer, progress, report)
    _read_files(to_read, diff, writer, network, reader, settings, progress, report)
    report.re_embedded, damaged = writer.re_embed(progress)
    if damaged:
        scope = replace(scope, rebuild=False, suspect=frozenset(damaged))
        diff = _compute_diff(catalogue, store, scope, pending, settings)
        _read_files(diff.read, diff, writer, network, reader, settings, progress, report)
    writer.complete()

    if before is None or _differs(catalogue, store, before, network, pending):
        progress.start("publishing", None)
        publish(store, catalogue, pending, network)
        progress.finish()
    report.generation = catalogue.current_generation()
    report.skipped = catalogue.skipped()
    report.new_skips = [skip for skip in report.skipped if skip not in skipped_before]
    return report


def _update_root(root: Root, diff: BuildDiff) -> Root:
    """Return a root with what the scan found out about it."""
    root = replace(root, unreachable=diff.missing.get(root.path))
    if root.path in diff.scan.unlisted:
        return root
    away = diff.missing.keys() & set(root.mounts)
    return replace(root, mounts=tuple(sorted({*diff.scan.mounts.get(root.path, ()), *away})))


def _differs(
    catalogue: WritableCatalogue, store: LibraryStore, before: Generation, network: Network, pending: int
) -> bool:
    """Return whether the pending generation differs from the published one."""
    if (before.network, before.network_source) != (network.id, network.source):
        return True
    return catalogue.has_changes(pending) or not store.has_index(before)


def _compute_diff(
    catalogue: Catalogue, store: LibraryStore, scope: Scope, pending: int, settings: Settings | None
) -> BuildDiff:
    found = scan(scope.roots, store.folder, scope.rules)
    skips = catalogue.known_skips((reader_version(), reader_version_with_limits(settings)))
    known = KnownState(catalogue.known_files(pending), catalogue.left_out_files(), skips)
    diff = compare(found, known, scope, hash_candidate)
    if diff.other_backbone:
        contents = {kind: catalogue.kept_contents(one.id) for kind, one in scope.backbones.items()}
        diff.kept = {one for one in diff.other_backbone if diff.contents[one] in contents[one.kind]}
    return diff


def _copy_known_files(
    diff: BuildDiff, writer: BatchWriter, progress: Progress, report: BuildReport
) -> list[Candidate]:
    """Write rows for the files whose content is known already; return the files that must be read."""
    rest: list[Candidate] = []
    gone = Counter(row.content for row in [*diff.gone, *diff.moved])
    progress.start("looking for known content", len(diff.read))
    for chunk in split_into_chunks(diff.read):
        unknown, contents = writer.copy_known(chunk, diff)
        for candidate, content in contents.items():
            _count_copy(candidate, content, diff, gone, report)
        rest += unknown
        progress.advance(len(chunk))
    progress.finish()
    return rest


def _count_copy(
    candidate: Candidate, content: bytes, diff: BuildDiff, gone: Counter[bytes], report: BuildReport
) -> None:
    """Count a file of known content as what happened to it; a renamed one is not also gone."""
    if candidate in diff.other_backbone:
        report.kept += 1
    elif candidate.stamp.path in diff.replaced:
        report.unchanged += 1
    elif gone[content] > 0:
        gone[content] -= 1
        report.renamed += 1
        report.removed -= 1
    elif candidate in diff.restored:
        report.restored += 1
    else:
        report.copied += 1


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
