"""Split of photos, in order of time, into chapters: at changes of mood, preferably at pauses."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from attune.retrieval.story.photo_folder import Photo

_BREAK_COST: Final = 0.12  # share of the total variance that a break in the middle of a burst must explain
_PAUSE_DISCOUNT: Final = 0.2  # share of that cost that remains at the longest pause
_MIN_LOG_PAUSE_RATIO: Final = math.log(4.0)  # a longest pause below 4 times the median gets less discount
_MIN_MEAN_VARIANCE: Final = 0.1  # mean squared distance of embeddings below which all photos feel the same
_MIN_CHAPTER_PHOTOS: Final = 3
_MAX_BREAK_POSITIONS: Final = 1000  # with more photos, only some positions between photos are considered


def split_chapters(photos: Sequence[Photo], most: int) -> list[list[Photo]]:
    """Split photos into chapters of similar mood.

    The split has the least cost of all, found by dynamic programming. The cost is the variance of embeddings
    inside the chapters, as a share of the total variance, plus a cost for each break, which is lower for a
    longer pause at the break. Each chapter has at least three photos, if there are that many.

    Args:
        photos: The photos, in order of time.
        most: The largest number of chapters.

    Returns:
        The photos of each chapter, in order; empty if there are no photos.
    """
    if not photos:
        return []
    edges = np.unique(
        np.linspace(0, len(photos), min(len(photos), _MAX_BREAK_POSITIONS) + 1).astype(np.int64)
    )
    variances = _compute_variances(np.array([photo.vector for photo in photos], np.float64), edges)
    total = max(float(variances[0, -1]), _MIN_MEAN_VARIANCE * len(photos))
    break_costs = _compute_break_costs([photo.taken for photo in photos], edges)
    short = edges[None, :] - edges[:, None] < min(_MIN_CHAPTER_PHOTOS, len(photos))
    breaks = _find_breaks(np.where(short, np.inf, variances / total), break_costs, most)
    bounds = [0, *edges[breaks].tolist(), len(photos)]
    return [list(photos[first:last]) for first, last in itertools.pairwise(bounds)]


def _compute_variances(vectors: NDArray[np.float64], edges: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return, for any two edges, the sum of squared distances from the mean of the unit vectors between."""
    sums = np.cumsum(np.pad(vectors, ((1, 0), (0, 0))), axis=0)[edges]
    squares = np.einsum("ij,ij->i", sums, sums)
    lengths = squares[:, None] + squares[None, :] - 2 * sums @ sums.T
    counts = np.maximum(edges[None, :] - edges[:, None], 1)
    return np.asarray(np.maximum(counts - lengths / counts, 0.0), np.float64)


def _compute_break_costs(taken: Sequence[datetime], edges: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the cost of a break at each edge; 0 at the first and the last edge, which are no breaks."""
    inner = edges[1:-1]
    pauses = np.array([(taken[edge] - taken[edge - 1]).total_seconds() for edge in inner.tolist()])
    if not len(pauses):
        return np.zeros(2)
    excess = np.maximum(np.log1p(pauses) - np.log1p(np.median(pauses)), 0.0)
    share = excess / max(float(excess.max()), _MIN_LOG_PAUSE_RATIO)
    return np.pad(_BREAK_COST * (1.0 - (1.0 - _PAUSE_DISCOUNT) * share), 1)


def _find_breaks(
    variances: NDArray[np.float64], break_costs: NDArray[np.float64], most: int
) -> NDArray[np.int64]:
    """Return the inner edges of the cheapest path from the first edge to the last in at most `most` steps."""
    last = len(variances) - 1
    cost = variances[0].copy()
    best, breaks = float(cost[last]), np.zeros(0, np.int64)
    came_from: list[NDArray[np.int64]] = []
    for _ in range(most - 1):
        totals = (cost + break_costs)[:, None] + variances
        totals[0] = np.inf
        came_from.append(totals.argmin(axis=0))
        cost = totals.min(axis=0)
        if cost[last] < best:
            best = float(cost[last])
            path = [last]
            for before in reversed(came_from):
                path.append(int(before[path[-1]]))
            breaks = np.array(path[:0:-1], np.int64)
    return breaks
