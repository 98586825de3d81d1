"""Calibration of pair scores, fitted on out-of-fold results.

Two questions are asked of a pair: whether both sides share a mood, and whether they correspond. Each has its
own scores and its own classes, and is calibrated by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from attune.embedding.calibration_curve import CalibrationCurve
from attune.training.cross_validation import OutOfFoldPredictions
from attune.training.losses import Targets
from attune.training.metrics.pairs import pair_truth, pair_weights
from attune.training.systems.base import LabelledFeatures

_QUANTILES = (0.02, 0.2, 0.5, 0.8, 0.98)
_BINS = 2048  # scores are put into bins first, as there may be millions of pairs
_LEAST_STEP = 1e-3  # of the log-odds from one point of a curve to the next
_LARGEST_STEP = 20.0  # the likelihood of scores that separate true pairs from false ones grows without end


@dataclass(frozen=True, slots=True)
class PairQuestion:
    """A question of pairs: whether both sides are of the same class.

    Attributes:
        scores: Returns the scores that answer it, (I, M), not calibrated.
        classes: Returns the class of each row, (N,), -1 where it is unknown.
    """

    scores: Callable[[OutOfFoldPredictions], NDArray[np.float32]]
    classes: Callable[[Targets], NDArray[np.int64]]

    def find_classes(
        self, predictions: OutOfFoldPredictions, images: LabelledFeatures, music: LabelledFeatures
    ) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        """Return the classes of the predicted pictures, (I,), and of the music, (M,)."""
        return (
            self.classes(images.targets)[predictions.images].astype(np.int8),
            self.classes(music.targets)[predictions.music].astype(np.int8),
        )


MOOD = PairQuestion(lambda predictions: predictions.scores, lambda targets: targets.quadrants)
"""Whether both sides have the same mood quadrant; answers are ordered by its scores."""
CORRESPONDENCE = PairQuestion(
    lambda predictions: predictions.correspondence, lambda targets: targets.polarity
)
"""Whether both sides have the same polarity."""


def fit_out_of_fold(
    results: Sequence[OutOfFoldPredictions],
    images: LabelledFeatures,
    music: LabelledFeatures,
    question: PairQuestion,
) -> CalibrationCurve:
    """Fit the calibration of a question on the pairs within all predictions."""
    return fit_curve(*collect_labelled_pairs(results, images, music, question))


def calibrate_out_of_fold(
    by_seed: Sequence[Sequence[OutOfFoldPredictions]],
    images: LabelledFeatures,
    music: LabelledFeatures,
    question: PairQuestion,
) -> list[list[NDArray[np.float64]]]:
    """Return the probabilities of each fold's pairs, calibrated on the other folds of the same seed."""
    probabilities = []
    for results in by_seed:
        fold_probabilities = []
        for held_out in results:
            others = [predictions for predictions in results if predictions is not held_out]
            curve = fit_out_of_fold(others, images, music, question)
            fold_probabilities.append(curve.apply(question.scores(held_out)))
        probabilities.append(fold_probabilities)
    return probabilities


def collect_labelled_pairs(
    results: Sequence[OutOfFoldPredictions],
    images: LabelledFeatures,
    music: LabelledFeatures,
    question: PairQuestion,
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """Return the labelled pairs of all predictions.

    Returns:
        Scores, truth and weights, each (P,). The weights sum to 1. Predictions without true or without false
        pairs add no pairs.
    """
    pair_arrays = []
    for predictions in results:
        classes = question.find_classes(predictions, images, music)
        weights = pair_weights(*classes)
        counted = np.nan_to_num(weights) > 0
        scores = question.scores(predictions)[counted].astype(np.float64)
        pair_arrays.append((scores, pair_truth(*classes)[counted], weights[counted]))
    scores, truth, weights = (np.concatenate(parts) for parts in zip(*pair_arrays, strict=True))
    return scores, truth, weights / max(float(weights.sum()), 1e-12)


def fit_curve(
    scores: NDArray[np.float64], truth: NDArray[np.bool_], weights: NDArray[np.float64]
) -> CalibrationCurve:
    """Fit log-odds that increase with the score, straight between its quantiles, by maximum likelihood.

    With straight pieces instead of one line (Platt 1999), the curve fits scores of any kind.

    Args:
        scores: (P,) scores of pairs, out of fold.
        truth: (P,) whether the pair is true: both sides are of the same class.
        weights: (P,) balanced weights of the pairs.

    Returns:
        The curve; even odds for every score, as nearly as a curve that increases can be, if all are equal.
    """
    if not len(scores) or np.ptp(scores) == 0:
        start = float(scores[0]) if len(scores) else 0.0
        return CalibrationCurve((start - 1.0, start + 1.0), (-_LEAST_STEP, _LEAST_STEP))
    values, true_mass, false_mass = _bin_pairs(scores, truth, weights)
    mass = np.cumsum(true_mass + false_mass)
    points = np.unique(np.interp(np.array(_QUANTILES) * mass[-1], mass, values))
    if len(points) < 2:
        points = np.array([values[0], values[-1]])
    # What one unit of each piece's step adds to the log-odds of each value; beyond the ends it goes on.
    covered = (values[:, None] - points[:-1]) / np.diff(points)
    share = np.clip(covered, 0.0, 1.0)
    share[:, 0] = np.minimum(covered[:, 0], 1.0)
    share[:, -1] = np.maximum(covered[:, -1], share[:, -1]) if len(points) > 2 else covered[:, -1]
    steps, start = _fit_steps(share, true_mass, false_mass)
    log_odds = start + np.concatenate([[0.0], np.cumsum(steps)])
    return CalibrationCurve(tuple(points.tolist()), tuple(log_odds.tolist()))


def _bin_pairs(
    scores: NDArray[np.float64], truth: NDArray[np.bool_], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean score, the weight of true pairs and that of false ones in each bin that has pairs."""
    low, span = float(scores.min()), float(np.ptp(scores))
    bins = np.minimum(((scores - low) / span * _BINS).astype(np.int64), _BINS - 1)
    true_mass = np.bincount(bins, np.where(truth, weights, 0.0), minlength=_BINS)
    mass = np.bincount(bins, weights, minlength=_BINS)
    sums = np.bincount(bins, weights * scores, minlength=_BINS)
    some = mass > 0
    means, true, false = sums / np.maximum(mass, 1e-300), true_mass, mass - true_mass
    return means[some], true[some].astype(np.float64), false[some].astype(np.float64)


def _fit_steps(
    share: NDArray[np.float64], true_mass: NDArray[np.float64], false_mass: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Return the steps of the log-odds from point to point, each above 0, and the log-odds of the first.

    No step is larger than `_LARGEST_STEP`.
    """
    parts, true, false = (torch.from_numpy(part) for part in (share, true_mass, false_mass))
    log_steps = torch.full((share.shape[1],), -1.0, dtype=torch.float64, requires_grad=True)
    start = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS([log_steps, start], max_iter=200, line_search_fn="strong_wolfe")

    def compute_steps() -> torch.Tensor:
        return torch.exp(log_steps.clamp(max=np.log(_LARGEST_STEP)))

    def closure() -> torch.Tensor:
        solver.zero_grad()
        logits = start + parts @ compute_steps()
        loss = (true * functional.softplus(-logits) + false * functional.softplus(logits)).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    solver.step(closure)  # type: ignore[no-untyped-call]
    return np.maximum(compute_steps().detach().numpy(), _LEAST_STEP), float(start.detach())
