"""Systems side by side: intervals of each, and paired differences between two.

Intervals and differences come from draws of whole groups of both modalities, fold by fold; a replicate of a
fold seed is the mean over its folds. Two systems get the same draws.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attune.training.cross_validation import OutOfFoldPredictions, calibrate_out_of_fold
from attune.training.manifest import group_names
from attune.training.metric_summary import mask_other_sets, summarize_seed, summarize_seeds
from attune.training.metrics import CORRESPONDS, accuracy_replicates, pair_accuracy
from attune.training.systems.base import LabelledFeatures

SetFilter = tuple[Collection[str], Collection[str]]
"""Image sets and music sets of the pairs that count; none: all."""

ALL_SETS: SetFilter = ((), ())


@dataclass(frozen=True, slots=True)
class SystemResult:
    """How a system did.

    Attributes:
        system: Its name.
        results: For each seed a result a fold.
        told: (I, M) probabilities of each.
        figures: From `attune.training.metric_summary`: means over the seeds and, as `… spread`, deviations.
    """

    system: str
    results: Sequence[Sequence[OutOfFoldPredictions]]
    probabilities: Sequence[Sequence[NDArray[np.float64]]]
    figures: dict[str, float]

    @property
    def parameters(self) -> int:
        """Numbers that were learnt."""
        return self.results[0][0].parameters

    @property
    def fit_s(self) -> float:
        """Seconds that learning took, mean over the folds."""
        return float(np.mean([one.fit_s for results in self.results for one in results]))

    @property
    def pair_ms(self) -> float:
        """Milliseconds a pair, mean over the folds."""
        return float(np.mean([one.pair_ms for results in self.results for one in results]))


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval.

    Attributes:
        value: The figure.
        low: Low end.
        high: High end.
        p: Share of replicates at or below zero: of a difference, one-sided.
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
    """Judge out-of-fold results; each fold's probabilities are calibrated on the other folds."""
    probabilities = calibrate_out_of_fold(by_seed, images, music)
    seeds = [
        summarize_seed(results, seed_probabilities, images.rows, music.rows)
        for results, seed_probabilities in zip(by_seed, probabilities, strict=True)
    ]
    return SystemResult(system, by_seed, probabilities, summarize_seeds(seeds))


def estimate_accuracy(
    result: SystemResult, images: LabelledFeatures, music: LabelledFeatures, focus: SetFilter = ALL_SETS
) -> Estimate:
    """Return the correspondence accuracy over the pairs of a focus."""
    return _estimate(
        [_measure_accuracy(result, seed, images, music, focus) for seed in range(len(result.results))]
    )


def estimate_accuracy_difference(
    result: SystemResult,
    baseline: SystemResult,
    images: LabelledFeatures,
    music: LabelledFeatures,
    focus: SetFilter = ALL_SETS,
) -> Estimate:
    """Return by how much one system's accuracy is above another's, on the same pairs and the same draws."""
    seeds = []
    for seed in range(len(result.results)):
        result_accuracy, baseline_accuracy = (
            _measure_accuracy(one, seed, images, music, focus) for one in (result, baseline)
        )
        seeds.append((result_accuracy[0] - baseline_accuracy[0], result_accuracy[1] - baseline_accuracy[1]))
    return _estimate(seeds)


def _measure_accuracy(
    result: SystemResult, seed: int, images: LabelledFeatures, music: LabelledFeatures, focus: SetFilter
) -> tuple[float, NDArray[np.float64]]:
    """Return the accuracy of one fold seed, and its replicates."""
    values, replicates = [], []
    for fold, (one, probabilities) in enumerate(
        zip(result.results[seed], result.probabilities[seed], strict=True)
    ):
        image_rows, music_rows = [images.rows[i] for i in one.images], [music.rows[i] for i in one.music]
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


def _estimate(seeds: Sequence[tuple[float, NDArray[np.float64]]]) -> Estimate:
    """Average over fold seeds, whose draws are of the same files: intervals do not shrink with more seeds."""
    ends = [np.nanquantile(replicates, [0.025, 0.975]) for _, replicates in seeds]
    low, high = np.mean(ends, axis=0)
    below = [np.mean(replicates <= 0) for _, replicates in seeds]
    return Estimate(
        float(np.mean([value for value, _ in seeds])), float(low), float(high), float(np.mean(below))
    )
