"""nDCG@10 with a gain that falls with the distance of two places on the plane of valence and arousal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_DEPTH = 10
_DISCOUNTS = 1.0 / np.log2(np.arange(_DEPTH) + 2)
_SUMMED_DISCOUNTS = np.concatenate([[0.0], np.cumsum(_DISCOUNTS)])
_FIRST_HEAD = 32


def graded_gain(
    query_places: NDArray[np.float64], gallery_places: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return exp(-d²/0.5) of each query and gallery item, (Q, G), where d is the distance of their places.

    Args:
        query_places: (Q, 2) places in [-1, 1].
        gallery_places: (G, 2) places in [-1, 1].
    """
    squares = ((query_places[:, None] - gallery_places[None]) ** 2).sum(axis=2)
    return np.asarray(np.exp(-squares / 0.5))


def graded_ndcg(gain: NDArray[np.float64], ranked: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the nDCG@10 of each query, (Q,), in [0, 1].

    Args:
        gain: (Q, G) gains.
        ranked: (Q, G) gallery positions, the best answer first.
    """
    discounts = _DISCOUNTS[: gain.shape[1]]
    ideal = -np.sort(-gain, axis=1)[:, : discounts.size] @ discounts
    return np.asarray(np.take_along_axis(gain, ranked[:, : discounts.size], axis=1) @ discounts / ideal)


def ndcg_replicates(
    gain: NDArray[np.float64],
    ranked: NDArray[np.intp],
    query_times: NDArray[np.int64],
    gallery_times: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the mean nDCG@10 of each bootstrap replicate, (R,), NaN where no query is drawn.

    An item that is drawn twice stands in the gallery twice, on neighbouring ranks, in the answers and in the
    ideal order alike.

    Args:
        gain: (Q, G) gains.
        ranked: (Q, G) gallery positions, the best answer first.
        query_times: (R, Q) how often each query is drawn.
        gallery_times: (R, G) how often each gallery item is drawn.
    """
    ideal = np.argsort(-gain, axis=1, kind="stable")
    gain_ranked, gain_ideal = (np.take_along_axis(gain, order, axis=1) for order in (ranked, ideal))
    figures = np.full(len(query_times), np.nan)
    for replicate, (times, drawn) in enumerate(zip(query_times, gallery_times, strict=True)):
        if times.any():
            ndcg = _sum_drawn(gain_ranked, ranked, drawn) / _sum_drawn(gain_ideal, ideal, drawn)
            figures[replicate] = times @ ndcg / times.sum()
    return figures


def _sum_drawn(
    gain: NDArray[np.float64], order: NDArray[np.intp], drawn: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the discounted gain of the first ten drawn items of each query, (Q,).

    Args:
        gain: (Q, G) gains in the order of the ranks.
        order: (Q, G) gallery positions in that order.
        drawn: (G,) how often each gallery item is drawn.
    """
    head = _FIRST_HEAD
    last_rank = np.cumsum(drawn[order[:, :head]], axis=1)
    while head < order.shape[1] and last_rank[:, -1].min() < _DEPTH:  # few of the first ranks were drawn
        head *= 2
        last_rank = np.cumsum(drawn[order[:, :head]], axis=1)
    summed = _SUMMED_DISCOUNTS[np.minimum(last_rank, _DEPTH)]
    return np.asarray((gain[:, :head] * np.diff(summed, axis=1, prepend=0.0)).sum(axis=1))
