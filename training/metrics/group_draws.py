"""Draws of whole groups with replacement, and the interval of what the draws give."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Groups = Sequence[str] | NDArray[np.str_]
"""Name of each item's group, unique across data sets."""


def draw_groups(groups: Groups, replicates: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw as many groups as there are, with replacement, in each replicate.

    Args:
        groups: N group names, at least one; items of one group are drawn together.
        replicates: Number of replicates R.
        rng: Source of the draws.

    Returns:
        (R, N) how often each item is drawn.
    """
    names, member = np.unique(np.asarray(groups, dtype=np.str_), return_inverse=True)
    times = rng.multinomial(names.size, np.full(names.size, 1.0 / names.size), size=replicates)
    return np.asarray(times[:, member], np.int64)


def percentile_interval(figures: NDArray[np.float64]) -> tuple[float, float]:
    """Return the ends of the 95 % interval of replicates (R,); NaN does not count, and alone gives NaN."""
    defined = figures[~np.isnan(figures)]
    if not defined.size:
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [0.025, 0.975])
    return float(low), float(high)
