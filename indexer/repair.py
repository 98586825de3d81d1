"""Repair of a damaged library: readable rows are kept, everything else is made again from the media files."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attune.core.atomic_files import fsync, make_folder
from attune.core.errors import LibraryError, escape_text
from attune.core.paths import is_below_any
from attune.core.progress import Progress
from attune.embedding.network import DEFAULT_NETWORK, open_network
from attune.indexer.batch_writer import BatchWriter
from attune.indexer.build import BuildReport, BuildRequest, build
from attune.indexer.catalogue import DAMAGED_FOLDER, FILE, Catalogue
from attune.indexer.catalogue_tables import metadata
from attune.indexer.catalogue_writer import WritableCatalogue
from attune.indexer.generations import FOLDER, publish
from attune.indexer.library import read_published_generation
from attune.indexer.locks import acquire_write_lock
from attune.indexer.salvage import RowValues, SalvagedRows, salvage
from attune.indexer.verify import Findings, verify

if TYPE_CHECKING:
    from attune.core.settings import Settings

logger = logging.getLogger(__name__)

_NEW_CATALOGUE: Final = "catalogue.new"


@dataclass(frozen=True, slots=True)
class CatalogueRecovery:
    """What was recovered from a broken catalogue.

    Attributes:
        items: Number of recovered items.
        roots: Followed folders whose rows were lost and that were inferred from the paths of the items; there
            may have been others.
        kept_at: Folder to which the broken catalogue was moved; None if its file was missing.
    """

    items: int
    roots: list[str]
    kept_at: Path | None


@dataclass(frozen=True, slots=True)
class RepairReport:
    """Result of a repair.

    Attributes:
        before: Findings before the repair.
        after: Findings after the repair; there is no damage left if all media files could be read.
        recovered: What was recovered from a broken catalogue; None if it was not broken.
        report: Report of the build that made the rest again; None if the library follows no folder.
    """

    before: Findings
    after: Findings
    recovered: CatalogueRecovery | None
    report: BuildReport | None


def repair(library: Path, source: str | None, settings: Settings, progress: Progress) -> RepairReport:
    """Repair a library: catalogue from its readable rows, index from the catalogue, the rest from the media.

    The damaged catalogue is not deleted. An undamaged library is not changed.

    Args:
        library: The library's folder.
        source: Folder or name of the network to use; None: the library's own.
        settings: Number of worker processes, and limits of time and memory per file.
        progress: Receives the progress of each step.

    Raises:
        LibraryError: There is no library, it cannot be written, or another build is writing it.
        ArtefactError: The network is damaged or has been moved.
    """
    before = found = verify(library, progress)
    if not before.damage:
        return RepairReport(before, before, None, None)
    for damage in before.damage:
        logger.info("damaged: %s: %s", damage.part, escape_text(damage.detail))
    recovered = None
    try:
        with acquire_write_lock(library):
            if before.broken:
                recovered = _replace_catalogue(library, source, settings, progress)
            elif any(damage.part == "index" for damage in before.damage):
                shutil.rmtree(library / FOLDER, ignore_errors=True)
    except OSError as error:
        raise LibraryError(f"{library}: cannot be repaired ({error.strerror or error})") from error
    if before.broken:
        found = verify(library, progress)
    report = None
    if recovered is None or _has_roots(library):
        generation = read_published_generation(library)
        known = DEFAULT_NETWORK if generation is None else generation.network_source
        request = BuildRequest(library, suspect=frozenset(found.suspect))
        report = build(request, open_network(source or known), settings, progress)
    return RepairReport(before, verify(library, progress), recovered, report)


def _has_roots(library: Path) -> bool:
    catalogue = Catalogue.open(library)
    if catalogue is None:
        return False
    with catalogue:
        return bool(catalogue.roots())


def _replace_catalogue(
    library: Path, source: str | None, settings: Settings, progress: Progress
) -> CatalogueRecovery:
    """Replace a broken catalogue by one with all its readable rows, and keep the broken one."""
    broken, new_catalogue = library / FILE, library / _NEW_CATALOGUE
    for leftover in library.glob(f"{_NEW_CATALOGUE}*"):
        leftover.unlink()  # of a repair that was killed
    with WritableCatalogue.create(library, _NEW_CATALOGUE) as catalogue:
        columns = {name: table.columns.keys() for name, table in metadata.tables.items()}
        rows = salvage(broken, columns) if broken.exists() else SalvagedRows()
        last = rows.generations.get(max(rows.generations, default=0))
        network = open_network(source or (DEFAULT_NETWORK if last is None else last["network_source"]))
        count, guessed = _write_rows(catalogue, rows)
        generation = _next_generation(rows)
        writer = BatchWriter(catalogue, library, network, generation, settings)
        writer.re_embed(progress)
        writer.complete()
        # The old FAISS files may contain ids that the salvaged rows do not have.
        shutil.rmtree(library / FOLDER, ignore_errors=True)
        publish(catalogue, library, generation, network)
    kept_at = _archive_catalogue(library) if broken.exists() else None
    for part in ("-wal", "-shm"):  # SQLite would otherwise apply the old log to the new catalogue
        broken.with_name(broken.name + part).unlink(missing_ok=True)
    fsync(library)
    new_catalogue.replace(broken)
    fsync(library)
    return CatalogueRecovery(count, guessed, kept_at)


def _archive_catalogue(library: Path) -> Path:
    """Link or copy the files of the broken catalogue into a new folder, and return the folder."""
    number = 1
    while (folder := library / f"{DAMAGED_FOLDER}-{number}").exists():
        number += 1
    make_folder(folder)
    for name in (FILE, f"{FILE}-wal"):
        if (library / name).exists():
            try:
                os.link(library / name, folder / name)
            except OSError:  # a file system without hard links
                shutil.copyfile(library / name, folder / name)
    fsync(folder)
    return folder


def _next_generation(rows: SalvagedRows) -> int:
    """Return a generation in which all committed rows are visible, also those of an interrupted build."""
    numbers = (number for row in rows.items.values() for number in (row["added"], row["removed"] or 0))
    return max(numbers, default=0) + 1


def _write_rows(catalogue: WritableCatalogue, rows: SalvagedRows) -> tuple[int, list[str]]:
    """Write the consistent rows; return the number of items and the roots that had to be guessed."""
    live: dict[bytes, int] = {}
    for key, row in sorted(rows.items.items()):
        if row["removed"] is None:
            live[row["path"]] = key  # the newest of several rows with the same path
    kept = [rows.items[key] for key in sorted(live.values())]
    ids = {row["id"] for row in kept}
    embedding_rows = [row for row in rows.embeddings.values() if row["item"] in ids]
    guessed = _guess_roots(live, rows)
    followed = [*rows.roots.values(), *map(_make_root_row, guessed)]
    with catalogue.transaction():
        catalogue.write_rows("items", kept)
        catalogue.write_rows("embeddings", embedding_rows)
        catalogue.write_rows("roots", followed)
        catalogue.write_rows("skipped", list(rows.skipped.values()))
        catalogue.write_rows("exclusions", list(rows.exclusions.values()))
        catalogue.move_exclusions()
    return len(kept), guessed


def _guess_roots(paths: Iterable[bytes], rows: SalvagedRows) -> list[str]:
    """Return roots for items whose root was lost; without one the next build would remove them."""
    known = [os.fsdecode(path) for path in rows.roots]
    orphans = (path for path in map(os.fsdecode, paths) if not is_below_any(path, known))
    folders: list[str] = []
    for folder in sorted({os.path.dirname(path) for path in orphans}):  # noqa: PTH120 - paths are text here
        if not is_below_any(folder, folders):
            folders.append(folder)
    return folders


def _make_root_row(folder: str) -> RowValues:
    return {
        "path": os.fsencode(folder),
        "exclude": "[]",
        "follow_links": False,
        "unreachable": None,
        "mounts": "[]",
    }
