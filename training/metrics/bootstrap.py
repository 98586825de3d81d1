"""Bootstrap intervals of pair accuracy and AUC over groups of both modalities.

Pairs of one song or one theme are not independent. Therefore whole groups are drawn with replacement, for
each modality independently (the pigeonhole bootstrap, Owen 2007); the balance of
`attune.training.metrics.pairs` is restored in each replicate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attune.training.metrics.pairs import CORRESPONDS, auc_of_ranked_mass, cell_mass, pair_truth

_CLASSES = 3
# Largest number of distinct ranks of scores: changes an AUC by about 0.00001 and halves the time.
_STEPS = 1024


@dataclass(frozen=True, slots=True)
class PairIntervals:
    """Low and high ends of the 95 % intervals; NaN where a figure is not defined."""

    accuracy: tuple[float, float]
    auc: tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Draws:
    """Bootstrap draws of one modality: counts of each item, (replicates, N), and polarities, (N,)."""

    times: NDArray[np.float64]
    polarity: NDArray[np.int8]

    def counts(self) -> NDArray[np.float64]:
        """Return the number of items of each polarity in each replicate, (replicates, 3)."""
        counts: NDArray[np.float64] = self.times @ np.eye(_CLASSES)[self.polarity]
        return counts


def pair_intervals(
    scores: NDArray[np.floating],
    image_polarity: NDArray[np.int8],
    music_polarity: NDArray[np.int8],
    image_groups: Sequence[str],
    music_groups: Sequence[str],
    replicates: int = 1000,
    seed: int = 0,
) -> PairIntervals:
    """Return 95 % percentile intervals of pair accuracy and AUC.

    Args:
        scores: (N, M) probabilities; a pair is called a match at 0.5 or above.
        image_polarity: (N,) codes, -1 unlabelled (left out).
        music_polarity: (M,) codes, -1 unlabelled (left out).
        image_groups: N group names, unique across data sets.
        music_groups: M group names.
        replicates: Number of replicates.
        seed: Seed of the draws.

    Returns:
        Both intervals. Replicates without true or without false pairs do not count.
    """
    labelled_images, labelled_music = image_polarity >= 0, music_polarity >= 0
    if not labelled_images.any() or not labelled_music.any():
        return PairIntervals((float("nan"),) * 2, (float("nan"),) * 2)
    rng = np.random.default_rng(seed)
    images = _draw(image_groups, image_polarity, labelled_images, replicates, rng)
    music = _draw(music_groups, music_polarity, labelled_music, replicates, rng)
    labelled_scores = scores[np.ix_(labelled_images, labelled_music)]
    pairs = images.counts()[:, :, None] * music.counts()[:, None, :]
    mass = cell_mass(pairs)
    return PairIntervals(
        accuracy=_percentile_interval(
            _accuracies(labelled_scores >= CORRESPONDS, images, music, pairs, mass)
        ),
        auc=_percentile_interval(_aucs(labelled_scores, images, music, mass / np.maximum(pairs, 1))),
    )


def accuracy_replicates(
    called: NDArray[np.bool_],
    image_polarity: NDArray[np.int8],
    music_polarity: NDArray[np.int8],
    image_groups: Sequence[str],
    music_groups: Sequence[str],
    *,
    replicates: int = 1000,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return the pair accuracy of each replicate, (replicates,), NaN without true or without false pairs.

    The same groups and seed give the same draws, so that differences between two systems are paired.

    Args:
        called: (N, M) whether a pair is called a match.
        image_polarity: (N,) codes, -1 unlabelled (left out).
        music_polarity: (M,) codes, -1 unlabelled (left out).
        image_groups: N group names, unique across data sets.
        music_groups: M group names.
        replicates: Number of replicates.
        seed: Seed of the draws.
    """
    labelled_images, labelled_music = image_polarity >= 0, music_polarity >= 0
    if not labelled_images.any() or not labelled_music.any():
        return np.full(replicates, np.nan)
    rng = np.random.default_rng(seed)
    images = _draw(image_groups, image_polarity, labelled_images, replicates, rng)
    music = _draw(music_groups, music_polarity, labelled_music, replicates, rng)
    pairs = images.counts()[:, :, None] * music.counts()[:, None, :]
    labelled_matches = called[np.ix_(labelled_images, labelled_music)]
    return _accuracies(labelled_matches, images, music, pairs, cell_mass(pairs))


def _draw(
    groups: Sequence[str],
    polarity: NDArray[np.int8],
    labelled: NDArray[np.bool_],
    replicates: int,
    rng: np.random.Generator,
) -> _Draws:
    names, member = np.unique(np.asarray(groups, dtype=np.str_)[labelled], return_inverse=True)
    times = rng.multinomial(names.size, np.full(names.size, 1.0 / names.size), size=replicates)
    return _Draws(times[:, member].astype(np.float64), polarity[labelled])


def _accuracies(
    called: NDArray[np.bool_],
    images: _Draws,
    music: _Draws,
    pairs: NDArray[np.float64],
    mass: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the accuracy of each replicate, by two small matrix products per cell, not pair by pair."""
    accuracy = np.zeros(len(pairs))
    for row in range(_CLASSES):
        for column in range(_CLASSES):
            rows, columns = images.polarity == row, music.polarity == column
            drawn = images.times[:, rows] @ called[np.ix_(rows, columns)].astype(np.float64)
            matches = np.sum(drawn * music.times[:, columns], axis=1) / np.maximum(pairs[:, row, column], 1)
            accuracy += mass[:, row, column] * (matches if row == column else 1.0 - matches)
    return accuracy


def _aucs(
    scores: NDArray[np.floating], images: _Draws, music: _Draws, weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the AUC of each replicate; scores are ranked once, since only the weights differ."""
    distinct, rank = np.unique(scores.ravel(), return_inverse=True)
    steps = min(_STEPS, distinct.size)
    # True pairs use slots 0 to steps - 1, false pairs the following: one count per replicate serves both.
    slot = rank * steps // distinct.size
    slot += np.where(pair_truth(images.polarity, music.polarity).ravel(), 0, steps)
    aucs = np.empty(len(weights))
    for replicate, cell in enumerate(weights):
        item = images.times[replicate][:, None] * cell[images.polarity]
        pair = item[:, music.polarity] * music.times[replicate]
        mass_by_slot = np.bincount(slot, pair.ravel(), minlength=2 * steps)
        aucs[replicate] = auc_of_ranked_mass(mass_by_slot[:steps], mass_by_slot[steps:])
    return aucs


def _percentile_interval(figures: NDArray[np.float64]) -> tuple[float, float]:
    defined = figures[~np.isnan(figures)]
    if not defined.size:
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [0.025, 0.975])
    return float(low), float(high)
