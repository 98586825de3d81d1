"""Time to publish a few new pictures in a very large library, after they are embedded.

The large library has a real catalogue and real FAISS files. Its embeddings are derived from those of a real
library (`attune.benchmarks.vector_search.grow_vectors`). Its paths refer to no files, and it has no features.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from attune.benchmarks.vector_search import Vectors, grow_vectors, read_embeddings
from attune.core.progress import Progress
from attune.embedding.affect import AFFECT_COLUMNS
from attune.embedding.media_facts import MediaFacts
from attune.embedding.network import Network, open_network
from attune.indexer.catalogue_writer import ItemRecord, NetworkOutput, WritableCatalogue
from attune.indexer.generations import publish
from attune.indexer.records import Stamp

_BATCH: Final = 10_000  # rows per transaction


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


def measure(source: Path, size: int, more: int, progress: Progress) -> dict[str, Any]:
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
        with WritableCatalogue.create(library) as catalogue:
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
    progress.start("rows", len(new))
    for offset in range(0, len(new), _BATCH):
        records = list(_iter_records(network, new[offset : offset + _BATCH], first + offset))
        with catalogue.transaction():
            catalogue.write_items(records, network.id, generation)
        progress.advance(len(records))
    progress.finish()
    began = time.perf_counter()
    publish(catalogue, library, generation, network)
    what = "a library, from nothing" if first == 0 else "new pictures in it"
    return PublishTiming(what, len(new), time.perf_counter() - began)


def _iter_records(network: Network, vectors: Vectors, first: int) -> Iterator[ItemRecord]:
    affect = np.full(len(AFFECT_COLUMNS), 0.25, np.float32)
    for place, vector in enumerate(vectors, start=first):
        path = f"/pictures/{place // 1000:06d}/{place:09d}.jpg"
        content = hashlib.sha256(path.encode()).digest()
        yield ItemRecord(
            kind="image",
            stamp=Stamp(path, 100_000 + place, place),
            facts=MediaFacts(content=content),
            backbone=network.backbones["image"].id,
            feature_row=place,
            feature_rows=1,
            features_crc=0,
            network_output=NetworkOutput(vector, affect, None),
        )
