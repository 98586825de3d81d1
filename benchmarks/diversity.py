"""Cost of diversity: precision and similarity of the ten results with and without `--diverse`.

The galleries are whole splits of labelled data. Results are chosen by the code of `--diverse`, including its
folding of near-duplicates. Likeness is the mean cosine similarity of backbone features over all pairs of a
query's ten results.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attune.core.progress import Progress
from attune.embedding.affect import AFFECT_COLUMNS, Affect
from attune.embedding.media_files import Kind
from attune.embedding.network import Network
from attune.embedding.segments import embed_track
from attune.indexer.records import Item
from attune.retrieval.diversify import Curation, RankedItem, curate
from attune.retrieval.near_duplicates import (
    SimilarityScale,
    compute_fingerprints,
    find_similarity_scale,
    mean_cosine,
)
from attune.training.feature_cache import extract_cached_features
from attune.training.manifest import LabelledRow, polarity_codes
from attune.training.readers import read_labelled

TOP = 10
_RANDOM_DRAWS = 2000
_NEUTRAL_AFFECT = Affect(*(0.0 for _ in AFFECT_COLUMNS))


@dataclass(frozen=True, slots=True)
class LabelledGallery:
    """Labelled files of one kind.

    Attributes:
        kind: image or music.
        polarity: Codes of the labels, int8 (n,); -1 for a file without one.
        vectors: Embeddings, float32 (n, 128).
        prints: Fingerprints, float32 (n, width).
        scale: Scale that maps cosines of fingerprints to similarities.
    """

    kind: Kind
    polarity: NDArray[np.int8]
    vectors: NDArray[np.float32]
    prints: NDArray[np.float32]
    scale: SimilarityScale

    def __call__(self, items: Sequence[Item]) -> NDArray[np.float32]:
        """Return the fingerprints, float32 (n, width), of n items made by `_make_item`."""
        return self.prints[[item.id for item in items]]


@dataclass(frozen=True, slots=True)
class DiversityMeasurement:
    """Effect of one diversity weight in one direction.

    Attributes:
        direction: `music_to_image` or `image_to_music`.
        diverse: The diversity weight.
        p_at_10: Precision at 10 by polarity, averaged over the polarities of the queries with equal weight.
        kept: `p_at_10` divided by its value without diversity.
        likeness: Mean cosine between the ten results.
        random_likeness: Mean cosine between ten random files.
        coverage: Share of the gallery that is among the ten results of any query.
    """

    direction: str
    diverse: float
    p_at_10: float
    kept: float
    likeness: float
    random_likeness: float
    coverage: float


def read_gallery(
    source: Path,
    kind: Kind,
    split: str | None,
    network: Network,
    cache: Path,
    workers: int,
    progress: Progress,
) -> LabelledGallery:
    """Read labelled files of one kind and embed them.

    Args:
        source: Manifest, or folder of a data set.
        kind: image or music.
        split: Split whose files are read; None: all.
        network: Network that embeds them.
        cache: Folder of cached backbone features.
        workers: Number of worker processes.
        progress: Receives the number of files.

    Raises:
        UsageError: The labels cannot be used.
    """
    backbone = network.backbones[kind]
    gathered = extract_cached_features(read_labelled(source, kind, split), backbone, cache, workers, progress)
    labelled = [place for place, code in enumerate(polarity_codes(gathered.rows)) if code >= 0]
    rows: Sequence[LabelledRow] = [gathered.rows[place] for place in labelled]
    features = [gathered.features[place] for place in labelled]
    if kind == "image":
        vectors = network.embed("image", np.concatenate(features)).vectors
    else:
        vectors = np.concatenate([embed_track(network, file_features).vectors for file_features in features])
    prints = compute_fingerprints(features)
    return LabelledGallery(
        kind, polarity_codes(rows), vectors, prints, find_similarity_scale(backbone, lambda: prints)
    )


def measure(
    images: LabelledGallery, music: LabelledGallery, network: Network, weights: Iterable[float]
) -> list[DiversityMeasurement]:
    """Measure both directions at each diversity weight, and without diversity."""
    return [
        row
        for name, queries, gallery in (("music_to_image", music, images), ("image_to_music", images, music))
        for row in _measure_direction(name, queries, gallery, network, sorted({0.0, *weights}))
    ]


def _measure_direction(
    name: str, queries: LabelledGallery, gallery: LabelledGallery, network: Network, weights: Sequence[float]
) -> list[DiversityMeasurement]:
    scores = network.score(queries.vectors @ gallery.vectors.T)
    random = _compute_random_likeness(gallery.prints)
    rows: list[DiversityMeasurement] = []
    for weight in weights:
        tens = [_find_top_ten(query_scores, gallery, weight) for query_scores in scores]
        precision = _compute_precision(tens, queries.polarity, gallery.polarity)
        first = rows[0].p_at_10 if rows else precision
        rows.append(
            DiversityMeasurement(
                direction=name,
                diverse=weight,
                p_at_10=precision,
                kept=precision / first,
                likeness=float(np.mean([mean_cosine(gallery.prints[ten]) for ten in tens])),
                random_likeness=random,
                coverage=len({place for ten in tens for place in ten}) / len(gallery.prints),
            )
        )
    return rows


def _find_top_ten(scores: NDArray[np.float64], gallery: LabelledGallery, weight: float) -> list[int]:
    """Return the positions in the gallery of the ten results of one query."""
    curation = Curation(fold=weight > 0, diverse=weight)
    order = np.argsort(-scores, kind="stable").tolist()
    ranking = (RankedItem(_make_item(place, gallery.kind), float(scores[place])) for place in order)
    chosen = curate(ranking, TOP, curation, gallery)
    return [choice.ranked.item.id for choice in chosen]


def _make_item(place: int, kind: Kind) -> Item:
    """Return a labelled file as an item of a library, which `curate` expects; its id is its position."""
    return Item(
        id=place,
        kind=kind,
        path=str(place),
        affect=_NEUTRAL_AFFECT,
        content=b"",
        feature_row=place,
        feature_rows=1,
        features_crc=0,
    )


def _compute_precision(
    tens: list[list[int]], query_polarity: NDArray[np.int8], gallery_polarity: NDArray[np.int8]
) -> float:
    right = np.array(
        [np.mean(gallery_polarity[ten] == code) for ten, code in zip(tens, query_polarity, strict=True)]
    )
    return float(np.mean([right[query_polarity == code].mean() for code in np.unique(query_polarity)]))


def _compute_random_likeness(prints: NDArray[np.float32]) -> float:
    random = np.random.default_rng(0)
    tens = (random.choice(len(prints), min(TOP, len(prints)), replace=False) for _ in range(_RANDOM_DRAWS))
    return float(np.mean([mean_cosine(prints[ten]) for ten in tens]))
