"""Recovery of a library in PostgreSQL whose rows contradict each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attune.core.errors import DamagedLibrary
from attune.core.progress import Progress
from attune.embedding.network import DEFAULT_NETWORK, open_network
from attune.indexer.batch_writer import BatchWriter
from attune.indexer.catalogue_tables import compute_item_checksum
from attune.indexer.library_store import LibraryStore, publish
from attune.indexer.postgres.server_connection import LostTables
from attune.indexer.records import CatalogueRecovery

if TYPE_CHECKING:
    from attune.core.settings import Settings
    from attune.indexer.postgres.postgres_writer import WritablePostgresCatalogue


def recover_rows(
    store: LibraryStore,
    catalogue: WritablePostgresCatalogue,
    source: str | None,
    settings: Settings,
    progress: Progress,
) -> CatalogueRecovery:
    """Remove the rows whose checksums are wrong, and publish the others as a new generation.

    Args:
        store: Where the library is kept, locked.
        catalogue: Its catalogue.
        source: Folder or name of the network to use; None: the library's own.
        settings: The limits within which files are read.
        progress: Receives the progress of each step.

    Raises:
        LibraryError: Tables are missing, or cannot be read at all.
    """
    if lost := catalogue.find_missing_columns():
        raise LostTables(store.address, "; ".join(lost))
    try:
        rows = list(catalogue.item_rows())
        published = catalogue.last_generation()
    except DamagedLibrary as error:
        raise LostTables(store.address, str(error.__cause__).strip()) from error
    damaged = [row["id"] for row in rows if row["seal"] != compute_item_checksum(row)]
    numbers = [number for row in rows for number in (row["added"], row["removed"] or 0)]
    generation = max([*numbers, 0 if published is None else published.id]) + 1
    network = open_network(source or (DEFAULT_NETWORK if published is None else published.network_source))
    with catalogue.transaction():
        catalogue.delete_items(damaged)
        catalogue.delete_orphans()
    writer = BatchWriter(catalogue, store.folder, network, generation, settings)
    writer.re_embed(progress)
    writer.complete()
    publish(store, catalogue, generation, network)
    return CatalogueRecovery(len(rows) - len(damaged), [], None)
