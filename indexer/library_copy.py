"""Copying a whole library from one place to another, be it a folder or a database."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attune.core.errors import DamagedLibrary, LibraryError, ReadOnlyLibrary, UsageError, escape_path
from attune.core.library_address import LibraryAddress
from attune.core.progress import Progress
from attune.indexer.catalogue import Catalogue, PagedTable
from attune.indexer.feature_store import COPIED_PART_BYTES, copy_feature_file, list_feature_files
from attune.indexer.library_store import LibraryStore, open_store
from attune.indexer.records import Generation
from attune.indexer.verify import Damage, Findings, verify

if TYPE_CHECKING:  # it imports SQLAlchemy
    from attune.indexer.catalogue_writer import WritableCatalogue

logger = logging.getLogger(__name__)

_PAGE: Final = 5000  # rows in memory, and per transaction; a kill loses at most one
_PAGED: Final[tuple[PagedTable, ...]] = ("items", "embeddings")  # in an order that foreign keys allow


@dataclass(frozen=True, slots=True)
class CopyReport:
    """Result of a copy.

    Attributes:
        generation: The published generation, of both libraries.
        rows: Number of rows of items and embeddings that were written.
        feature_bytes: Number of bytes of features that were written.
        was_complete: Whether the copy was there already, so that nothing was written.
        findings: What a check of the copy found.
    """

    generation: Generation
    rows: int
    feature_bytes: int
    was_complete: bool
    findings: Findings


class _SourceChanged(LibraryError):  # noqa: N818 - named after the condition
    """Another user wrote the source during the copy."""


@dataclass(frozen=True, slots=True)
class _Source:
    """The library that is copied.

    Attributes:
        store: Where it is kept.
        catalogue: Its catalogue.
        generation: Its published generation.
        sums: The sums of its tables, before anything was copied.
        locked: Whether nobody else can write it; not where this user may not write it either.
    """

    store: LibraryStore
    catalogue: Catalogue
    generation: Generation
    sums: dict[str, tuple[int, ...]]
    locked: bool


def copy_library(source: LibraryAddress, target: LibraryAddress, progress: Progress) -> CopyReport:
    """Copy a whole library: its rows and features as they are; its index is made again.

    Readers see nothing of the copy before it is complete. After an interruption, the same call continues
    where it stopped. The copy is checked at the end; damage of the source is copied, and found there.

    Args:
        source: Where the library is.
        target: Where the copy shall be.
        progress: Receives the progress of each step.

    Raises:
        UsageError: The target is the source, or lies in it.
        LibraryError: There is no library at the source; the target holds another one; one of them is being
            written by another process; the target cannot be written.
    """
    if source == target:
        raise UsageError(f"{target}: is the library itself; name another place for the copy")
    try:
        report = _copy(open_store(source), open_store(target), progress)
    except _SourceChanged:
        open_store(target).remove()  # it holds a mixture of two states
        raise
    except OSError as error:
        raise LibraryError(f"{target}: the copy stopped ({error.strerror or error})") from error
    logger.info("copied %s to %s: %d rows", escape_path(source), escape_path(target), report.rows)
    findings = verify(target, progress)
    findings.damage += report.findings.damage
    return replace(report, findings=findings)


def _copy(source_store: LibraryStore, target_store: LibraryStore, progress: Progress) -> CopyReport:
    """Copy, and find out whether all rows have arrived."""
    with ExitStack() as opened:
        source = opened.enter_context(_open_source(source_store))
        if isinstance(target_store.address, Path):
            _require_apart(source.store.folder, target_store.address)
        opened.enter_context(target_store.lock())
        if _is_complete(source, target_store):
            return CopyReport(source.generation, 0, 0, True, Findings())
        target = opened.enter_context(target_store.create_catalogue())
        _require_apart(source.store.folder, target_store.folder)
        _begin(source, target_store, target)
        rows = _copy_rows(source, target_store, target, progress)
        size = _copy_features(source, target_store, progress)
        _copy_settings(source, target)
        if not source.locked:
            _require_unchanged(source)
        lost = _compare(source, target)
        _publish(source, target_store, target, progress)
        return CopyReport(source.generation, rows, size, False, Findings(damage=lost))


@contextmanager
def _open_source(store: LibraryStore) -> Iterator[_Source]:
    catalogue = store.open_catalogue()
    if catalogue is None:
        raise LibraryError(f"{store.address}: no library here; name the library that shall be copied")
    with catalogue, ExitStack() as held:
        try:
            held.enter_context(store.lock())
            locked = True
        except ReadOnlyLibrary:
            locked = False
        store.require_features(catalogue)
        generation, lease = store.lease(catalogue)
        if lease is not None:
            held.enter_context(closing(lease))
        yield _Source(store, catalogue, generation, catalogue.sums(), locked)


def _require_unchanged(source: _Source) -> None:
    """Check that no other user has written the library, by a connection that remembers nothing of it."""
    catalogue = source.store.open_catalogue()
    if catalogue is not None:
        with catalogue:
            if (catalogue.current_generation(), catalogue.sums()) == (source.generation, source.sums):
                return
    raise _SourceChanged(f"{source.store.address}: another user changed it while it was copied; run it again")


def _require_apart(source: Path, target: Path) -> None:
    if target.resolve().is_relative_to(source.resolve()):
        raise UsageError(f"{target}: lies in the library {source}; name another place for the copy")


def _is_complete(source: _Source, target_store: LibraryStore) -> bool:
    """Return whether the target is a complete copy; nothing is written.

    Raises:
        LibraryError: It is another library.
    """
    catalogue = target_store.open_catalogue()
    if catalogue is None:
        if target_store.has_lost_catalogue():
            raise _is_another(target_store)
        return False
    with catalogue:
        generation = catalogue.current_generation()
        if generation is None:
            return False
        is_same = generation == source.generation and not _compare(source, catalogue)
        if not is_same or _measure_features(source.store) != _measure_features(target_store):
            raise _is_another(target_store)
        return True


def _is_another(store: LibraryStore) -> LibraryError:
    return LibraryError(
        f"{store.address}: holds another library, or another state of this one; `attune library remove` first"
    )


def _measure_features(store: LibraryStore) -> dict[str, int]:
    return {name: path.stat().st_size for name, path in list_feature_files(store.folder).items()}


def _begin(source: _Source, target_store: LibraryStore, target: WritableCatalogue) -> None:
    """Write the rows of the generations, which mark the target as an unfinished copy.

    Raises:
        LibraryError: The target is another library, or an unfinished copy of one.
    """
    wanted, known = source.catalogue.generation_rows(), target.generation_rows()
    features = _measure_features(target_store)
    if known:
        if known != wanted or not features.keys() <= _measure_features(source.store).keys():
            raise _is_another(target_store)
        return
    if features or any(any(sums) for sums in target.sums().values()):
        raise _is_another(target_store)
    with target.transaction():
        target.write_rows("generations", wanted)


def _copy_rows(
    source: _Source, target_store: LibraryStore, target: WritableCatalogue, progress: Progress
) -> int:
    """Copy items and embeddings, except those that are there already; return how many were written."""
    written = 0
    progress.start("copying rows", sum(source.sums[table][0] for table in _PAGED))
    for table in _PAGED:
        last = None
        while page := source.catalogue.read_page(table, last, _PAGE):
            known = target.read_page(table, last, len(page))
            if known != page[: len(known)]:
                raise _is_another(target_store)
            if len(known) < len(page):
                with target.transaction():
                    target.write_rows(table, page[len(known) :])
                written += len(page) - len(known)
            last = page[-1]
            progress.advance(len(page))
        if target.read_page(table, last, 1):
            raise _is_another(target_store)
    progress.finish()
    return written


def _copy_features(source: _Source, target_store: LibraryStore, progress: Progress) -> int:
    """Copy the features of all backbones; return the number of bytes that were written."""
    sizes = _measure_features(source.store)
    progress.start("copying features (MiB)", sum(-(-size // COPIED_PART_BYTES) for size in sizes.values()))
    written = sum(
        copy_feature_file(path, target_store.folder, progress)
        for path in list_feature_files(source.store.folder).values()
    )
    progress.finish()
    return written


def _copy_settings(source: _Source, target: WritableCatalogue) -> None:
    """Copy the small tables, and the skipped files; what an interrupted copy wrote of them is replaced."""
    with target.transaction():
        for root in target.roots():
            target.remove_root(root.path)
        for root in source.catalogue.roots():
            target.write_root(root)
        target.write_exclusions(source.catalogue.exclusions())
        target.write_omissions(source.catalogue.omissions())
        target.delete_skips()
        skipped = source.catalogue.skipped_rows()
        while rows := list(islice(skipped, _PAGE)):
            target.write_rows("skipped", rows)


def _compare(source: _Source, target: Catalogue) -> list[Damage]:
    """Return which tables differ in their sums."""
    found = target.sums()
    return [
        Damage("catalogue", f"its table {table} is not the one of {source.store.address}")
        for table, sums in source.sums.items()
        if found[table] != sums
    ]


def _publish(
    source: _Source, target_store: LibraryStore, target: WritableCatalogue, progress: Progress
) -> None:
    progress.start("making the index", None)
    try:
        target_store.make_index(target, source.generation.id, source.generation.network)
        with target.transaction():
            target.write_state(source.generation.id)
    except DamagedLibrary as error:
        raise LibraryError(
            f"{source.store.address}: damaged, so that its copy cannot be published; `attune repair` it, "
            f"then `attune library remove` the unfinished copy {target_store.address} and copy again"
        ) from error
    progress.finish()
