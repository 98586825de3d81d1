"""What variety costs: precision and likeness of the ten answers, as ranked and varied, on labelled files.

The galleries are whole splits. Answers are chosen by what `--diverse` runs; near-duplicates are folded, as
there. Likeness is the mean cosine of backbone features over the pairs of an answer's ten files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attune.core.progress import Progress
from attune.embedding.media_files import Kind
from attune.embedding.network import Affect, Network
from attune.embedding.segments import embed_track
from attune.indexer.records import Item
from attune.retrieval.diversify import NO_CURATION, Curation, RankedItem, curate
from attune.retrieval.near_duplicates import SimilarityScale, find_similarity_scale, fingerprint, mean_cosine
from attune.training.feature_cache import extract_cached_features
from attune.training.manifest import LabelledRow, polarity_codes
from attune.training.readers import read_labelled

TOP = 10
_RANDOM_DRAWS = 2000
_NEUTRAL_AFFECT = Affect(0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class LabelledGallery:
    """Labelled files of one kind.

    Attributes:
        kind: Theirs.
        polarity: int8 (n,), -1 where there is none.
        vectors: Embeddings, float32 (n, 128).
        prints: Fingerprints, float32 (n, width).
        scale: The scale of the cosines between those fingerprints.
    """

    kind: Kind
    polarity: NDArray[np.int8]
    vectors: NDArray[np.float32]
    prints: NDArray[np.float32]
    scale: SimilarityScale

    def __call__(self, item: Item) -> NDArray[np.float32]:
        """Return the fingerprint of a file, which curating sees as an item of a library."""
        return np.asarray(self.prints[item.id])


@dataclass(frozen=True, slots=True)
class DiversityMeasurement:
    """What one weight of variety does in one direction.

    Attributes:
        direction: `music_to_image` or `image_to_music`.
        diverse: The weight.
        p_at_10: Precision by polarity of the ten answers, the polarities of the queries weighing the same.
        kept: Its share of the precision as ranked.
        likeness: Mean cosine between the ten.
        random_likeness: The same of ten files picked at random.
        coverage: Share of the gallery that is in any ten.
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
        vectors = np.concatenate([embed_track(network, one).vectors for one in features])
    prints = np.stack([fingerprint(one) for one in features])
    return LabelledGallery(
        kind, polarity_codes(rows), vectors, prints, find_similarity_scale(backbone, lambda: prints)
    )


def measure(
    images: LabelledGallery, music: LabelledGallery, network: Network, weights: Iterable[float]
) -> list[DiversityMeasurement]:
    """Measure both directions at each weight of variety."""
    return [
        row
        for name, queries, gallery in (("music_to_image", music, images), ("image_to_music", images, music))
        for row in _measure_direction(name, queries, gallery, network, sorted({0.0, *weights}))
    ]


def _measure_direction(
    name: str, queries: LabelledGallery, gallery: LabelledGallery, network: Network, weights: Sequence[float]
) -> list[DiversityMeasurement]:
    scores = network.probability(queries.vectors @ gallery.vectors.T)
    random = _compute_random_likeness(gallery.prints)
    rows: list[DiversityMeasurement] = []
    for weight in weights:
        tens = [_find_top_ten(one, gallery, weight) for one in scores]
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
    """Return the places of the ten answers to one question."""
    curation = Curation(fold=True, diverse=weight) if weight else NO_CURATION
    order = np.argsort(-scores, kind="stable").tolist()
    ranking = (
        RankedItem(_make_item(place, gallery.kind), float(scores[place]), float(scores[place]))
        for place in order
    )
    chosen = curate(ranking, TOP, curation, gallery)
    return [choice.ranked.item.id for choice in chosen]


def _make_item(place: int, kind: Kind) -> Item:
    """Return a labelled file as curating sees the items of a library."""
    return Item(
        place,
        kind,
        str(place),
        _NEUTRAL_AFFECT,
        None,
        None,
        None,
        None,
        place,
        1,
        None,
        width=None,
        height=None,
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
