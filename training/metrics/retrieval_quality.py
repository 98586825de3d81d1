"""Retrieval metrics by polarity: whether the top of a ranked gallery has the polarity of the query.

An item is relevant if its polarity equals that of the query; queries and gallery items without a polarity are
left out. Every figure is averaged over the queries of each polarity, then over the polarities, so that a
frequent polarity has no more weight than a rare one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class RetrievalQuality:
    """Figures of retrieval in one direction, each in [0, 1].

    Attributes:
        p_at_1: Precision of the first answer.
        p_at_5: Precision of the first five answers.
        p_at_10: Precision of the first ten answers.
        mrr: Mean reciprocal rank of the first relevant answer.
        ndcg_at_10: Normalised discounted cumulative gain of the first ten answers, with relevance 0 or 1.
        chance_p: Expected precision of random answers, averaged in the same way.
    """

    p_at_1: float
    p_at_5: float
    p_at_10: float
    mrr: float
    ndcg_at_10: float
    chance_p: float


def rank_gallery(scores: NDArray[np.floating]) -> NDArray[np.intp]:
    """Rank the gallery for each query, best first, with ties in gallery order.

    Args:
        scores: (queries, gallery), higher is better.

    Returns:
        (queries, gallery) gallery positions.
    """
    return np.argsort(-scores, axis=1, kind="stable")


def measure_retrieval(
    scores: NDArray[np.floating], query_polarity: NDArray[np.int8], gallery_polarity: NDArray[np.int8]
) -> RetrievalQuality:
    """Measure retrieval in one direction.

    Args:
        scores: (queries, gallery), higher is better.
        query_polarity: (queries,) codes, -1 unlabelled.
        gallery_polarity: (gallery,) codes, -1 unlabelled.

    Returns:
        The figures; NaN if no query or no gallery item is labelled.
    """
    query_labels = query_polarity[query_polarity >= 0]
    gallery_labels = gallery_polarity[gallery_polarity >= 0]
    if not query_labels.size or not gallery_labels.size:
        return RetrievalQuality(*[float("nan")] * 6)
    relevant = _relevance(scores, query_polarity, gallery_polarity)
    return RetrievalQuality(
        p_at_1=_balanced_mean(_precisions(relevant, 1), query_labels),
        p_at_5=_balanced_mean(_precisions(relevant, 5), query_labels),
        p_at_10=_balanced_mean(_precisions(relevant, 10), query_labels),
        mrr=_balanced_mean(_reciprocal_ranks(relevant), query_labels),
        ndcg_at_10=_balanced_mean(_normalised_gains(relevant, 10), query_labels),
        chance_p=_balanced_mean(_precisions(relevant, relevant.shape[1]), query_labels),
    )


def precision_at(
    scores: NDArray[np.floating],
    query_polarity: NDArray[np.int8],
    gallery_polarity: NDArray[np.int8],
    k: int = 10,
) -> float:
    """Return the share of relevant items among the first k answers.

    Args:
        scores: (queries, gallery), higher is better.
        query_polarity: (queries,) codes, -1 unlabelled.
        gallery_polarity: (gallery,) codes, -1 unlabelled.
        k: Number of answers; the whole gallery if it has fewer items.

    Returns:
        Precision in [0, 1]; NaN if no query or no gallery item is labelled.
    """
    query_labels = query_polarity[query_polarity >= 0]
    if not query_labels.size or not np.any(gallery_polarity >= 0):
        return float("nan")
    return _balanced_mean(_precisions(_relevance(scores, query_polarity, gallery_polarity), k), query_labels)


def _relevance(
    scores: NDArray[np.floating], query_polarity: NDArray[np.int8], gallery_polarity: NDArray[np.int8]
) -> NDArray[np.bool_]:
    """Return, for each labelled query and rank, whether the labelled gallery item there is relevant."""
    labelled_queries, labelled_gallery = query_polarity >= 0, gallery_polarity >= 0
    ranked = rank_gallery(scores[np.ix_(labelled_queries, labelled_gallery)])
    return np.equal(gallery_polarity[labelled_gallery][ranked], query_polarity[labelled_queries][:, None])


def _balanced_mean(figures: NDArray[np.float64], polarity: NDArray[np.int8]) -> float:
    """Average over the queries of each polarity, then over the polarities."""
    return float(np.mean([figures[polarity == code].mean() for code in np.unique(polarity)]))


def _precisions(relevant: NDArray[np.bool_], k: int) -> NDArray[np.float64]:
    return np.asarray(relevant[:, :k].mean(axis=1))


def _reciprocal_ranks(relevant: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.where(relevant.any(axis=1), 1.0 / (relevant.argmax(axis=1) + 1), 0.0)


def _normalised_gains(relevant: NDArray[np.bool_], k: int) -> NDArray[np.float64]:
    """Return the nDCG of each query (Järvelin, Kekäläinen 2002); 0 if no item is relevant."""
    discounts = 1.0 / np.log2(np.arange(min(k, relevant.shape[1])) + 2)
    best = np.concatenate([[0.0], np.cumsum(discounts)])
    ideal = best[np.minimum(relevant.sum(axis=1), discounts.size)]
    gained = relevant[:, : discounts.size] @ discounts
    return np.where(ideal > 0, gained / np.where(ideal > 0, ideal, 1.0), 0.0)
