"""Calibration of pair scores, fitted on out-of-fold results."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def fit_platt_scaling(
    inner: NDArray[np.float64], truth: NDArray[np.bool_], weights: NDArray[np.float64]
) -> tuple[float, float]:
    """Fit probability = sigmoid(slope * inner + intercept) by Newton's method (Platt 1999).

    Args:
        inner: (P,) inner products of pairs, out of fold.
        truth: (P,) whether the pair is true: both sides have the same polarity.
        weights: (P,) balanced weights of the pairs.

    Returns:
        Slope, above 0, and intercept.
    """
    centre, spread = float(inner.mean()), float(inner.std()) or 1.0
    design = np.stack([(inner - centre) / spread, np.ones_like(inner)])
    solution = np.array([1.0, 0.0])
    for _ in range(30):
        probability = 0.5 * (1.0 + np.tanh(0.5 * (solution @ design)))
        gradient = design @ (weights * (probability - truth))
        curvature = (design * (weights * probability * (1.0 - probability))) @ design.T
        solution = solution - np.linalg.solve(curvature + 1e-9 * np.eye(2), gradient)
    # Without any signal the slope may be negative by chance. It stays positive, so that calibration never
    # reverses a ranking.
    slope = max(float(solution[0]) / spread, 1e-3)
    return slope, float(solution[1]) - slope * centre
