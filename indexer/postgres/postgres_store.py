"""A library in PostgreSQL: its rows on the server, its features in a folder of the machine that builds."""

from __future__ import annotations

import contextlib
import shutil
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attune.core.atomic_files import make_folder
from attune.core.errors import LibraryError, escape_path
from attune.core.library_address import DatabaseAddress
from attune.core.paths import features_home
from attune.embedding.media_files import Kind
from attune.indexer.catalogue import Catalogue
from attune.indexer.embedding_search import FaissSearch, VectorSearch
from attune.indexer.feature_store import FOLDER as FEATURES
from attune.indexer.feature_store import LOST_FEATURES
from attune.indexer.generations import derive_index
from attune.indexer.locks import acquire_write_lock
from attune.indexer.postgres.pgvector_index import (
    drop_indexes,
    find_index,
    is_suitable,
    list_indexes,
    update_index,
)
from attune.indexer.postgres.pgvector_search import PgvectorSearch
from attune.indexer.postgres.postgres_catalogue import Identity, PostgresCatalogue
from attune.indexer.postgres.server_connection import SCHEMA, explain_errors
from attune.indexer.postgres.write_lock import hold_write_lock, require_no_readers
from attune.indexer.records import KINDS, CatalogueRecovery, Generation
from attune.indexer.row_cache import FOLDER as ROW_CACHES
from attune.indexer.vector_index import copy_index

if TYPE_CHECKING:
    from attune.core.progress import Progress
    from attune.core.settings import Settings
    from attune.indexer.catalogue_writer import WritableCatalogue
    from attune.indexer.postgres.patient_connection import PatientConnection
    from attune.indexer.postgres.postgres_writer import WritablePostgresCatalogue

_FAISS_ROWS: Final = 4_000_000
"""Number of rows up to which a reader that stays open keeps FAISS: about 1 GB."""


class PostgresStore:
    """A library in PostgreSQL; the methods are those of `LibraryStore`.

    Args:
        address: Address of the library.
    """

    def __init__(self, address: DatabaseAddress) -> None:
        self.address = address
        self._identity: Identity | None = None
        self._writer: PatientConnection | None = None
        self._locked = contextlib.ExitStack()

    @property
    def folder(self) -> Path:
        """Folder of this machine for the library's features; known once the catalogue is open."""
        return features_home() / (self._identity.id if self._identity else "of no library")

    def exists(self) -> bool:
        """Return whether the database has a library."""
        catalogue = self.open_catalogue()
        if catalogue is None:
            return False
        catalogue.close()
        return True

    def open_catalogue(self) -> PostgresCatalogue | None:
        """Open the catalogue for reading; return None if there is none."""
        catalogue = PostgresCatalogue.open(self.address)
        if catalogue is not None:
            try:
                self._identity = catalogue.identity()
            except BaseException:
                catalogue.close()
                raise
        return catalogue

    def has_lost_catalogue(self) -> bool:
        """Return False: what is on the server is there or not."""
        return False

    def lease(self, catalogue: Catalogue) -> tuple[Generation, None]:
        """Return the published generation; the connections of the catalogue keep it."""
        return _of_postgres(catalogue).lease_generation(), None

    def open_search(self, catalogue: Catalogue, generation: Generation, kind: Kind) -> PgvectorSearch:
        """Return the search on the server."""
        questions = _of_postgres(catalogue)
        index = questions.ask(partial(find_index, kind=kind, network=generation.network))
        return PgvectorSearch(questions, generation, kind, index)

    def load_search(
        self, catalogue: Catalogue, generation: Generation, kind: Kind, before: VectorSearch | None
    ) -> VectorSearch:
        """Return a FAISS index over the same rows: one query of it costs a twentieth of the server's."""
        if generation.count(kind) > _FAISS_ROWS:
            return self.open_search(catalogue, generation, kind)
        start = None
        if isinstance(before, FaissSearch) and before.network == generation.network:
            start = copy_index(before.index.serialize())
        index = derive_index(catalogue, generation.id, generation.network, kind, start)
        return FaissSearch(catalogue, generation, kind, index)

    def explain_lost_features(self) -> str:
        """Return what to do about features that cannot be found."""
        if self._identity is None or self.has_features():
            return LOST_FEATURES
        return (
            f"its features are at {self._identity.features_at}, not on this machine; name a folder that both "
            "can see by ATTUNE_FEATURES"
        )

    def has_features(self) -> bool:
        """Return whether the folder of the features is on this machine."""
        return (self.folder / FEATURES).is_dir()

    def measure_size(self, catalogue: Catalogue) -> int:
        """Return the bytes of the tables and indexes, and of the features that are on this machine."""
        size = _of_postgres(catalogue).measure_tables()
        for pattern in (f"{FEATURES}/*.f16", f"{ROW_CACHES}/*.rows"):
            with contextlib.suppress(OSError):
                size += sum(path.stat().st_size for path in self.folder.glob(pattern))
        return size

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Let nobody else write; the server releases the lock when the connection ends, however it ends."""
        with contextlib.ExitStack() as self._locked, hold_write_lock(self.address) as self._writer:
            try:
                yield
            finally:
                self._writer = None

    def create_catalogue(self) -> WritableCatalogue:
        """Open the catalogue for changes; make it if there is none."""
        from attune.indexer.postgres.postgres_writer import WritablePostgresCatalogue

        place = f"{socket.gethostname()}:{escape_path(features_home())}"
        catalogue = WritablePostgresCatalogue.create(self.address, self._own(), place)
        self._identity = catalogue.identity()
        if not self.has_features() and catalogue.is_empty():
            make_folder(self.folder / FEATURES)
        self._lock_features()
        return catalogue

    def _lock_features(self) -> None:
        """Lock the features too: a writer whose connection was lost may not know it yet, and append some."""
        if self.has_features():
            self._locked.enter_context(acquire_write_lock(self.folder))

    def _own(self) -> PatientConnection:
        assert self._writer is not None, "the library is not locked"
        return self._writer

    def require_features(self, catalogue: Catalogue) -> None:  # noqa: ARG002 - a folder is looked for
        """Refuse to write where the features are not: a build would take them all for lost."""
        if not self.has_features():
            place = self._identity.features_at if self._identity else "another machine"
            raise LibraryError(
                f"{self.address}: its features are at {place}, not in {self.folder}; name a folder that "
                "both machines see by ATTUNE_FEATURES, or copy it here. If they are lost, make an empty "
                f"{self.folder / FEATURES} and run `attune repair` where the media files are"
            )

    def has_index(self, generation: Generation) -> bool:
        """Return whether each kind has the index that suits its number of items."""
        return all(
            is_suitable(find_index(self._own(), kind, generation.network), generation.count(kind))
            for kind in KINDS
        )

    def find_index_damage(self, catalogue: Catalogue, generation: Generation) -> list[str]:
        """Return which indexes are missing, and how many embeddings differ from the exact ones."""
        questions = _of_postgres(catalogue)
        damage = []
        for kind in KINDS:
            index = questions.ask(partial(find_index, kind=kind, network=generation.network))
            if index is None and not is_suitable(None, generation.count(kind)):
                damage.append(f"the index for {kind} is missing")
        if wrong := questions.find_wrong_vectors(generation.network):
            damage.append(f"{len(wrong)} embeddings in half precision are missing or wrong")
        return damage

    def drop_index(self) -> None:
        """Drop all indexes and write the embeddings in half precision anew."""
        connection = self._own()
        with explain_errors(self.address, "written"):
            drop_indexes(connection, [one.name for one in list_indexes(connection)])
        self._open_writer().restore_vectors()

    def _open_writer(self) -> WritablePostgresCatalogue:
        from attune.indexer.postgres.postgres_writer import WritablePostgresCatalogue

        return WritablePostgresCatalogue(self.address, self._own())

    def make_index(self, catalogue: WritableCatalogue, generation: int, network: str) -> None:
        """Bring the indexes up to date; readers use those that are there until then."""
        with explain_errors(self.address, "written"):
            for kind in KINDS:
                update_index(self._own(), kind, network, catalogue.count(generation, kind))

    def purge(self, catalogue: WritableCatalogue) -> None:
        """Delete the generations that are older than the last two and that no reader has open."""
        catalogue = _to_be_written(catalogue)
        current = catalogue.current_generation()
        if current is None:
            return
        older = [one for one in catalogue.generation_networks() if one < current.id - 1]
        unused = [one for one in older if not catalogue.has_lease(one)]
        try:
            kept = [current.id, current.id - 1, *(one for one in older if one not in unused)]
            with catalogue.transaction():
                catalogue.purge(kept)
        finally:
            for generation in unused:
                catalogue.release(generation)
        networks = catalogue.generation_networks().values()
        with explain_errors(self.address, "written"):
            outdated = [one.name for one in list_indexes(self._own()) if one.network not in networks]
            drop_indexes(self._own(), outdated)

    def recover(self, source: str | None, settings: Settings, progress: Progress) -> CatalogueRecovery:
        """Remove the rows whose checksums are wrong, and publish the others as a new generation."""
        from attune.indexer.postgres.postgres_recovery import recover_rows

        catalogue = self._open_writer()
        self._identity = catalogue.identity()
        self.require_features(catalogue)
        self._lock_features()
        return recover_rows(self, catalogue, source, settings, progress)

    def remove(self) -> None:
        """Drop the schema with all tables, and delete the features that are on this machine."""
        with self.lock(), explain_errors(self.address, "written"):
            with contextlib.suppress(LibraryError):
                self.exists()  # so that the folder is known
            require_no_readers(self.address, self._own())  # they would see whatever is built next
            self._own().execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        if self._identity is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def _of_postgres(catalogue: Catalogue) -> PostgresCatalogue:
    assert isinstance(catalogue, PostgresCatalogue), "the catalogue of another kind of library"
    return catalogue


def _to_be_written(catalogue: WritableCatalogue) -> WritablePostgresCatalogue:
    from attune.indexer.postgres.postgres_writer import WritablePostgresCatalogue

    assert isinstance(catalogue, WritablePostgresCatalogue), "the catalogue of another kind of library"
    return catalogue
