"""The valence–arousal plane: named moods, and what lies near a point."""

from __future__ import annotations

import math

import numpy as np

from embedding.media import Kind
from embedding.network import Affect
from indexer.library import Library
from retrieval.results import Result
from retrieval.search import Filters, exclusion, inside, result_of

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
    library: Library, valence: float, arousal: float, kind: Kind, filters: Filters
) -> list[Result]:
    """Rank items by their distance from a point of the plane.

    Args:
        library: Where to look.
        valence: In [-1, 1].
        arousal: In [-1, 1].
        kind: What is looked for.
        filters: Number, least score, folders.

    Returns:
        Nearest first; the score is 1 minus the distance's share of the plane's diagonal.
    """
    ids, points = library.affect(kind)
    passes = exclusion(library, filters)
    among = inside(library, kind, filters)
    if among is not None:
        keep = np.isin(ids, among)
        ids, points = ids[keep], points[keep]
    scores = 1.0 - np.hypot(points[:, 0] - valence, points[:, 1] - arousal) / _WIDEST
    ranked = np.lexsort((ids, -scores))
    results: list[Result] = []
    for first in range(0, len(ranked), _LOOK):
        some = ranked[first : first + _LOOK]
        items = library.items(ids[some].tolist())
        for item, score in zip(ids[some].tolist(), scores[some].tolist(), strict=True):
            if len(results) == filters.limit or score < filters.min_score:
                return results
            if passes(items[item]):
                results.append(result_of(items[item], len(results) + 1, score, None))
    return results
