"""The valence–arousal plane: named moods, what lies near a point, and what a mood adds to a query."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from attune.embedding.media import Kind
from attune.embedding.network import Affect, Network
from attune.indexer.library import Library
from attune.retrieval.curate import Ranked
from attune.retrieval.results import Result
from attune.retrieval.search import Filters, chosen, exclusion, inside, result_of, with_moments

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

_LOOK = 100  # items at a time, until enough pass
_WIDEST = math.sqrt(8.0)  # from (-1, -1) to (1, 1)


def mood_word(affect: Affect) -> str:
    """Return the named mood that lies nearest."""
    return min(MOODS, key=lambda mood: math.dist(MOODS[mood], (affect.valence, affect.arousal)))


def nearest_on_plane(
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
    ids, points = _places(library, kind, filters)
    scores = closeness(points, (valence, arousal))
    order = np.lexsort((ids, -scores))
    order = order[scores[order] >= filters.min_score]
    ranking = _passing(library, filters, ids[order], scores[order], scores[order])
    choices = chosen(library, network, kind, filters, ranking)
    return [
        result_of(choice.ranked.item, rank, choice.ranked.score, None, choice.alike)
        for rank, choice in enumerate(choices, start=1)
    ]


def nearest_toward(
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
    ids, points = _places(library, kind, filters)
    found, inner = library.nearest(kind, vector, max(len(ids), 1), ids.tolist())
    scores = network.probability(inner)
    worth = (scores + closeness(points[np.searchsorted(ids, found)], mood)) / 2.0
    order = np.lexsort((found, -worth))
    order = order[scores[order] >= filters.min_score]
    ranking = _passing(library, filters, found[order], scores[order], worth[order])
    return with_moments(library, network, vector, chosen(library, network, kind, filters, ranking))


def closeness(points: NDArray[np.float64], mood: tuple[float, float]) -> NDArray[np.float64]:
    """Return 1 less the distance's share of the plane's diagonal: 1 at the mood itself, 0 at the far corner.

    Args:
        points: Valence and arousal, (n, 2).
        mood: Valence and arousal.
    """
    return np.asarray(1.0 - np.hypot(points[:, 0] - mood[0], points[:, 1] - mood[1]) / _WIDEST)


def _places(library: Library, kind: Kind, filters: Filters) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return ids, ascending, and places, (n, 2), of what lies in the folders and dates of a filter."""
    ids, points = library.affect(kind)
    among = inside(library, kind, filters)
    if among is None:
        return ids, points
    keep = np.isin(ids, among)
    return ids[keep], points[keep]


def _passing(
    library: Library,
    filters: Filters,
    ids: NDArray[np.int64],
    scores: NDArray[np.float64],
    worth: NDArray[np.float64],
) -> Iterator[Ranked]:
    """Yield what the globs of a filter let pass, in the order given."""
    passes = exclusion(library, filters)
    for first in range(0, len(ids), _LOOK):
        some = slice(first, first + _LOOK)
        items = library.items(ids[some].tolist())
        rows = zip(ids[some].tolist(), scores[some].tolist(), worth[some].tolist(), strict=True)
        for item, score, value in rows:
            if passes(items[item]):
                yield Ranked(items[item], score, value)
