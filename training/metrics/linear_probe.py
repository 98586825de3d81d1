"""Linear probe of the polarity in the embeddings of one modality.

The probe is class-balanced ridge regression onto one-hot targets, in closed form. It is cross-validated by
groups within the evaluated items, so that no other items are needed and no group is in both training and test
data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attune.training.assign_folds import assign_grouped_folds

_CLASSES = 3
_FOLDS = 5
# Ridge penalty as a multiple of the mean variance of a dimension.
_RIDGE = 0.1


@dataclass(frozen=True, slots=True)
class ProbeQuality:
    """Figures of a linear probe, each in [0, 1].

    Attributes:
        accuracy: Share of items whose polarity is predicted correctly.
        balanced_accuracy: Mean over the polarities of the share predicted correctly.
        majority: Share of the most frequent polarity, the accuracy of always predicting it.
    """

    accuracy: float
    balanced_accuracy: float
    majority: float


def measure_probe(
    vectors: NDArray[np.floating], polarity: NDArray[np.int8], groups: Sequence[str]
) -> ProbeQuality:
    """Cross-validate a linear probe of polarity over groups.

    Args:
        vectors: (N, D) embeddings.
        polarity: (N,) codes, -1 unlabelled (left out).
        groups: N group names; items are predicted by a probe that was fitted without their group.

    Returns:
        The three figures; NaN if fewer than two polarities or two groups are labelled.
    """
    labelled = polarity >= 0
    features, classes = vectors[labelled].astype(np.float64), polarity[labelled]
    names = np.asarray(groups, dtype=np.str_)[labelled]
    count = np.unique(names).size
    if np.unique(classes).size < 2 or count < 2:
        return ProbeQuality(float("nan"), float("nan"), majority_share(polarity))
    folds = assign_grouped_folds(names.tolist(), classes.astype(np.str_).tolist(), min(_FOLDS, count))
    predicted = np.empty_like(classes)
    for fold in np.unique(folds):
        held_out = folds == fold
        predicted[held_out] = _predict(features[held_out], *_fit(features[~held_out], classes[~held_out]))
    correct = predicted == classes
    return ProbeQuality(
        accuracy=float(correct.mean()),
        balanced_accuracy=float(np.mean([correct[classes == code].mean() for code in np.unique(classes)])),
        majority=majority_share(polarity),
    )


def majority_share(polarity: NDArray[np.int8]) -> float:
    """Return the share of the most frequent polarity among the labelled items; NaN if there are none.

    Args:
        polarity: (N,) codes, -1 unlabelled.
    """
    counts = np.bincount(polarity[polarity >= 0], minlength=_CLASSES)
    return float(counts.max() / counts.sum()) if counts.sum() else float("nan")


def _fit(
    vectors: NDArray[np.float64], classes: NDArray[np.int8]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return centre (D,), slopes (D, 3) and intercepts (3,) of the balanced ridge regression."""
    targets = (classes[:, None] == np.arange(_CLASSES)).astype(np.float64)
    counts = targets.sum(axis=0)
    weights = (1.0 / counts[classes]) / np.count_nonzero(counts)
    centre, intercepts = weights @ vectors, weights @ targets
    spread = vectors - centre
    covariance = spread.T @ (weights[:, None] * spread)
    ridge = max(_RIDGE * float(np.trace(covariance)) / len(covariance), np.finfo(np.float64).tiny)
    slopes = np.linalg.solve(
        covariance + ridge * np.eye(len(covariance)), spread.T @ (weights[:, None] * (targets - intercepts))
    )
    # A polarity that does not occur in the training folds must never be predicted.
    return centre, slopes, np.where(counts > 0, intercepts, -np.inf)


def _predict(
    vectors: NDArray[np.float64],
    centre: NDArray[np.float64],
    slopes: NDArray[np.float64],
    intercepts: NDArray[np.float64],
) -> NDArray[np.int8]:
    return np.asarray(np.argmax((vectors - centre) @ slopes + intercepts, axis=1), np.int8)
