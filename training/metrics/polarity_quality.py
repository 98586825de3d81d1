"""Polarity as a network predicts it for single files."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class PolarityQuality:
    """How well the polarity of single files is predicted.

    Attributes:
        accuracy: Share of the labelled files whose most probable polarity is the true one.
        balanced_accuracy: Mean over the polarities of that share.
        confusion: int64 (3, 3), number of files by true and predicted polarity.
    """

    accuracy: float
    balanced_accuracy: float
    confusion: NDArray[np.int64]


def measure_polarity(posterior: NDArray[np.floating], polarity: NDArray[np.int8]) -> PolarityQuality:
    """Compare the most probable polarity with the label.

    Args:
        posterior: (N, 3) probabilities of positive, neutral and negative.
        polarity: (N,) codes, -1 unlabelled (left out).

    Returns:
        The figures; the shares are NaN if no file is labelled.
    """
    labelled = polarity >= 0
    predicted = np.argmax(posterior[labelled], axis=1)
    confusion = np.zeros((3, 3), np.int64)
    np.add.at(confusion, (polarity[labelled], predicted), 1)
    if not labelled.any():
        return PolarityQuality(float("nan"), float("nan"), confusion)
    files = confusion.sum(axis=1)
    recalls = np.diag(confusion)[files > 0] / files[files > 0]
    return PolarityQuality(
        accuracy=float(np.trace(confusion) / files.sum()),
        balanced_accuracy=float(recalls.mean()),
        confusion=confusion,
    )
