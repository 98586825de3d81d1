"""The mood measure: whether scores bring together pictures and music of the same mood.

A pair is true if both sides have the same mood quadrant. `attune.training.metrics.mood_labels` says what the
mood of a file is, `attune.training.metrics.pairs` how pairs are weighted.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from attune.training.metrics.bootstrap import REPLICATES, accuracy_replicates, auc_replicates
from attune.training.metrics.group_draws import draw_groups, percentile_interval
from attune.training.metrics.mood_labels import QUADRANTS, MoodLabels
from attune.training.metrics.mood_retrieval import MoodRetrieval, measure_mood_retrieval
from attune.training.metrics.pairs import (
    CORRESPONDS,
    calibration_error,
    match_rates,
    pair_accuracy,
    pair_auc,
)


@dataclass(frozen=True, slots=True)
class MoodOrder:
    """How well an order of all pairs follows mood; only the order of the scores counts.

    Attributes:
        auc: Balanced area under the ROC curve of pairs with the same quadrant against the others.
        auc_replicates: (R,) its bootstrap replicates. Orders of the same files have the same draws, so that
            differences of replicates are paired.
        music_to_image: Retrieval of pictures by music.
        image_to_music: Retrieval of music by pictures.
    """

    auc: float
    auc_replicates: NDArray[np.float64] = field(compare=False, repr=False)
    music_to_image: MoodRetrieval
    image_to_music: MoodRetrieval

    @property
    def auc_interval(self) -> tuple[float, float]:
        """The 95 % interval of the AUC."""
        return percentile_interval(self.auc_replicates)


@dataclass(frozen=True, slots=True)
class MoodQuality:
    """How well scores tell pairs of the same mood from others, as an order and as probabilities.

    Attributes:
        order: Figures of the order.
        accuracy: Balanced accuracy over pairs, at the threshold 0.5.
        accuracy_interval: Its 95 % interval.
        ece: Expected calibration error of the score.
        confusion: (4, 4) share of pairs that are called alike, quadrant of the picture by that of the music.
    """

    order: MoodOrder
    accuracy: float
    accuracy_interval: tuple[float, float]
    ece: float
    confusion: NDArray[np.float64]


def measure_mood_order(scores: NDArray[np.floating], images: MoodLabels, music: MoodLabels) -> MoodOrder:
    """Measure how well an order of all pairs follows mood.

    Args:
        scores: (N, M), higher is better.
        images: Mood of the N pictures.
        music: Mood of the M pieces of music.

    Returns:
        The figures; the AUC is NaN where a side has fewer than two quadrants.
    """
    labels = *pair_quadrants(images, music), images.groups, music.groups
    rng = np.random.default_rng(0)
    times = [_draw_placed(side, rng) for side in (images, music)]
    return MoodOrder(
        auc=pair_auc(scores, *labels[:2]),
        auc_replicates=auc_replicates(scores, *labels),
        music_to_image=measure_mood_retrieval(scores.T, music, images, times[1], times[0]),
        image_to_music=measure_mood_retrieval(scores, images, music, times[0], times[1]),
    )


def measure_mood(
    probabilities: NDArray[np.floating],
    ranked_by: NDArray[np.floating],
    images: MoodLabels,
    music: MoodLabels,
) -> MoodQuality:
    """Measure probabilities of the same mood, and the order that answers have.

    Args:
        probabilities: (N, M) chance that both sides have the same mood, in [0, 1].
        ranked_by: (N, M) scores that galleries are ranked by.
        images: Mood of the N pictures.
        music: Mood of the M pieces of music.

    Returns:
        The figures; those of pairs are NaN where a side has fewer than two quadrants.
    """
    quadrants = pair_quadrants(images, music)
    accuracies = accuracy_replicates(probabilities >= CORRESPONDS, *quadrants, images.groups, music.groups)
    return MoodQuality(
        order=measure_mood_order(ranked_by, images, music),
        accuracy=pair_accuracy(probabilities, *quadrants),
        accuracy_interval=percentile_interval(accuracies),
        ece=calibration_error(probabilities, *quadrants),
        confusion=match_rates(probabilities, images.quadrants, music.quadrants, len(QUADRANTS)),
    )


def pair_quadrants(images: MoodLabels, music: MoodLabels) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Return the quadrants of both sides, (N,) and (M,), for figures of pairs; all -1 if a side has one only.

    With a single quadrant on a side, a figure would tell how that one is treated, not whether moods meet.
    """
    sides = images.quadrants, music.quadrants
    if any(np.unique(side[side >= 0]).size < 2 for side in sides):
        return np.full_like(sides[0], -1), np.full_like(sides[1], -1)
    return sides


def _draw_placed(side: MoodLabels, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw the groups of the files with a place, (R, N); the other files are never drawn."""
    times = np.zeros((REPLICATES, side.quadrants.size), np.int64)
    if side.placed.any():
        times[:, side.placed] = draw_groups(side.groups[side.placed], REPLICATES, rng)
    return times
