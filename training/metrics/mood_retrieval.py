"""Retrieval by mood: whether the first answers stand in the query's quadrant, and how near to it.

Queries are the files with a mood quadrant. The gallery is every file with a place; those of the middle third
are in it and right for nobody. Equal scores are ordered by a seeded shuffle, never by the order of files.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from attune.training.metrics.graded_ndcg import graded_gain, graded_ndcg, ndcg_replicates
from attune.training.metrics.group_draws import percentile_interval
from attune.training.metrics.hubness import Distinctness, measure_spread
from attune.training.metrics.mood_labels import QUADRANTS, MoodLabels

_NAN = float("nan")
_DEPTH = 10


@dataclass(frozen=True, slots=True)
class MoodRetrieval:
    """Figures of retrieval by mood in one direction; NaN where not defined.

    Attributes:
        p_at_10: Share of right answers among the first min(10, r), where r are the right ones that there are;
            mean over the quadrants that both sides have.
        chance_p: Expected share of random answers, averaged in the same way.
        lift: `p_at_10` divided by `chance_p`.
        first: Share of first answers in the query's quadrant, mean over the quadrants.
        first_by_quadrant: That share for the queries of each quadrant; NaN for those that a side lacks.
        ndcg_at_10: nDCG of the first ten answers, graded by the distance of places; mean over the queries.
        ndcg_replicates: (R,) its bootstrap replicates, from the draws that were given.
        spread: Distinctness of the first ten answers.
    """

    p_at_10: float
    chance_p: float
    lift: float
    first: float
    first_by_quadrant: tuple[float, ...]
    ndcg_at_10: float
    ndcg_replicates: NDArray[np.float64] = field(compare=False, repr=False)
    spread: Distinctness

    @property
    def ndcg_interval(self) -> tuple[float, float]:
        """The 95 % interval of nDCG@10."""
        return percentile_interval(self.ndcg_replicates)


def measure_mood_retrieval(
    scores: NDArray[np.floating],
    queries: MoodLabels,
    gallery: MoodLabels,
    query_times: NDArray[np.int64],
    gallery_times: NDArray[np.int64],
    seed: int = 0,
) -> MoodRetrieval:
    """Measure retrieval by mood in one direction.

    Args:
        scores: (N, M), higher is better.
        queries: Mood of the N files of the querying side.
        gallery: Mood of the M files of the other side.
        query_times: (R, N) how often each file is drawn in each bootstrap replicate.
        gallery_times: (R, M) the same for the other side.
        seed: Seed of the shuffle that orders equal scores.
    """
    asking, shown = queries.quadrants >= 0, gallery.placed
    if not (asking.any() and shown.any()):
        undefined = np.full(len(query_times), _NAN)
        return MoodRetrieval(_NAN, _NAN, _NAN, _NAN, (_NAN,) * 4, _NAN, undefined, Distinctness(*[_NAN] * 3))
    ranked = _rank_shuffled(scores[:, shown], seed)[asking]
    precision, first, chance = _measure_by_quadrant(
        queries.quadrants[asking], gallery.quadrants[shown], ranked
    )
    gain = graded_gain(queries.places[asking], gallery.places[shown])
    mean_precision, mean_chance = _average_known(precision), _average_known(chance)
    return MoodRetrieval(
        p_at_10=mean_precision,
        chance_p=mean_chance,
        lift=mean_precision / mean_chance,
        first=_average_known(first),
        first_by_quadrant=tuple(first.tolist()),
        ndcg_at_10=float(graded_ndcg(gain, ranked).mean()),
        ndcg_replicates=ndcg_replicates(gain, ranked, query_times[:, asking], gallery_times[:, shown]),
        spread=measure_spread(ranked[:, :_DEPTH], ranked.shape[1]),
    )


def _rank_shuffled(scores: NDArray[np.floating], seed: int) -> NDArray[np.intp]:
    """Rank the gallery for each row, best first, (N, G); the seed orders equal scores."""
    shuffle = np.random.default_rng(seed).random(scores.shape)
    return np.lexsort((shuffle, -scores), axis=1)


def _measure_by_quadrant(
    asked: NDArray[np.int8], shown: NDArray[np.int8], ranked: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return precision, share of right first answers and chance, each (4,); NaN where a side has none."""
    precision, first, chance = np.full((3, len(QUADRANTS)), np.nan)
    for quadrant in range(len(QUADRANTS)):
        mine, right = asked == quadrant, int(np.sum(shown == quadrant))
        if mine.any() and right:
            hits = shown[ranked[mine, : min(_DEPTH, right)]] == quadrant
            precision[quadrant], first[quadrant] = hits.mean(), hits[:, 0].mean()
            chance[quadrant] = right / shown.size
    return precision, first, chance


def _average_known(figures: NDArray[np.float64]) -> float:
    known = figures[~np.isnan(figures)]
    return float(known.mean()) if known.size else _NAN
