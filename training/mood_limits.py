"""What limits the order by mood: figures by quadrant and by data set, and orders with one side known.

An *oracle side* takes the place of a system's outputs for one modality: what a perfect network would say. Its
posterior lies on the true quadrant with `CERTAINTY`, the rest evenly on the others, and is even for a file
without a quadrant; its place is the true place. Every pair of sides, predicted or known, is scored by the
control "quadrants + closeness" (`attune.training.mood_controls`), so that the orders differ in nothing but
what is known. That control divides the product of the quadrants by its deviation over the pairs; hence the
order hardly depends on `CERTAINTY`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from attune.embedding.affect import AFFECT_COLUMNS
from attune.training.all_pairs import gather_embeddings, score_all_pairs
from attune.training.comparison import Estimate, estimate_mean
from attune.training.cross_validation import OutOfFoldPredictions
from attune.training.metrics import (
    QUADRANTS,
    MoodLabels,
    MoodOrder,
    auc_replicates,
    measure_mood_order,
    pair_auc,
)
from attune.training.mood_comparison import JudgedFiles, read_outputs
from attune.training.mood_controls import MoodOutputs, score_quadrants_and_closeness

CERTAINTY = 0.85
"""Posterior of the true quadrant that an oracle states."""

PREDICTED, KNOWN_IMAGES, KNOWN_MUSIC, KNOWN = "both predicted", "pictures known", "music known", "both known"
"""Names of the orders by what is known."""


@dataclass(frozen=True, slots=True)
class QuadrantLimit:
    """Figures of the files of one modality in one quadrant, averaged over the fold seeds.

    Attributes:
        kind: Modality of the files.
        quadrant: Q1 to Q4.
        files: Number of these files.
        auc: AUC of the pairs that have such a file: whether it is ranked with the same quadrant of the other
            side before the other three, which count equally.
        first: Share of these files whose first answer is of their quadrant.
        chance: That share of random answers.
    """

    kind: str
    quadrant: str
    files: int
    auc: Estimate
    first: float
    chance: float


def measure_quadrants(
    by_seed: Sequence[Sequence[OutOfFoldPredictions]], orders: Sequence[MoodOrder], judged: JudgedFiles
) -> list[QuadrantLimit]:
    """Measure the order of all pairs for the pictures of each quadrant, then for the music of each.

    Args:
        by_seed: For each fold seed, the predictions of each fold.
        orders: The order of all judged pairs at each fold seed.
        judged: Files that mood is judged on.

    Returns:
        Eight figures, NaN where they are not defined; none of a system that cannot score pairs across folds.
    """
    scores = [whole for results in by_seed if (whole := score_all_pairs(results)) is not None]
    parts = [whole[np.ix_(judged.images.positions, judged.music.positions)] for whole in scores]
    if not parts:
        return []
    images, music = judged.images.labels, judged.music.labels
    limits = []
    for code, name in enumerate(QUADRANTS):
        first = [order.image_to_music.first_by_quadrant[code] for order in orders]
        auc = _estimate_auc(parts, _keep(images, code), music)
        limits.append(_make_limit("image", name, code, images, music, auc, first))
    for code, name in enumerate(QUADRANTS):
        first = [order.music_to_image.first_by_quadrant[code] for order in orders]
        auc = _estimate_auc(parts, images, _keep(music, code))
        limits.append(_make_limit("music", name, code, music, images, auc, first))
    return limits


def measure_oracles(
    by_seed: Sequence[Sequence[OutOfFoldPredictions]], judged: JudgedFiles
) -> dict[str, list[MoodOrder]]:
    """Measure orders in which the mood of neither side, of one side or of both is known.

    Args:
        by_seed: For each fold seed, the predictions of each fold.
        judged: Files that mood is judged on.

    Returns:
        The order at each fold seed, by what is known; none if the affect of the system has no quadrant
        posteriors and places.
    """
    images, music = judged.images.labels, judged.music.labels
    known_images, known_music = state_labels(images), state_labels(music)
    orders: dict[str, list[MoodOrder]] = {}
    for results in by_seed:
        sides = gather_embeddings(results)
        if any(side.affect is None or side.affect.shape[1] != len(AFFECT_COLUMNS) for side in sides):
            return {}
        predicted_images = read_outputs(sides[0], judged.images.positions)
        predicted_music = read_outputs(sides[1], judged.music.positions)
        for name, image_side, music_side in (
            (PREDICTED, predicted_images, predicted_music),
            (KNOWN_IMAGES, known_images, predicted_music),
            (KNOWN_MUSIC, predicted_images, known_music),
            (KNOWN, known_images, known_music),
        ):
            scores = score_quadrants_and_closeness(image_side, music_side)
            orders.setdefault(name, []).append(measure_mood_order(scores, images, music))
    return orders


def state_labels(labels: MoodLabels) -> MoodOutputs:
    """Return what an oracle says of N labelled files; a file without a place is put in the middle."""
    posteriors = np.full((len(QUADRANTS) + 1, len(QUADRANTS)), (1.0 - CERTAINTY) / (len(QUADRANTS) - 1))
    np.fill_diagonal(posteriors, CERTAINTY)
    posteriors[-1] = 1.0 / len(QUADRANTS)  # code -1: no quadrant
    return MoodOutputs(posteriors[labels.quadrants], np.nan_to_num(labels.places))


def _make_limit(
    kind: str,
    quadrant: str,
    code: int,
    asking: MoodLabels,
    shown: MoodLabels,
    auc: Estimate,
    first: Sequence[float],
) -> QuadrantLimit:
    gallery = shown.quadrants[shown.placed]
    return QuadrantLimit(
        kind=kind,
        quadrant=quadrant,
        files=int(np.sum(asking.quadrants == code)),
        auc=auc,
        first=float(np.mean(first)),
        chance=float(np.mean(gallery == code)) if gallery.size else float("nan"),
    )


def _keep(labels: MoodLabels, code: int) -> MoodLabels:
    """Return labels in which only one quadrant is left."""
    return replace(labels, quadrants=np.where(labels.quadrants == code, code, -1).astype(np.int8))


def _estimate_auc(scores: Sequence[NDArray[np.floating]], images: MoodLabels, music: MoodLabels) -> Estimate:
    quadrants, groups = (images.quadrants, music.quadrants), (images.groups, music.groups)
    return estimate_mean(
        [(pair_auc(part, *quadrants), auc_replicates(part, *quadrants, *groups)) for part in scores]
    )
