"""Graded affect: rank correlation of scores with closeness on the valence-arousal plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class GradedAffect:
    """Rank correlation of score with closeness, each in [-1, 1].

    Attributes:
        spearman: Over all pairs of which both sides have valence and arousal.
        spearman_within: Over the pairs of one polarity, averaged over the polarities. It measures what a
            score adds to the three classes.
    """

    spearman: float
    spearman_within: float


def measure_graded_affect(
    scores: NDArray[np.floating],
    image_points: NDArray[np.float64],
    music_points: NDArray[np.float64],
    image_polarity: NDArray[np.int8],
    music_polarity: NDArray[np.int8],
) -> GradedAffect:
    """Correlate pair scores with closeness, the negative Euclidean distance in valence-arousal.

    Args:
        scores: (N, M), higher is better.
        image_points: (N, 2) valence and arousal in [-1, 1], NaN where unknown.
        music_points: (M, 2), the same.
        image_polarity: (N,) codes, -1 unlabelled.
        music_polarity: (M,) codes.

    Returns:
        Both correlations; NaN where there are too few pairs or all values are equal.
    """
    rated_images = ~np.isnan(image_points).any(axis=1)
    rated_music = ~np.isnan(music_points).any(axis=1)

    def correlation(images: NDArray[np.intp], music: NDArray[np.intp]) -> float:
        offsets = image_points[images][:, None, :] - music_points[music][None, :, :]
        closeness = -np.linalg.norm(offsets, axis=2)
        return spearman(scores[np.ix_(images, music)].ravel(), closeness.ravel())

    within = []
    for polarity in range(3):
        images = np.flatnonzero(rated_images & (image_polarity == polarity))
        music = np.flatnonzero(rated_music & (music_polarity == polarity))
        within.append(correlation(images, music))
    defined = [value for value in within if not np.isnan(value)]
    return GradedAffect(
        spearman=correlation(np.flatnonzero(rated_images), np.flatnonzero(rated_music)),
        spearman_within=float(np.mean(defined)) if defined else float("nan"),
    )


def spearman(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Return the Spearman rank correlation of two columns; ties share their average rank.

    Args:
        first: (N,) values.
        second: (N,) values.

    Returns:
        Correlation in [-1, 1]; NaN if a column is constant or has fewer than two values.
    """
    return pearson(average_ranks(first), average_ranks(second))


def pearson(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Return the Pearson correlation of two columns, over the rows where both are known.

    Args:
        first: (N,) values, NaN where unknown.
        second: (N,) values, NaN where unknown.

    Returns:
        Correlation in [-1, 1]; NaN if a column is constant or has fewer than two values.
    """
    known = ~(np.isnan(first) | np.isnan(second))
    x, y = first[known].astype(np.float64), second[known].astype(np.float64)
    if x.size < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    x, y = x - x.mean(), y - y.mean()
    return float(np.clip((x @ y) / np.sqrt((x @ x) * (y @ y)), -1.0, 1.0))


def r_squared(predicted: NDArray[np.floating], actual: NDArray[np.floating]) -> float:
    """Return the share of variance explained by predictions, over the rows where both are known.

    Args:
        predicted: (N,) values.
        actual: (N,) values, NaN where unknown.

    Returns:
        R², at most 1, and negative if the mean would predict better; NaN if the labels are constant.
    """
    known = ~(np.isnan(predicted) | np.isnan(actual))
    guess, truth = predicted[known].astype(np.float64), actual[known].astype(np.float64)
    if truth.size < 2 or np.ptp(truth) == 0:
        return float("nan")
    return float(1.0 - np.sum((truth - guess) ** 2) / np.sum((truth - truth.mean()) ** 2))


def sign_accuracy(predicted: NDArray[np.floating], actual: NDArray[np.floating]) -> float:
    """Return the share of predictions that have the sign of the label.

    Args:
        predicted: (N,) values.
        actual: (N,) values; NaN and 0 have no sign and are left out.

    Returns:
        Share in [0, 1]; NaN if no label has a sign.
    """
    sided = np.nan_to_num(actual) != 0
    if not sided.any():
        return float("nan")
    return float(np.mean(np.sign(predicted[sided]) == np.sign(actual[sided])))


def average_ranks(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the rank of each value, (N,), from 1 for the smallest; equal values share their average rank."""
    _, tie, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = np.cumsum(counts) - (counts - 1) / 2
    return ranks[tie]
