"""Curves that turn scores into calibrated probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class CalibrationCurve:
    """A curve from scores to log-odds: straight between its points, and beyond them as near them.

    It increases everywhere, so that probabilities have the order of the scores.

    Attributes:
        scores: Scores of its points, ascending; at least two.
        log_odds: Log-odds of its points, ascending.

    Raises:
        ValueError: It has too few points, or it does not increase.
    """

    scores: tuple[float, ...]
    log_odds: tuple[float, ...]

    def __post_init__(self) -> None:
        steps = np.diff([self.scores, self.log_odds])
        if len(self.scores) < 2 or not (np.isfinite(steps).all() and (steps > 0).all()):
            raise ValueError("it does not increase")

    def apply(self, scores: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the probabilities of scores, float64 of the same shape, in [0, 1]."""
        values = np.asarray(scores, np.float64)
        slopes = np.diff(self.log_odds) / np.diff(self.scores)
        below, above = np.minimum(values - self.scores[0], 0.0), np.maximum(values - self.scores[-1], 0.0)
        logits = np.interp(values, self.scores, self.log_odds) + slopes[0] * below + slopes[-1] * above
        return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)))
