"""Settings of a library: which folders it follows and what is left out, and changing them.

A change takes effect at once, without a look at the disk: what a setting leaves out goes, and what an earlier
one had left out comes back, from stored features. Files that were never read wait for the next build.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attune.core.errors import LibraryError, NothingPublished
from attune.core.exclusion_rules import ExclusionRules
from attune.core.exclusions import DEFAULT_EXCLUSIONS, IGNORE_FILE, Exclusion, read_ignore_file
from attune.core.library_address import LibraryAddress
from attune.core.paths import is_below_any
from attune.core.reachability import call_with_timeout
from attune.indexer.batch_writer import BatchWriter
from attune.indexer.build_diff import BuildDiff
from attune.indexer.catalogue import Catalogue
from attune.indexer.catalogue_writer import WritableCatalogue, split_into_chunks
from attune.indexer.library_store import open_store, publish
from attune.indexer.records import Generation, KnownFile, Root
from attune.indexer.scan import Candidate, Scan

if TYPE_CHECKING:
    from attune.core.progress import Progress
    from attune.core.settings import Settings
    from attune.embedding.network import Network

_IGNORE_FILES_TIMEOUT_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class LibrarySettings:
    """Which folders a library follows, and what is left out.

    Attributes:
        roots: The folders, in path order.
        exclusions: What is left out, besides what is left out of every library.
    """

    roots: list[Root] = field(default_factory=list)
    exclusions: list[Exclusion] = field(default_factory=list)

    def rules(self) -> ExclusionRules:
        """Return the rules by which files are left out."""
        return ExclusionRules([root.path for root in self.roots], [*DEFAULT_EXCLUSIONS, *self.exclusions])


@dataclass(frozen=True, slots=True)
class SettingsChange:
    """What a change of settings did.

    Attributes:
        before: The settings before.
        after: The settings now.
        left_out: Number of files that are left out now.
        restored: Number of files that came back.
        unread: Number of files that come back with the next build, since the network needs other features.
    """

    before: LibrarySettings
    after: LibrarySettings
    left_out: int
    restored: int
    unread: int


def read_settings(catalogue: Catalogue) -> LibrarySettings:
    """Return the settings of a library."""
    return LibrarySettings(catalogue.roots(), catalogue.exclusions())


def write_settings(catalogue: WritableCatalogue, settings: LibrarySettings) -> None:
    """Replace the settings of a library, inside a transaction; its items are left to the caller."""
    kept = {root.path for root in settings.roots}
    for known in catalogue.roots():
        if known.path not in kept:
            catalogue.remove_root(known.path)
    for root in settings.roots:
        catalogue.write_root(root)
    catalogue.write_exclusions(settings.exclusions)


def next_generation(before: Generation | None) -> int:
    """Return the id of the generation that a build writes."""
    return 1 if before is None else before.id + 1


def change_settings(
    library: LibraryAddress,
    change: Callable[[LibrarySettings], LibrarySettings],
    open_network_of: Callable[[Generation | None], Network],
    settings: Settings,
    progress: Progress,
) -> SettingsChange:
    """Change the settings of a library, and publish what follows from it; no media file is read.

    Args:
        library: Where the library is.
        change: Returns the settings that are wanted, given those that hold.
        open_network_of: Opens the network of a generation.
        settings: Limits within which files are read.
        progress: Receives the progress of each step.

    Raises:
        UsageError: `change` refuses.
        LibraryError: There is no library, it cannot be written, or a build is writing it.
    """
    store = open_store(library)
    if (known := store.open_catalogue()) is None:
        raise NothingPublished(f"{library}: no library here; make one with `attune build-index FOLDER`")
    known.close()
    try:
        with store.lock(), store.create_catalogue() as catalogue:
            store.require_features(catalogue)
            before = read_settings(catalogue)
            after = change(before)
            published = catalogue.current_generation()
            with catalogue.transaction():
                write_settings(catalogue, after)
            if published is None:  # nothing is in the library yet
                return SettingsChange(before, after, 0, 0, 0)
            network = open_network_of(published)
            writer = BatchWriter(catalogue, store.folder, network, published.id + 1, settings)
            left_out, restored, unread = _apply(catalogue, writer, after, published.id + 1)
            if left_out or restored:
                writer.re_embed(progress)
                writer.complete()
                publish(store, catalogue, published.id + 1, network)
            return SettingsChange(before, after, left_out, restored, unread)
    except OSError as error:
        raise LibraryError(f"{library}: cannot be written ({error.strerror or error})") from error


def _apply(
    catalogue: WritableCatalogue, writer: BatchWriter, settings: LibrarySettings, pending: int
) -> tuple[int, int, int]:
    """Leave out and bring back what the settings say; return the numbers left out, restored and unread."""
    rules = settings.rules()
    roots = [root.path for root in settings.roots]

    def belongs(file: KnownFile) -> bool:
        return is_below_any(file.stamp.path, roots) and not rules.excludes(file.stamp.path)

    files = list(catalogue.known_files(pending))
    left_out = [file.id for file in files if not belongs(file)]
    present = {file.stamp.path for file in files}
    absent = [file for file in catalogue.left_out_files() if file.stamp.path not in present]
    _add_ignore_files(rules, [file.stamp.path for file in absent if belongs(file)], roots)
    returning = {
        file.stamp.path: (Candidate(file.stamp, file.kind, file.sidecar_mtime_ns), file.content)
        for file in absent
        if belongs(file)
    }
    diff = BuildDiff(Scan(), contents=dict(returning.values()))
    with catalogue.transaction():
        catalogue.leave_out(left_out, pending)
    unread = 0
    for chunk in split_into_chunks(list(diff.contents)):
        unread += len(writer.copy_known(chunk, diff)[0])
    return len(left_out), len(returning) - unread, unread


def _add_ignore_files(rules: ExclusionRules, paths: Iterable[str], roots: list[str]) -> None:
    """Add the `.attuneignore` files that concern some files, as far as their disks reply."""
    folders: set[str] = set()
    for path in paths:
        folder = os.path.dirname(path)  # noqa: PTH120 - paths are text here
        while folder not in folders and is_below_any(folder, roots):
            folders.add(folder)
            folder = os.path.dirname(folder)  # noqa: PTH120

    def read_all() -> list[Exclusion]:
        found = []
        for folder in sorted(folders):
            with suppress(OSError):
                found += read_ignore_file(str(Path(folder, IGNORE_FILE)))
        return found

    with suppress(TimeoutError):
        rules.add(call_with_timeout(read_all, _IGNORE_FILES_TIMEOUT_S))
