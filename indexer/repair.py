"""Repair of a damaged library: readable rows are kept, everything else is made again from the media files."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from attune.core.errors import LibraryError, escape_text
from attune.core.library_address import LibraryAddress
from attune.core.progress import Progress
from attune.embedding.network import DEFAULT_NETWORK, open_network
from attune.indexer.build import BuildReport, BuildRequest, build
from attune.indexer.library import read_published_generation
from attune.indexer.library_store import LibraryStore, open_store
from attune.indexer.records import CatalogueRecovery
from attune.indexer.verify import Findings, verify

if TYPE_CHECKING:
    from attune.core.settings import Settings

logger = logging.getLogger(__name__)


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


def repair(
    library: LibraryAddress, source: str | None, settings: Settings, progress: Progress
) -> RepairReport:
    """Repair a library: catalogue from its readable rows, index from the catalogue, the rest from the media.

    The damaged catalogue is not deleted. An undamaged library is not changed.

    Args:
        library: Where the library is.
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
    store, recovered = open_store(library), None
    try:
        with store.lock():
            if before.broken:
                recovered = store.recover(source, settings, progress)
            elif any(damage.part == "index" for damage in before.damage):
                store.drop_index()
    except OSError as error:
        raise LibraryError(f"{library}: cannot be repaired ({error.strerror or error})") from error
    if before.broken:
        found = verify(library, progress)
    report = None
    if recovered is None or _has_roots(store):
        generation = read_published_generation(library)
        known = DEFAULT_NETWORK if generation is None else generation.network_source
        request = BuildRequest(library, suspect=frozenset(found.suspect))
        report = build(request, open_network(source or known), settings, progress)
    return RepairReport(before, verify(library, progress), recovered, report)


def _has_roots(store: LibraryStore) -> bool:
    catalogue = store.open_catalogue()
    if catalogue is None:
        return False
    with catalogue:
        return bool(catalogue.roots())
