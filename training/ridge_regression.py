"""Ridge regression with a weight for each row and a shift for each data set, solved exactly.

Hoerl and Kennard, Ridge Regression, Technometrics 12 (1970). Data sets use the same scale differently, so
that each has a shift of its own, which is hardly penalised and no part of the result.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SHIFT_VARIANCE = 30.0  # a set's shift may be this large, in units of what the features explain


def fit_ridge(
    inputs: NDArray[np.float32],
    goals: NDArray[np.float32],
    weights: NDArray[np.float32],
    sets: NDArray[np.int64],
    l2: float,
) -> tuple[NDArray[np.float32], float]:
    """Fit a linear function by weighted least squares.

    Args:
        inputs: (N, D), standardised.
        goals: (N,), NaN where unknown.
        weights: (N,), how much the squared error of each row counts; one full rating counts 1.
        sets: (N,), index of the set of each row.
        l2: Weight of the squared norm of the coefficients, relative to the sum of all weights, for inputs
            scaled to a mean squared length of 1: so the result varies as little with fewer rows as with
            many, and a calibration on inner folds holds for the heads of all rows.

    Returns:
        The coefficients, float32 (D,), and the mean shift of the sets; all 0 where no goal is known.
    """
    known = ~np.isnan(goals) & (weights > 0)
    if not known.any():
        return np.zeros(inputs.shape[1], np.float32), 0.0
    scale = float(np.sqrt(np.mean(np.sum(inputs.astype(np.float64) ** 2, axis=1)))) or 1.0
    members, of_set = np.unique(sets[known], return_inverse=True)
    shifts = np.sqrt(_SHIFT_VARIANCE) * np.eye(members.size)[of_set]
    design = np.concatenate([inputs[known].astype(np.float64) / scale, shifts], axis=1)
    penalty = l2 * float(weights.sum())
    coefficients = _solve(design, goals[known].astype(np.float64), weights[known].astype(np.float64), penalty)
    slopes, set_shifts = np.split(coefficients, [inputs.shape[1]])
    return (slopes / scale).astype(np.float32), float(np.sqrt(_SHIFT_VARIANCE) * set_shifts.mean())


def _solve(
    design: NDArray[np.float64], goals: NDArray[np.float64], weights: NDArray[np.float64], penalty: float
) -> NDArray[np.float64]:
    """Return the coefficients, by the smaller of two equivalent systems of equations: columns or rows."""
    rows, columns = design.shape
    weighted = design * weights[:, None]
    if columns <= rows:
        return np.asarray(
            np.linalg.solve(design.T @ weighted + penalty * np.eye(columns), weighted.T @ goals)
        )
    return np.asarray(design.T @ np.linalg.solve(design @ design.T + np.diag(penalty / weights), goals))
