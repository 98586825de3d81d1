"""Systems side by side: intervals of each, and paired differences between two.

Intervals and differences come from draws of whole groups of both modalities, fold by fold; a replicate of a
fold seed is the mean over its folds. Two systems get the same draws.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attune.training.crossval import Result, calibrated
from attune.training.figures import of_sets, seed_figures, summary
from attune.training.manifest import Row
from attune.training.metrics import CORRESPONDS, accuracy_replicates, pair_accuracy
from attune.training.systems.system import Material

Focus = tuple[Collection[str], Collection[str]]
"""Image sets and music sets of the pairs that count; none: all."""

EVERYTHING: Focus = ((), ())


@dataclass(frozen=True, slots=True)
class Standing:
    """How a system did.

    Attributes:
        system: Its name.
        results: For each seed a result a fold.
        told: (I, M) probabilities of each.
        figures: Of `training.figures`, means over the seeds and, as `… spread`, their deviations.
    """

    system: str
    results: Sequence[Sequence[Result]]
    told: Sequence[Sequence[NDArray[np.float64]]]
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


def standing(system: str, by_seed: Sequence[Sequence[Result]], images: Material, music: Material) -> Standing:
    """Judge out-of-fold results; each fold's probabilities are calibrated on the other folds."""
    told = calibrated(by_seed, images, music)
    seeds = [
        seed_figures(results, probabilities, images.rows, music.rows)
        for results, probabilities in zip(by_seed, told, strict=True)
    ]
    return Standing(system, by_seed, told, summary(seeds))


def accuracy(of: Standing, images: Material, music: Material, focus: Focus = EVERYTHING) -> Estimate:
    """Return the correspondence accuracy over the pairs of a focus."""
    return _estimate([_accuracies(of, seed, images, music, focus) for seed in range(len(of.results))])


def lead(
    of: Standing, over: Standing, images: Material, music: Material, focus: Focus = EVERYTHING
) -> Estimate:
    """Return by how much one system's accuracy is above another's, on the same pairs and the same draws."""
    seeds = []
    for seed in range(len(of.results)):
        ours, theirs = (_accuracies(one, seed, images, music, focus) for one in (of, over))
        seeds.append((ours[0] - theirs[0], ours[1] - theirs[1]))
    return _estimate(seeds)


def _accuracies(
    of: Standing, seed: int, images: Material, music: Material, focus: Focus
) -> tuple[float, NDArray[np.float64]]:
    """Return the accuracy of one fold seed, and its replicates."""
    values, replicates = [], []
    for fold, (one, told) in enumerate(zip(of.results[seed], of.told[seed], strict=True)):
        image_rows, music_rows = [images.rows[i] for i in one.images], [music.rows[i] for i in one.music]
        felt = of_sets(image_rows, focus[0]), of_sets(music_rows, focus[1])
        values.append(pair_accuracy(told, *felt))
        replicates.append(
            accuracy_replicates(
                told >= CORRESPONDS, *felt, _groups(image_rows), _groups(music_rows), seed=100 * seed + fold
            )
        )
    return float(np.nanmean(values)), np.nanmean(replicates, axis=0)


def _groups(rows: Sequence[Row]) -> list[str]:
    return [f"{row.set}/{row.group}" for row in rows]


def _estimate(seeds: Sequence[tuple[float, NDArray[np.float64]]]) -> Estimate:
    """Average over fold seeds, whose draws are of the same files: intervals do not shrink with more seeds."""
    ends = [np.nanquantile(replicates, [0.025, 0.975]) for _, replicates in seeds]
    low, high = np.mean(ends, axis=0)
    below = [np.mean(replicates <= 0) for _, replicates in seeds]
    return Estimate(
        float(np.mean([value for value, _ in seeds])), float(low), float(high), float(np.mean(below))
    )
