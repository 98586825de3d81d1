"""Comparison of systems: intervals of each, and paired differences between two.

Intervals and differences are bootstrapped by drawing whole groups of both modalities, fold by fold. A
replicate of a fold seed is the mean over its folds. Two systems are given the same draws.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attune.training.calibration import CORRESPONDENCE, calibrate_out_of_fold
from attune.training.cross_validation import OutOfFoldPredictions
from attune.training.manifest import group_names
from attune.training.metric_summary import mask_other_sets, summarize_seed, summarize_seeds
from attune.training.metrics import CORRESPONDS, accuracy_replicates, pair_accuracy, percentile_interval
from attune.training.systems.base import LabelledFeatures

SetFilter = tuple[Collection[str], Collection[str]]
"""Image sets and music sets of the pairs that count; an empty collection means all sets."""

ALL_SETS: SetFilter = ((), ())


@dataclass(frozen=True, slots=True)
class SystemResult:
    """Out-of-fold results of a system and the figures computed from them.

    Attributes:
        system: The system's name.
        results: For each fold seed, the predictions of each fold.
        probabilities: For each fold seed, the calibrated pair probabilities (I, M) of each fold.
        figures: Figures of `attune.training.metric_summary`: means over the seeds and, under names that end
            in `spread`, standard deviations.
    """

    system: str
    results: Sequence[Sequence[OutOfFoldPredictions]]
    probabilities: Sequence[Sequence[NDArray[np.float64]]]
    figures: dict[str, float]

    @property
    def parameters(self) -> int:
        """Number of learnt parameters."""
        return self.results[0][0].parameters

    @property
    def fit_s(self) -> float:
        """Training time in seconds, mean over the folds."""
        return float(np.mean([predictions.fit_s for results in self.results for predictions in results]))

    @property
    def pair_ms(self) -> float:
        """Scoring time in milliseconds per pair, mean over the folds."""
        return float(np.mean([predictions.pair_ms for results in self.results for predictions in results]))


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval.

    Attributes:
        value: The figure.
        low: Low end of the interval.
        high: High end of the interval.
        p: Share of replicates at or below zero: the one-sided p-value of a difference.
    """

    value: float
    low: float
    high: float
    p: float


def evaluate_system(
    system: str,
    by_seed: Sequence[Sequence[OutOfFoldPredictions]],
    images: LabelledFeatures,
    music: LabelledFeatures,
) -> SystemResult:
    """Evaluate out-of-fold results; each fold's probabilities are calibrated on the other folds."""
    probabilities = calibrate_out_of_fold(by_seed, images, music, CORRESPONDENCE)
    seeds = [
        summarize_seed(results, seed_probabilities, images.rows, music.rows)
        for results, seed_probabilities in zip(by_seed, probabilities, strict=True)
    ]
    return SystemResult(system, by_seed, probabilities, summarize_seeds(seeds))


def estimate_accuracy(
    result: SystemResult, images: LabelledFeatures, music: LabelledFeatures, focus: SetFilter = ALL_SETS
) -> Estimate:
    """Return the correspondence accuracy over the pairs of the sets in `focus`."""
    return estimate_mean(
        [_measure_accuracy(result, seed, images, music, focus) for seed in range(len(result.results))]
    )


def estimate_accuracy_difference(
    result: SystemResult,
    baseline: SystemResult,
    images: LabelledFeatures,
    music: LabelledFeatures,
    focus: SetFilter = ALL_SETS,
) -> Estimate:
    """Return the difference in accuracy between two systems, on the same pairs and the same draws."""
    seeds = []
    for seed in range(len(result.results)):
        result_accuracy, baseline_accuracy = (
            _measure_accuracy(system_result, seed, images, music, focus)
            for system_result in (result, baseline)
        )
        seeds.append((result_accuracy[0] - baseline_accuracy[0], result_accuracy[1] - baseline_accuracy[1]))
    return estimate_mean(seeds)


def _measure_accuracy(
    result: SystemResult, seed: int, images: LabelledFeatures, music: LabelledFeatures, focus: SetFilter
) -> tuple[float, NDArray[np.float64]]:
    """Return the accuracy of one fold seed, and its bootstrap replicates (R,)."""
    values, replicates = [], []
    for fold, (predictions, probabilities) in enumerate(
        zip(result.results[seed], result.probabilities[seed], strict=True)
    ):
        image_rows = [images.rows[i] for i in predictions.images]
        music_rows = [music.rows[i] for i in predictions.music]
        polarities = mask_other_sets(image_rows, focus[0]), mask_other_sets(music_rows, focus[1])
        values.append(pair_accuracy(probabilities, *polarities))
        replicates.append(
            accuracy_replicates(
                probabilities >= CORRESPONDS,
                *polarities,
                group_names(image_rows),
                group_names(music_rows),
                seed=100 * seed + fold,
            )
        )
    return float(np.nanmean(values)), np.nanmean(replicates, axis=0)


def estimate_mean(seeds: Sequence[tuple[float, NDArray[np.float64]]]) -> Estimate:
    """Average a figure and its interval over the fold seeds.

    Ends of intervals are averaged, not replicates: all seeds use the same files, so that more seeds must not
    make an interval narrower.

    Args:
        seeds: For each fold seed, the figure and its bootstrap replicates (R,), which may be NaN.

    Returns:
        The estimate; NaN where the figure is not defined.
    """
    low, high = np.mean([percentile_interval(replicates) for _, replicates in seeds], axis=0)
    below = [_share_below_zero(replicates) for _, replicates in seeds]
    return Estimate(
        float(np.mean([value for value, _ in seeds])), float(low), float(high), float(np.mean(below))
    )


def _share_below_zero(replicates: NDArray[np.float64]) -> float:
    defined = replicates[~np.isnan(replicates)]
    return float(np.mean(defined <= 0)) if defined.size else float("nan")
