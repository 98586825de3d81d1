"""Metrics of image-music pairs, which are true where both sides are of the same class.

The classes are polarities (correspondence) or mood quadrants (mood). All pairs of labelled items are used,
with exact weights instead of sampling. Half of the weight lies on true pairs and half on false ones; the
classes share the true half equally, and the ordered pairs of different classes share the false half. If a
class has no items, its share is spread over the cells that have pairs.

Class codes are int8 from 0, in the order of POLARITIES or QUADRANTS; -1 is unlabelled.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CORRESPONDS = 0.5
"""Threshold of the score: a pair at or above it is called a match."""


def count_classes(image_classes: NDArray[np.int8], music_classes: NDArray[np.int8]) -> int:
    """Return one more than the highest code of both sides, at least 1: the classes that cells are made of."""
    return 1 + max(0, *(int(codes.max(initial=-1)) for codes in (image_classes, music_classes)))


def cell_mass(pairs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distribute a total weight of 1 over the cells (class of the image, class of the music).

    Args:
        pairs: (..., K, K) number of pairs in each cell.

    Returns:
        (..., K, K) weights that sum to 1; all NaN where there are no true pairs or no false ones.
    """
    same = np.eye(pairs.shape[-1], dtype=bool)
    mass = np.zeros(pairs.shape)
    for kind in (same, ~same):
        present = (pairs > 0) & kind
        cells = present.sum(axis=(-2, -1), keepdims=True)
        mass += np.where(present, 0.5 / np.where(cells > 0, cells, np.nan), 0.0)
        mass += np.where(cells > 0, 0.0, np.nan)
    return mass


def pair_weights(image_classes: NDArray[np.int8], music_classes: NDArray[np.int8]) -> NDArray[np.float64]:
    """Return weights of all pairs by which truth and classes are balanced exactly.

    Args:
        image_classes: (N,) codes.
        music_classes: (M,) codes.

    Returns:
        (N, M) weights that sum to 1, 0 for pairs with an unlabelled side; all NaN where there are no true
        pairs or no false ones.
    """
    count = count_classes(image_classes, music_classes)
    pairs = np.outer(*(_count_items(codes, count) for codes in (image_classes, music_classes)))
    mass = cell_mass(pairs)
    if np.isnan(mass).any():
        return np.full((image_classes.size, music_classes.size), np.nan)
    # Code -1 indexes the last row or column, whose weight is 0.
    weights = np.zeros((count + 1, count + 1))
    weights[:count, :count] = mass / np.maximum(pairs, 1)
    return weights[np.ix_(image_classes, music_classes)]


def pair_truth(image_classes: NDArray[np.int8], music_classes: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Return which pairs are true.

    Args:
        image_classes: (N,) codes.
        music_classes: (M,) codes.

    Returns:
        (N, M), True where both sides are labelled and equal.
    """
    same = np.equal(image_classes[:, None], music_classes[None, :])
    return np.logical_and(same, image_classes[:, None] >= 0)


def pair_accuracy(
    scores: NDArray[np.floating],
    image_classes: NDArray[np.int8],
    music_classes: NDArray[np.int8],
    threshold: float = CORRESPONDS,
) -> float:
    """Return the balanced accuracy over pairs.

    Args:
        scores: (N, M) scores.
        image_classes: (N,) codes.
        music_classes: (M,) codes.
        threshold: Smallest score of a match.

    Returns:
        Accuracy in [0, 1]; 0.5 for any constant score; NaN without true or without false pairs.
    """
    right = (scores >= threshold) == pair_truth(image_classes, music_classes)
    weights = pair_weights(image_classes, music_classes)
    return float(np.sum(weights * right)) if weights.size else float("nan")


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
    scores: NDArray[np.floating], image_classes: NDArray[np.int8], music_classes: NDArray[np.int8]
) -> float:
    """Return the balanced AUC of true against false pairs.

    Args:
        scores: (N, M) scores, on any scale.
        image_classes: (N,) codes.
        music_classes: (M,) codes.

    Returns:
        AUC in [0, 1]; NaN without true or without false pairs.
    """
    truth = pair_truth(image_classes, music_classes)
    return weighted_auc(scores, truth, pair_weights(image_classes, music_classes))


def calibration_error(
    scores: NDArray[np.floating],
    image_classes: NDArray[np.int8],
    music_classes: NDArray[np.int8],
    bins: int = 15,
) -> float:
    """Return the expected calibration error (Guo et al. 2017) under the balanced weights.

    Args:
        scores: (N, M) probabilities in [0, 1].
        image_classes: (N,) codes.
        music_classes: (M,) codes.
        bins: Number of bins of equal width in [0, 1].

    Returns:
        Mean difference of score and share of true pairs, in [0, 1]; NaN without true or without false pairs.
    """
    mass, score_mass, true_mass = reliability(scores, image_classes, music_classes, bins)
    return float(np.abs(score_mass - true_mass).sum()) if np.isfinite(mass).all() else float("nan")


def reliability(
    scores: NDArray[np.floating],
    image_classes: NDArray[np.int8],
    music_classes: NDArray[np.int8],
    bins: int = 15,
) -> NDArray[np.float64]:
    """Return the data of a reliability diagram: pairs binned by their score.

    Args:
        scores: (N, M) probabilities in [0, 1].
        image_classes: (N,) codes.
        music_classes: (M,) codes.
        bins: Number of bins of equal width in [0, 1].

    Returns:
        (3, bins): the balanced weight of the pairs in each bin, that weight times their mean score, and the
        weight of the true pairs; all NaN without true or without false pairs.
    """
    weights = pair_weights(image_classes, music_classes)
    if not weights.size:
        return np.full((3, bins), np.nan)
    bin_of = np.clip((scores * bins).astype(np.int64), 0, bins - 1).ravel()
    parts = (weights, weights * scores, weights * pair_truth(image_classes, music_classes))
    return np.stack([np.bincount(bin_of, part.ravel(), minlength=bins) for part in parts])


def match_rates(
    scores: NDArray[np.floating],
    image_classes: NDArray[np.int8],
    music_classes: NDArray[np.int8],
    classes: int,
    threshold: float = CORRESPONDS,
) -> NDArray[np.float64]:
    """Return the share of pairs that are called a match, by class of the image and class of the music.

    Args:
        scores: (N, M) scores.
        image_classes: (N,) codes.
        music_classes: (M,) codes.
        classes: Number of classes K, whether or not all occur.
        threshold: Smallest score of a match.

    Returns:
        (K, K), class of the image by class of the music; NaN in cells without pairs.
    """
    matches = (scores >= threshold).astype(np.float64)
    in_image = (image_classes[:, None] == np.arange(classes)).astype(np.float64)
    in_music = (music_classes[:, None] == np.arange(classes)).astype(np.float64)
    pairs = np.outer(in_image.sum(axis=0), in_music.sum(axis=0))
    match_counts: NDArray[np.float64] = in_image.T @ matches @ in_music
    return match_counts / np.where(pairs > 0, pairs, np.nan)


def _count_items(codes: NDArray[np.int8], count: int) -> NDArray[np.float64]:
    """Return how many items each of `count` classes has, (count,)."""
    return np.bincount(codes[codes >= 0], minlength=count).astype(np.float64)
