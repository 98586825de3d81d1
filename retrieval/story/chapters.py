"""Photos, in order of time, fall into chapters: where the mood changes, at a pause rather than in a burst."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from attune.retrieval.story.photo_folder import Photo

_BREAK_COST: Final = 0.12  # share of the whole variety that a break in the middle of a burst must explain
_PAUSE_DISCOUNT: Final = 0.2  # of that price, at the longest pause
_MIN_LOG_PAUSE_RATIO: Final = math.log(4.0)  # a longest pause of less than four times the usual earns less
_MIN_MEAN_VARIANCE: Final = 0.1  # mean squared distance of embeddings below which photos feel much alike
_MIN_CHAPTER_PHOTOS: Final = 3  # photos in a chapter
_MAX_BREAK_POSITIONS: Final = 1000  # more photos than this are broken only between runs of several


def split_chapters(photos: Sequence[Photo], most: int) -> list[list[Photo]]:
    """Break photos, which are in the order of time, into at most so many chapters.

    Of all ways the one with the least cost, by dynamic programming: the variety of embeddings inside the
    chapters, as a share of the variety of all, and a price for each break, which is the lower the longer the
    pause there is. Chapters have at least three photos, where there are so many.
    """
    if not photos:
        return []
    edges = np.unique(
        np.linspace(0, len(photos), min(len(photos), _MAX_BREAK_POSITIONS) + 1).astype(np.int64)
    )
    variety = _compute_variances(np.array([photo.vector for photo in photos], np.float64), edges)
    whole = max(float(variety[0, -1]), _MIN_MEAN_VARIANCE * len(photos))
    price = _compute_break_costs([photo.taken for photo in photos], edges)
    short = edges[None, :] - edges[:, None] < min(_MIN_CHAPTER_PHOTOS, len(photos))
    breaks = _find_breaks(np.where(short, np.inf, variety / whole), price, most)
    bounds = [0, *edges[breaks].tolist(), len(photos)]
    return [list(photos[first:last]) for first, last in itertools.pairwise(bounds)]


def _compute_variances(vectors: NDArray[np.float64], edges: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the squared distances from the mean, summed, of the unit vectors between any two edges."""
    sums = np.cumsum(np.pad(vectors, ((1, 0), (0, 0))), axis=0)[edges]
    squares = np.einsum("ij,ij->i", sums, sums)
    lengths = squares[:, None] + squares[None, :] - 2 * sums @ sums.T
    counts = np.maximum(edges[None, :] - edges[:, None], 1)
    return np.asarray(np.maximum(counts - lengths / counts, 0.0), np.float64)


def _compute_break_costs(taken: Sequence[datetime], edges: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return what a break at each edge costs; the first and the last are no breaks."""
    inner = edges[1:-1]
    pauses = np.array([(taken[edge] - taken[edge - 1]).total_seconds() for edge in inner.tolist()])
    if not len(pauses):
        return np.zeros(2)
    usual = np.log1p(np.median(pauses))
    longer = np.maximum(np.log1p(pauses) - usual, 0.0)
    share = longer / max(float(longer.max()), _MIN_LOG_PAUSE_RATIO)
    return np.pad(_BREAK_COST * (1.0 - (1.0 - _PAUSE_DISCOUNT) * share), 1)


def _find_breaks(variety: NDArray[np.float64], price: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """Return the inner edges of the cheapest way from the first edge to the last in at most `most` steps."""
    last = len(variety) - 1
    cost = variety[0].copy()
    best, breaks = float(cost[last]), np.zeros(0, np.int64)
    came_from: list[NDArray[np.int64]] = []
    for _ in range(most - 1):
        ways = (cost + price)[:, None] + variety
        ways[0] = np.inf
        came_from.append(ways.argmin(axis=0))
        cost = ways.min(axis=0)
        if cost[last] < best:
            best = float(cost[last])
            path = [last]
            for before in reversed(came_from):
                path.append(int(before[path[-1]]))
            breaks = np.array(path[:0:-1], np.int64)
    return breaks
