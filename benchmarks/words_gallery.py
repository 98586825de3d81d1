"""Labelled files with content labels and with places that a system predicts out of fold."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attune.benchmarks.words_search import predict_places
from attune.core.progress import Progress
from attune.embedding.content_labels import ContentLabels, compute_content_labels
from attune.embedding.media_files import Kind
from attune.embedding.network import Network
from attune.training import feature_cache
from attune.training.manifest import LabelledRow
from attune.training.metrics import MoodLabels, read_mood_labels
from attune.training.systems.base import Embeddings


@dataclass(frozen=True, slots=True)
class WordsGallery:
    """Labelled files of one kind that are searched.

    Attributes:
        kind: image or music.
        rows: The n files.
        labels: Their content labels.
        predicted: Their places by a system that did not learn from them, float64 (n, 2), by fold seed.
        mood: Their mood by their labels.
    """

    kind: Kind
    rows: Sequence[LabelledRow]
    labels: ContentLabels
    predicted: Sequence[NDArray[np.float64]]
    mood: MoodLabels


def read_words_gallery(
    rows: Sequence[LabelledRow],
    sets: Collection[str],
    by_seed: Sequence[Embeddings],
    network: Network,
    kind: Kind,
    cache: Path,
    workers: int,
    progress: Progress,
) -> WordsGallery:
    """Read a gallery of the rows of some data sets.

    Args:
        rows: All labelled rows of one kind.
        sets: Data sets that are searched.
        by_seed: For each fold seed, what a system says of all rows out of fold.
        network: A network whose backbone has content labels.
        kind: image or music.
        cache: Folder of cached backbone features.
        workers: Number of worker processes.
        progress: Receives the number of files.
    """
    members = np.array([place for place, row in enumerate(rows) if row.set in sets], np.int64)
    wanted = [rows[place] for place in members]
    # All rows could be read before, or they would not be there.
    found = feature_cache.extract_cached_features(wanted, network.backbones[kind], cache, workers, progress)
    return WordsGallery(
        kind,
        found.rows,
        compute_content_labels(found.features, network.backbones[kind]),
        [predict_places(side)[members] for side in by_seed],
        read_mood_labels(found.rows),
    )
