"""Whether a predicted value means what it says: the slope of the ratings on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def rating_slope(predicted: NDArray[np.floating], rated: NDArray[np.floating], sets: Sequence[str]) -> float:
    """Return the slope of the least-squares regression of the ratings on the predictions.

    It is 1 where a difference of 0.1 that is predicted is one of 0.1 that people give, and below 1 where the
    predictions exaggerate. Each data set has an intercept of its own, since sets use the scale differently.

    Args:
        predicted: (N,) values.
        rated: (N,) ratings, NaN where there is none.
        sets: Data set of each row.

    Returns:
        The slope; NaN if no set has two ratings with different predictions.
    """
    known = ~(np.isnan(predicted) | np.isnan(rated))
    _, member = np.unique(np.asarray(sets, dtype=np.str_)[known], return_inverse=True)
    x = _centre_by_set(predicted[known].astype(np.float64), member)
    y = _centre_by_set(rated[known].astype(np.float64), member)
    spread = float(x @ x)
    # What is left of equal predictions once their mean is removed is rounding.
    flat = x.size * (1e-9 * float(np.abs(predicted[known]).max(initial=0.0))) ** 2
    return float(x @ y) / spread if spread > flat else float("nan")


def _centre_by_set(values: NDArray[np.float64], member: NDArray[np.intp]) -> NDArray[np.float64]:
    means = np.bincount(member, values) / np.maximum(np.bincount(member), 1)
    return np.asarray(values - means[member])
