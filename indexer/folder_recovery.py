"""Recovery of the catalogue of a library in a folder, from all its rows that can still be read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from attune.core.atomic_files import fsync, make_folder
from attune.core.paths import is_below_any
from attune.core.progress import Progress
from attune.embedding.network import DEFAULT_NETWORK, open_network
from attune.indexer.batch_writer import BatchWriter
from attune.indexer.catalogue_tables import metadata
from attune.indexer.folder_store import FolderStore
from attune.indexer.generations import FOLDER
from attune.indexer.library_store import publish
from attune.indexer.records import CatalogueRecovery
from attune.indexer.salvage import RowValues, SalvagedRows, salvage
from attune.indexer.sqlite_catalogue import DAMAGED_FOLDER, FILE, NEW_CATALOGUE
from attune.indexer.sqlite_writer import WritableSqliteCatalogue

if TYPE_CHECKING:
    from attune.core.settings import Settings


def replace_catalogue(
    library: Path, source: str | None, settings: Settings, progress: Progress
) -> CatalogueRecovery:
    """Replace a broken catalogue by one with all its readable rows, and keep the broken one."""
    broken, new_catalogue = library / FILE, library / NEW_CATALOGUE
    for leftover in library.glob(f"{NEW_CATALOGUE}*"):
        leftover.unlink()  # of a repair that was killed
    with WritableSqliteCatalogue.create(library, NEW_CATALOGUE) as catalogue:
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
        publish(FolderStore(library), catalogue, generation, network)
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


def _write_rows(catalogue: WritableSqliteCatalogue, rows: SalvagedRows) -> tuple[int, list[str]]:
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
