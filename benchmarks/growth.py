"""Time to publish a few new pictures in a very large library, after they are embedded.

The large library has a real catalogue and real FAISS files. Its embeddings are derived from those of a real
library (`attune.benchmarks.vector_search.grow_vectors`). Its paths refer to no files, and it has no features.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attune.benchmarks.synthetic_rows import write_pictures
from attune.benchmarks.vector_search import Vectors, grow_vectors, read_embeddings
from attune.core.library_address import LibraryAddress
from attune.core.progress import Progress
from attune.embedding.network import Network, open_network
from attune.indexer.catalogue_writer import WritableCatalogue
from attune.indexer.folder_store import FolderStore
from attune.indexer.library_store import publish


@dataclass(frozen=True, slots=True)
class PublishTiming:
    """Time to publish a generation.

    Attributes:
        what: Name of the generation in tables.
        pictures: Number of new pictures.
        seconds: Time until readers see them.
    """

    what: str
    pictures: int
    seconds: float


def measure(source: LibraryAddress, size: int, more: int, progress: Progress) -> dict[str, Any]:
    """Publish a large library, then a generation with more pictures.

    Args:
        source: Library from whose embeddings the large library's are derived.
        size: Number of pictures in the large library.
        more: Number of pictures that are added.
        progress: Receives the number of written rows.

    Returns:
        The JSON document of `attune benchmark growth`.
    """
    network = open_network()
    vectors = grow_vectors(read_embeddings(source)[0], size + more)
    with TemporaryDirectory() as scratch:
        library = Path(scratch)
        with FolderStore(library).create_catalogue() as catalogue:
            phases = [
                _time_publish(catalogue, library, network, vectors[:size], 0, progress),
                _time_publish(catalogue, library, network, vectors[size:], size, progress),
            ]
    return {"phases": [asdict(phase) for phase in phases]}


def _time_publish(
    catalogue: WritableCatalogue,
    library: Path,
    network: Network,
    new: Vectors,
    first: int,
    progress: Progress,
) -> PublishTiming:
    """Write rows as a build does, then time only the publishing."""
    generation = 1 if first == 0 else 2
    write_pictures(catalogue, network, new, first, generation, progress)
    began = time.perf_counter()
    publish(FolderStore(library), catalogue, generation, network)
    what = "a library, from nothing" if first == 0 else "new pictures in it"
    return PublishTiming(what, len(new), time.perf_counter() - began)
