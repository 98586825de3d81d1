"""Rows of pictures that are on no disk, to fill a library with millions of items."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from attune.benchmarks.vector_search import Vectors
from attune.core.progress import Progress
from attune.embedding.affect import AFFECT_COLUMNS
from attune.embedding.media_facts import MediaFacts
from attune.embedding.network import Network
from attune.indexer.records import Stamp

if TYPE_CHECKING:
    from attune.indexer.catalogue_writer import ItemRecord, WritableCatalogue

FOLDERS: Final[dict[str, str | None]] = {"all": None, "10 %": "/pictures/3", "1 %": "/pictures/3/33"}
"""Shares of the pictures, and the folders below which they are; None: anywhere."""
_BATCH: Final = 5_000  # rows per transaction


def write_pictures(
    catalogue: WritableCatalogue,
    network: Network,
    vectors: Vectors,
    first: int,
    generation: int,
    progress: Progress,
) -> None:
    """Write rows of pictures as a build does; publishing is left to the caller.

    Args:
        catalogue: The catalogue.
        network: The network that the embeddings are said to come from.
        vectors: Their embeddings, float32 (n, 128).
        first: Number of pictures before them.
        generation: The generation that gets them.
        progress: Receives the number of rows.
    """
    progress.start("rows", len(vectors))
    for offset in range(0, len(vectors), _BATCH):
        records = list(_iter_records(network, vectors[offset : offset + _BATCH], first + offset))
        with catalogue.transaction():
            catalogue.write_items(records, network.id, generation)
        progress.advance(len(records))
    progress.finish()


def _iter_records(network: Network, vectors: Vectors, first: int) -> Iterator[ItemRecord]:
    from attune.indexer.catalogue_writer import ItemRecord, NetworkOutput

    affect = np.full(len(AFFECT_COLUMNS), 0.25, np.float32)
    for place, vector in enumerate(vectors, start=first):
        path = f"/pictures/{place % 10}/{place % 100:02d}/{place:09d}.jpg"
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
