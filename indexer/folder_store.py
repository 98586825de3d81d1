"""A library in a folder: an SQLite file, and FAISS files for each generation."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from attune.core.errors import LibraryError
from attune.embedding.media_files import Kind
from attune.indexer.catalogue import Catalogue
from attune.indexer.embedding_search import FaissSearch, VectorSearch
from attune.indexer.feature_store import FOLDER as FEATURES
from attune.indexer.feature_store import LOST_FEATURES
from attune.indexer.generations import FOLDER as INDEXES
from attune.indexer.generations import (
    INDEX_FILES,
    MANIFEST,
    TEMPORARY_PREFIX,
    derive_index,
    find_newest_folder,
    generation_folder,
    make_indexes,
    open_index,
    purge,
    read_manifest,
    write_indexes,
)
from attune.indexer.locks import LEASES, LOCK, acquire_write_lock, lease
from attune.indexer.records import KINDS, CatalogueRecovery, Generation
from attune.indexer.row_cache import FOLDER as ROW_CACHES
from attune.indexer.sqlite_catalogue import (
    CATALOGUE_FILES,
    DAMAGED_FOLDER,
    FILE,
    NEW_CATALOGUE,
    SqliteCatalogue,
)
from attune.indexer.vector_index import VectorIndex

if TYPE_CHECKING:
    from attune.core.progress import Progress
    from attune.core.settings import Settings
    from attune.indexer.catalogue_writer import WritableCatalogue


class FolderStore:
    """A library in a folder; the methods are those of `LibraryStore`.

    Args:
        folder: The library's folder.
    """

    def __init__(self, folder: Path) -> None:
        self.address = self.folder = folder
        self._derived: dict[Kind, VectorIndex] = {}

    def exists(self) -> bool:
        """Return whether there is a catalogue."""
        return (self.folder / FILE).exists()

    def open_catalogue(self) -> SqliteCatalogue | None:
        """Open the catalogue for reading; return None if there is none, or if a kill left no tables."""
        return SqliteCatalogue.open(self.folder)

    def has_lost_catalogue(self) -> bool:
        """Return whether there are FAISS files."""
        return (self.folder / INDEXES).is_dir()

    def lease(self, catalogue: Catalogue) -> tuple[Generation, IO[bytes] | None]:
        """Return the published generation, and the open file that keeps it.

        A lease protects a generation only if the catalogue says after it was taken that the generation is the
        published one: before, a build may purge it. The newest folder shows which one that will be.
        """
        expected = find_newest_folder(self.folder)
        while True:
            lease_file = None if expected is None else lease(self.folder, expected)
            try:
                generation = catalogue.published_generation()
            except BaseException:
                if lease_file is not None:
                    lease_file.close()
                raise
            if generation.id == expected:
                return generation, lease_file
            if lease_file is not None:
                lease_file.close()
            expected = generation.id

    def open_search(self, catalogue: Catalogue, generation: Generation, kind: Kind) -> FaissSearch:
        """Return the search in a FAISS file; a lost or damaged one is made again from the catalogue."""
        index = self._derived.get(kind) or open_index(self.folder, generation.id, generation.network, kind)
        if index is None:
            for one in KINDS:
                self._derived[one] = derive_index(catalogue, generation.id, generation.network, one, None)
            with contextlib.suppress(OSError):  # a read-only library can still be searched
                write_indexes(self.folder, generation.id, generation.network, self._derived)
            index = self._derived[kind]
        return FaissSearch(catalogue, generation, kind, index)

    def load_search(
        self,
        catalogue: Catalogue,
        generation: Generation,
        kind: Kind,
        before: VectorSearch | None,  # noqa: ARG002 - the files hold all that is needed
    ) -> FaissSearch:
        """Return the same as `open_search`: its FAISS file is as fast."""
        return self.open_search(catalogue, generation, kind)

    def has_features(self) -> bool:
        """Return True: the features lie beside the catalogue."""
        return True

    def explain_lost_features(self) -> str:
        """Return what to do about features that cannot be found."""
        return LOST_FEATURES

    def measure_size(self, catalogue: Catalogue) -> int:  # noqa: ARG002 - files have sizes of their own
        """Return the total size of the library's files, in bytes.

        Only the files that Attune writes are looked up. So the cost depends neither on the number of items
        nor on other files below the library's folder.
        """
        size = 0
        for path in self._iter_files():
            try:
                size += path.stat().st_size
            except OSError:  # it does not exist, or a build has just replaced it
                continue
        return size

    def _iter_files(self) -> Iterator[Path]:
        """Yield the paths of the library's files; some of them may not exist."""
        for folder in (self.folder, *self.folder.glob(f"{DAMAGED_FOLDER}-*")):
            yield from (folder / name for name in CATALOGUE_FILES)
        yield self.folder / LOCK
        yield from (self.folder / FEATURES).glob("*.f16")
        yield from (self.folder / ROW_CACHES).glob("*.rows")
        for folder in (self.folder / INDEXES).glob("[0-9]*"):
            yield from (folder / name for name in (*INDEX_FILES.values(), MANIFEST))

    def lock(self) -> AbstractContextManager[None]:
        """Let nobody else write."""
        return acquire_write_lock(self.folder)

    def create_catalogue(self) -> WritableCatalogue:
        """Open the catalogue for changes; make it if there is none."""
        from attune.indexer.sqlite_writer import WritableSqliteCatalogue

        return WritableSqliteCatalogue.create(self.folder)

    def convert_catalogue(self) -> WritableCatalogue:
        """Open a catalogue of the schema before the first, and change it into one of the first schema."""
        from attune.indexer.sqlite_writer import WritableSqliteCatalogue

        return WritableSqliteCatalogue.convert(self.folder)

    def require_features(self, catalogue: Catalogue) -> None:
        """Do nothing: the features lie beside the catalogue."""

    def has_index(self, generation: Generation) -> bool:
        """Return whether the folder of a generation is there."""
        return generation_folder(self.folder, generation.id).is_dir()

    def find_index_damage(self, catalogue: Catalogue, generation: Generation) -> list[str]:
        """Return why the FAISS files are damaged or hold other items than the generation."""
        if read_manifest(self.folder, generation.id) is None:
            return ["its manifest is missing or damaged"]
        damage = []
        for kind in KINDS:
            index = open_index(self.folder, generation.id, generation.network, kind)
            if index is None:
                damage.append(f"the file for {kind} is missing or damaged")
            elif not np.array_equal(np.sort(index.ids), catalogue.ids(generation.id, kind)):
                damage.append(f"the file for {kind} holds other items")
        return damage

    def drop_index(self) -> None:
        """Delete all FAISS files."""
        shutil.rmtree(self.folder / INDEXES, ignore_errors=True)

    def make_index(self, catalogue: WritableCatalogue, generation: int, network: str) -> None:
        """Write the FAISS files of a generation."""
        make_indexes(catalogue, self.folder, generation, network)

    def purge(self, catalogue: WritableCatalogue) -> None:
        """Delete what only generations hold that are older than the last two and that no reader has open."""
        purge(catalogue, self.folder)

    def recover(self, source: str | None, settings: Settings, progress: Progress) -> CatalogueRecovery:
        """Replace a broken catalogue by one with all its readable rows, and keep the broken one."""
        from attune.indexer.folder_recovery import replace_catalogue

        return replace_catalogue(self.folder, source, settings, progress)

    def remove(self) -> None:
        """Delete the files that Attune wrote, and the folders that are empty then.

        Nothing else is deleted, not even in a folder of a name that Attune uses: the library may lie among
        somebody's photos.
        """
        try:
            with self.lock():
                files = [*self._iter_files(), *self._iter_remains()]
                for path in files:
                    if path.name != LOCK:
                        path.unlink(missing_ok=True)
            (self.folder / LOCK).unlink(missing_ok=True)
            parents = {path.parent for path in files} | {self.folder / INDEXES, self.folder}
            for folder in sorted(parents, key=lambda one: len(one.parts), reverse=True):
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()
        except OSError as error:
            raise LibraryError(f"{self.folder}: cannot be removed ({error.strerror or error})") from error

    def _iter_remains(self) -> Iterator[Path]:
        """Yield the paths of further files: those of leases, and those that a kill left half written."""
        yield from (self.folder / LEASES).glob("[0-9]*")
        yield from self.folder.glob(f"{NEW_CATALOGUE}*")
        yield from (self.folder / ROW_CACHES).glob(".*.rows.*")
        for folder in (self.folder / INDEXES).glob(f"{TEMPORARY_PREFIX}*"):
            yield from (folder / name for name in (*INDEX_FILES.values(), MANIFEST))
            yield from folder.glob(f".{MANIFEST}.*")
