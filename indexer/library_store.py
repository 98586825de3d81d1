"""Where a library is kept: in a folder, or in a database. Everything else is the same for both.

A store is what the rest of the indexer knows of the place: it opens the catalogue, admits one writer at a
time, keeps a generation for its readers, searches its embeddings and publishes the next one.
"""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from attune.core.library_address import DatabaseAddress, LibraryAddress
from attune.core.signals import defer_interrupts
from attune.embedding.media_files import Kind
from attune.embedding.network import Network
from attune.indexer.catalogue import Catalogue
from attune.indexer.embedding_search import VectorSearch
from attune.indexer.records import KINDS, CatalogueRecovery, Generation

if TYPE_CHECKING:
    from attune.core.progress import Progress
    from attune.core.settings import Settings
    from attune.indexer.catalogue_writer import WritableCatalogue  # it imports SQLAlchemy

logger = logging.getLogger(__name__)


class Lease(Protocol):
    """Keeps a generation from being purged until it is closed."""

    def close(self) -> None:
        """Release the generation."""


class LibraryStore(Protocol):
    """A place in which a library is kept."""

    @property
    def address(self) -> LibraryAddress:
        """Where the library is."""

    @property
    def folder(self) -> Path:
        """Folder of the features and of what is derived from them; known once the catalogue is open."""

    def exists(self) -> bool:
        """Return whether there is a library; nothing is read, so that it may still be damaged."""

    def open_catalogue(self) -> Catalogue | None:
        """Open the catalogue for reading; return None if there is none.

        Raises:
            LibraryError: It cannot be read, or another version of Attune made it.
        """

    def has_lost_catalogue(self) -> bool:
        """Return whether there is a library, although it has no catalogue."""

    def lease(self, catalogue: Catalogue) -> tuple[Generation, Lease | None]:
        """Return the published generation, which stays until the lease is closed.

        A user who cannot write the library gets no lease where this user could not purge it either.

        Raises:
            NothingPublished: There is none yet.
        """

    def open_search(self, catalogue: Catalogue, generation: Generation, kind: Kind) -> VectorSearch:
        """Return the search among a generation's items; an index that is lost or damaged is no obstacle."""

    def load_search(
        self, catalogue: Catalogue, generation: Generation, kind: Kind, before: VectorSearch | None
    ) -> VectorSearch:
        """Return a search for a reader that stays open: slow to open, fast to ask.

        Args:
            catalogue: The catalogue.
            generation: The generation.
            kind: image or music.
            before: What this method returned for an earlier generation; None: nothing is known yet.
        """

    def has_features(self) -> bool:
        """Return whether this machine has the folder of the features; single ones may still be lost."""

    def explain_lost_features(self) -> str:
        """Return what to do about features that cannot be found, as the end of a sentence."""

    def measure_size(self, catalogue: Catalogue) -> int:
        """Return the number of bytes that the library takes."""

    def lock(self) -> AbstractContextManager[None]:
        """Let nobody else write; everything below needs this.

        Raises:
            ReadOnlyLibrary: This user may not write the library.
            LibraryError: Another process is writing the library, or it cannot be written for another reason.
        """

    def create_catalogue(self) -> WritableCatalogue:
        """Open the catalogue for changes; make it if there is none.

        Raises:
            OlderLibrary: A version of Attune made it whose tables must be converted.
            LibraryError: It cannot be written, or a newer version of Attune made it.
        """

    def require_features(self, catalogue: Catalogue) -> None:
        """Check that the stored features are those of the library, before anything relies on them.

        Raises:
            LibraryError: They are kept on another machine.
        """

    def has_index(self, generation: Generation) -> bool:
        """Return whether the index of a generation is there, if it needs one."""

    def find_index_damage(self, catalogue: Catalogue, generation: Generation) -> list[str]:
        """Return what is wrong with the index of a generation."""

    def drop_index(self) -> None:
        """Delete all indexes, so that the next publishing makes them again."""

    def make_index(self, catalogue: WritableCatalogue, generation: int, network: str) -> None:
        """Make what readers of a generation search by; its rows are committed, but it is not published yet.

        An interruption is harmless: whoever publishes makes the index again.

        Args:
            catalogue: The catalogue.
            generation: Id of the generation.
            network: Id of its network.
        """

    def purge(self, catalogue: WritableCatalogue) -> None:
        """Delete the generations that are older than the last two and that no reader has open."""

    def recover(self, source: str | None, settings: Settings, progress: Progress) -> CatalogueRecovery:
        """Replace a broken catalogue by one with everything in it that is whole, and publish that.

        Args:
            source: Folder or name of the network to use; None: the library's own.
            settings: The limits within which files are read.
            progress: Receives the progress of each step.
        """

    def remove(self) -> None:
        """Delete the library, and nothing that Attune did not write; this locks the library itself.

        Raises:
            LibraryError: Another process is writing the library, or it cannot be written.
        """


def open_store(address: LibraryAddress) -> LibraryStore:
    """Return the store at an address; nothing is opened yet.

    Raises:
        AttuneError: What a database needs is not installed.
    """
    if isinstance(address, DatabaseAddress):
        from attune.indexer.postgres.postgres_store import PostgresStore
        from attune.indexer.postgres.server_connection import require_driver

        require_driver()
        return PostgresStore(address)
    from attune.indexer.folder_store import FolderStore

    return FolderStore(address)


def publish(store: LibraryStore, catalogue: WritableCatalogue, generation: int, network: Network) -> None:
    """Make a generation visible to readers; all its rows must be committed.

    A kill at any moment leaves the previous generation published; the next build publishes again.
    """
    store.make_index(catalogue, generation, network.id)
    counts = [catalogue.count(generation, kind) for kind in KINDS]
    with defer_interrupts():
        with catalogue.transaction():
            catalogue.write_generation(generation, (network.id, network.source), *counts)
        logger.info("published generation %d: %d images, %d songs", generation, *counts)
        store.purge(catalogue)
