"""Noise of the raters: what one half of the people who rated pictures tells of what the other half says.

The mean of n ratings with deviation s is uncertain by s/√n. Two halves of the raters are simulated: the mean
of all plus normal noise of deviation s/√(n/2), independently for each half. What one half gives for the other
is a ceiling for a network that is judged by ratings: it hardly knows better than half of the people. The
reliability of the mean of all raters follows from the correlation of the halves (Spearman 1910, Brown 1910).

Deviations are read from the label of a row, `val_sd=0.25;aro_sd=0.5`, on the scale of the ratings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from attune.training.manifest import LabelledRow, ratings
from attune.training.metrics import MoodLabels, pair_auc, pair_quadrants, pearson, read_mood_labels
from attune.training.mood_controls import MoodOutputs, score_quadrants_and_closeness
from attune.training.mood_limits import state_labels

DRAWS = 50
"""Number of times that the raters are divided."""

_DEVIATIONS = re.compile(r"(?:^|;)(val|aro)_sd=([0-9.]+)(?=;|$)")


@dataclass(frozen=True, slots=True)
class RaterCeiling:
    """What the raters of some pictures allow; means over the draws, for valence and for arousal.

    Attributes:
        images: Number of rated pictures.
        stated: Number of these whose label states deviations; the others are given typical ones.
        raters: Number of raters of each picture.
        halves_r: Pearson correlation between the ratings of both halves.
        reliability: Correlation to expect between all raters and as many others.
        network_r: Correlation between what the network tells and the ratings.
        noise_share: Share of the variance that the network leaves unexplained which is noise of the raters.
        auc: AUC of mood where one half of the raters is judged by the other, by what is known of the music.
    """

    images: int
    stated: int
    raters: int
    halves_r: tuple[float, float]
    reliability: tuple[float, float]
    network_r: tuple[float, float]
    noise_share: tuple[float, float]
    auc: Mapping[str, float]


def read_deviations(rows: Sequence[LabelledRow]) -> NDArray[np.float64]:
    """Return the deviations of ratings of valence and arousal, float64 (N, 2), NaN where none is stated."""
    found = [dict(_DEVIATIONS.findall(row.label)) for row in rows]
    values = [[float(cells.get(axis, "nan")) for axis in ("val", "aro")] for cells in found]
    return np.array(values, np.float64).reshape(-1, 2)


def divide_raters(
    rows: Sequence[LabelledRow], deviations: NDArray[np.float64], raters: int, rng: np.random.Generator
) -> tuple[list[LabelledRow], list[LabelledRow]]:
    """Return the rows as one half of the raters rates them, and as the other half does.

    Args:
        rows: N rated rows.
        deviations: (N, 2) deviations between raters.
        raters: Number of raters of each row.
        rng: Source of the noise.
    """
    noise = deviations / np.sqrt(raters / 2)
    one, other = (ratings(rows) + noise * rng.standard_normal(noise.shape) for _ in range(2))
    return _rate(rows, one), _rate(rows, other)


def measure_rater_ceiling(
    rows: Sequence[LabelledRow],
    deviations: NDArray[np.float64],
    typical: NDArray[np.float64],
    raters: int,
    told: NDArray[np.floating],
    music_labels: MoodLabels,
    music: Mapping[str, MoodOutputs],
    draws: int = DRAWS,
) -> RaterCeiling:
    """Measure what the raters of pictures allow.

    Args:
        rows: N rated pictures of one set.
        deviations: (N, 2) deviations between raters, NaN where they are not stated.
        typical: (2,) deviations of pictures that state none.
        raters: Number of raters of each picture.
        told: (N, 2) valence and arousal that a network tells of the pictures.
        music_labels: Mood of M pieces of music.
        music: What is said of the M pieces, by a name for it.
        draws: Number of times that the raters are divided.
    """
    known = np.where(np.isnan(deviations), typical, deviations)
    rng = np.random.default_rng(0)
    correlations, aucs = [], []
    for _ in range(draws):
        halves = divide_raters(rows, known, raters, rng)
        one, other = (ratings(half) for half in halves)
        correlations.append([pearson(one[:, axis], other[:, axis]) for axis in (0, 1)])
        judge, judged = (read_mood_labels(half) for half in halves)
        quadrants = pair_quadrants(judge, music_labels)
        scores = [score_quadrants_and_closeness(state_labels(judged), side) for side in music.values()]
        aucs.append([pair_auc(part, *quadrants) for part in scores])
    halves_r = np.mean(correlations, axis=0)
    reliability = 2 * halves_r / (1 + halves_r)
    network_r = np.array([pearson(told[:, axis], ratings(rows)[:, axis]) for axis in (0, 1)])
    noise_share = (1 - reliability) / (1 - network_r**2)
    return RaterCeiling(
        images=len(rows),
        stated=int((~np.isnan(deviations).any(axis=1)).sum()),
        raters=raters,
        halves_r=_pair(halves_r),
        reliability=_pair(reliability),
        network_r=_pair(network_r),
        noise_share=_pair(noise_share),
        auc=dict(zip(music, np.mean(aucs, axis=0).tolist(), strict=True)),
    )


def _rate(rows: Sequence[LabelledRow], values: NDArray[np.float64]) -> list[LabelledRow]:
    return [
        replace(row, valence=valence, arousal=arousal)
        for row, (valence, arousal) in zip(rows, values.tolist(), strict=True)
    ]


def _pair(values: NDArray[np.float64]) -> tuple[float, float]:
    return float(values[0]), float(values[1])
