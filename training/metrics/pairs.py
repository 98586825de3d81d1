"""Metrics of image-music pairs, which are true where both sides have the same polarity.

All pairs of labelled items are used, with exact weights instead of sampling. Half of the weight lies on true
pairs and half on false ones; the three polarities share the true half equally, and the six ordered pairs of
different polarities share the false half. If a polarity has no items, its share is spread over the cells that
have pairs.

Polarity codes are int8: 0 positive, 1 neutral, 2 negative (the order of POLARITIES), -1 unlabelled.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CORRESPONDS = 0.5
"""Threshold of the score: a pair at or above it is called a match."""

_CLASSES = 3
_SAME = np.eye(_CLASSES, dtype=bool)


def polarity_counts(polarity: NDArray[np.int8]) -> NDArray[np.float64]:
    """Count the labelled items of each polarity.

    Args:
        polarity: (N,) codes.

    Returns:
        (3,) counts, without unlabelled items.
    """
    return np.bincount(polarity[polarity >= 0], minlength=_CLASSES).astype(np.float64)


def cell_mass(pairs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distribute a total weight of 1 over the nine cells (image polarity, music polarity).

    Args:
        pairs: (..., 3, 3) number of pairs in each cell.

    Returns:
        (..., 3, 3) weights that sum to 1; all NaN where there are no true pairs or no false ones.
    """
    mass = np.zeros(pairs.shape)
    for kind in (_SAME, ~_SAME):
        present = (pairs > 0) & kind
        cells = present.sum(axis=(-2, -1), keepdims=True)
        mass += np.where(present, 0.5 / np.where(cells > 0, cells, np.nan), 0.0)
        mass += np.where(cells > 0, 0.0, np.nan)
    return mass


def pair_weights(image_polarity: NDArray[np.int8], music_polarity: NDArray[np.int8]) -> NDArray[np.float64]:
    """Return weights of all pairs by which truth and polarities are balanced exactly.

    Args:
        image_polarity: (N,) codes.
        music_polarity: (M,) codes.

    Returns:
        (N, M) weights that sum to 1, 0 for pairs with an unlabelled side; all NaN where there are no true
        pairs or no false ones.
    """
    pairs = np.outer(polarity_counts(image_polarity), polarity_counts(music_polarity))
    mass = cell_mass(pairs)
    if np.isnan(mass).any():
        return np.full((image_polarity.size, music_polarity.size), np.nan)
    # Code -1 indexes the last row or column, whose weight is 0.
    weights = np.zeros((_CLASSES + 1, _CLASSES + 1))
    weights[:_CLASSES, :_CLASSES] = mass / np.maximum(pairs, 1)
    return weights[np.ix_(image_polarity, music_polarity)]


def pair_truth(image_polarity: NDArray[np.int8], music_polarity: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Return which pairs are true.

    Args:
        image_polarity: (N,) codes.
        music_polarity: (M,) codes.

    Returns:
        (N, M), True where both sides are labelled and equal.
    """
    same = np.equal(image_polarity[:, None], music_polarity[None, :])
    return np.logical_and(same, image_polarity[:, None] >= 0)


def pair_accuracy(
    scores: NDArray[np.floating],
    image_polarity: NDArray[np.int8],
    music_polarity: NDArray[np.int8],
    threshold: float = CORRESPONDS,
) -> float:
    """Return the balanced accuracy over pairs.

    Args:
        scores: (N, M) scores.
        image_polarity: (N,) codes.
        music_polarity: (M,) codes.
        threshold: Smallest score of a match.

    Returns:
        Accuracy in [0, 1]; 0.5 for any constant score; NaN without true or without false pairs.
    """
    right = (scores >= threshold) == pair_truth(image_polarity, music_polarity)
    return float(np.sum(pair_weights(image_polarity, music_polarity) * right))


def weighted_auc(
    scores: NDArray[np.floating], truth: NDArray[np.bool_], weights: NDArray[np.float64]
) -> float:
    """Return the probability that a true case has a higher score than a false one; a tie counts one half.

    Args:
        scores: Scores, of any shape.
        truth: Whether each case is true, of the same shape.
        weights: Weights, of the same shape, not negative.

    Returns:
        AUC in [0, 1]; NaN if the true or the false cases have no weight.
    """
    _, rank = np.unique(scores.ravel(), return_inverse=True)
    true_mass = np.bincount(rank, np.where(truth, weights, 0.0).ravel())
    false_mass = np.bincount(rank, np.where(truth, 0.0, weights).ravel())
    return auc_of_ranked_mass(true_mass, false_mass)


def auc_of_ranked_mass(true_mass: NDArray[np.number], false_mass: NDArray[np.number]) -> float:
    """Return the AUC of weights that are summed by rank of score.

    Args:
        true_mass: (R,) total weight of the true cases at each distinct score, ascending.
        false_mass: (R,) the same for the false cases.

    Returns:
        AUC in [0, 1]; NaN if one of the two sums to 0.
    """
    beaten = np.cumsum(false_mass) - false_mass / 2
    total = float(true_mass.sum() * false_mass.sum())
    return float(true_mass @ beaten) / total if total != 0 else float("nan")


def pair_auc(
    scores: NDArray[np.floating], image_polarity: NDArray[np.int8], music_polarity: NDArray[np.int8]
) -> float:
    """Return the balanced AUC of true against false pairs.

    Args:
        scores: (N, M) scores, on any scale.
        image_polarity: (N,) codes.
        music_polarity: (M,) codes.

    Returns:
        AUC in [0, 1]; NaN without true or without false pairs.
    """
    truth = pair_truth(image_polarity, music_polarity)
    return weighted_auc(scores, truth, pair_weights(image_polarity, music_polarity))


def calibration_error(
    scores: NDArray[np.floating],
    image_polarity: NDArray[np.int8],
    music_polarity: NDArray[np.int8],
    bins: int = 15,
) -> float:
    """Return the expected calibration error (Guo et al. 2017) under the balanced weights.

    Args:
        scores: (N, M) probabilities in [0, 1].
        image_polarity: (N,) codes.
        music_polarity: (M,) codes.
        bins: Number of bins of equal width in [0, 1].

    Returns:
        Mean difference of score and share of true pairs, in [0, 1]; NaN without true or without false pairs.
    """
    mass, score_mass, true_mass = reliability(scores, image_polarity, music_polarity, bins)
    return float(np.abs(score_mass - true_mass).sum()) if np.isfinite(mass).all() else float("nan")


def reliability(
    scores: NDArray[np.floating],
    image_polarity: NDArray[np.int8],
    music_polarity: NDArray[np.int8],
    bins: int = 15,
) -> NDArray[np.float64]:
    """Return the data of a reliability diagram: pairs binned by their score.

    Args:
        scores: (N, M) probabilities in [0, 1].
        image_polarity: (N,) codes.
        music_polarity: (M,) codes.
        bins: Number of bins of equal width in [0, 1].

    Returns:
        (3, bins): the balanced weight of the pairs in each bin, that weight times their mean score, and the
        weight of the true pairs; all NaN without true or without false pairs.
    """
    weights = pair_weights(image_polarity, music_polarity)
    bin_of = np.clip((scores * bins).astype(np.int64), 0, bins - 1).ravel()
    parts = (weights, weights * scores, weights * pair_truth(image_polarity, music_polarity))
    return np.stack([np.bincount(bin_of, part.ravel(), minlength=bins) for part in parts])


def match_rates(
    scores: NDArray[np.floating],
    image_polarity: NDArray[np.int8],
    music_polarity: NDArray[np.int8],
    threshold: float = CORRESPONDS,
) -> NDArray[np.float64]:
    """Return the share of pairs that are called a match, by image polarity and music polarity.

    Args:
        scores: (N, M) scores.
        image_polarity: (N,) codes.
        music_polarity: (M,) codes.
        threshold: Smallest score of a match.

    Returns:
        (3, 3), image polarity by music polarity; NaN in cells without pairs.
    """
    matches = (scores >= threshold).astype(np.float64)
    in_image = (image_polarity[:, None] == np.arange(_CLASSES)).astype(np.float64)
    in_music = (music_polarity[:, None] == np.arange(_CLASSES)).astype(np.float64)
    pairs = np.outer(in_image.sum(axis=0), in_music.sum(axis=0))
    match_counts: NDArray[np.float64] = in_image.T @ matches @ in_music
    return match_counts / np.where(pairs > 0, pairs, np.nan)
