"""The valence–arousal plane: named moods, what lies near a point, and what a mood adds to a query."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from attune.embedding.media_files import Kind
from attune.embedding.network import Affect, Network
from attune.indexer.library import Library
from attune.retrieval.diversify import RankedItem
from attune.retrieval.results import Result
from attune.retrieval.search import (
    Filters,
    build_glob_filter,
    build_results,
    filter_ids,
    make_result,
    select_answers,
)

# Places of everyday words on Russell's circumplex (A circumplex model of affect, 1980), on our scale.
MOODS: dict[str, tuple[float, float]] = {
    "festive": (0.55, 0.5),
    "bright": (0.6, 0.1),
    "calm": (0.35, -0.45),
    "wistful": (-0.1, -0.4),
    "sad": (-0.5, -0.35),
    "dark": (-0.55, 0.05),
    "tense": (-0.45, 0.5),
    "stirring": (0.1, 0.5),
    "neutral": (0.0, 0.0),
}

_BATCH = 100  # items at a time, until enough pass
_DIAGONAL = math.sqrt(8.0)  # from (-1, -1) to (1, 1)


def mood_word(affect: Affect) -> str:
    """Return the named mood that lies nearest."""
    return min(MOODS, key=lambda mood: math.dist(MOODS[mood], (affect.valence, affect.arousal)))


def search_plane(
    library: Library, network: Network, valence: float, arousal: float, kind: Kind, filters: Filters
) -> list[Result]:
    """Rank items by their distance from a point of the plane.

    Args:
        library: Where to look.
        network: The network of that library.
        valence: In [-1, 1].
        arousal: In [-1, 1].
        kind: What is looked for.
        filters: Number, least score, folders.

    Returns:
        Nearest first, or as `filters.curation` has it; the score is the closeness.
    """
    ids, points = _load_points(library, kind, filters)
    scores = closeness(points, (valence, arousal))
    order = np.lexsort((ids, -scores))
    order = order[scores[order] >= filters.min_score]
    ranking = _filter_ranking(library, filters, ids[order], scores[order], scores[order])
    choices = select_answers(library, network, kind, filters, ranking)
    return [
        make_result(choice.ranked.item, rank, choice.ranked.score, None, choice.alike)
        for rank, choice in enumerate(choices, start=1)
    ]


def search_with_mood(
    library: Library,
    network: Network,
    vector: NDArray[np.float32],
    mood: tuple[float, float],
    kind: Kind,
    filters: Filters,
) -> list[Result]:
    """Rank items by what corresponds with an embedding and lies near a mood: "like this song, but calmer".

    What counts is the mean of two numbers in [0, 1]: the correspondence probability, and the closeness to the
    mood. All items are looked at.

    Args:
        library: Where to look.
        network: The network of that library.
        vector: float32 (128,), unit length, of the other modality.
        mood: Valence and arousal, each in [-1, 1].
        kind: What is looked for.
        filters: Number, least score, folders, curation.

    Returns:
        Best first, equal ones in the order of ids; or as `filters.curation` has it. The score stays the
        correspondence probability, so it need not fall from answer to answer.
    """
    ids, points = _load_points(library, kind, filters)
    found, inner = library.nearest(kind, vector, max(len(ids), 1), ids.tolist())
    scores = network.probability(inner)
    worth = (scores + closeness(points[np.searchsorted(ids, found)], mood)) / 2.0
    order = np.lexsort((found, -worth))
    order = order[scores[order] >= filters.min_score]
    ranking = _filter_ranking(library, filters, found[order], scores[order], worth[order])
    return build_results(library, network, vector, select_answers(library, network, kind, filters, ranking))


def closeness(points: NDArray[np.float64], mood: tuple[float, float]) -> NDArray[np.float64]:
    """Return 1 less the distance's share of the plane's diagonal: 1 at the mood itself, 0 at the far corner.

    Args:
        points: Valence and arousal, (n, 2).
        mood: Valence and arousal.
    """
    return np.asarray(1.0 - np.hypot(points[:, 0] - mood[0], points[:, 1] - mood[1]) / _DIAGONAL)


def _load_points(
    library: Library, kind: Kind, filters: Filters
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return ids, ascending, and places, (n, 2), of what lies in the folders and dates of a filter."""
    ids, points = library.affect(kind)
    allowed_ids = filter_ids(library, kind, filters)
    if allowed_ids is None:
        return ids, points
    keep = np.isin(ids, allowed_ids)
    return ids[keep], points[keep]


def _filter_ranking(
    library: Library,
    filters: Filters,
    ids: NDArray[np.int64],
    scores: NDArray[np.float64],
    worth: NDArray[np.float64],
) -> Iterator[RankedItem]:
    """Yield what the globs of a filter let pass, in the order given."""
    passes = build_glob_filter(library, filters)
    for first in range(0, len(ids), _BATCH):
        some = slice(first, first + _BATCH)
        items = library.items(ids[some].tolist())
        rows = zip(ids[some].tolist(), scores[some].tolist(), worth[some].tolist(), strict=True)
        for item, score, value in rows:
            if passes(items[item]):
                yield RankedItem(items[item], score, value)
