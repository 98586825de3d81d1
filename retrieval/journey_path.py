"""Choice of items along a line on the plane: near the line, in even steps, none used twice.

This module knows nothing of libraries: it chooses among places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WIDTHS = (48, 144, 400)
"""Numbers of items near each waypoint that are candidates: the next one if one leaves no path."""

SMOOTHNESS = 1.0
"""Weight of uneven steps against distance from the line, chosen with `attune benchmark journeys`."""

_SURVIVORS = 4  # paths that are kept for each item at each step,
_PATHS = 480  # but no more than so many in all, and one for each item
_ROUNDING = 1e-9
_FORWARD_LEAD = 1e-12  # by so much the path that is sought backwards must be better, not by rounding alone


@dataclass(frozen=True, slots=True)
class Cap:
    """A limit on the items of one group in a path, such as one artist.

    Attributes:
        codes: Number of each item's group, int (n,); -1 for an item in no group.
        limit: The largest number of items of one group.
        used: Number of items of each group that count in any case, int (groups,).
    """

    codes: NDArray[np.int64]
    limit: int
    used: NDArray[np.int64]


def trace_line(points: Sequence[tuple[float, float]], steps: int) -> NDArray[np.float64]:
    """Return waypoints at equal distances along a line with bends, float64 (steps, 2).

    Args:
        points: Start, bends and end, at least two, on the plane. The waypoints begin at the first one and end
            at the last one; they pass a bend, but need not stop there.
        steps: Number of waypoints, at least one; the only one is the start.
    """
    corners = np.asarray(points, np.float64)
    lengths = np.linalg.norm(np.diff(corners, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    wanted = np.linspace(0.0, along[-1], steps)
    return np.stack([np.interp(wanted, along, corners[:, axis]) for axis in (0, 1)], axis=1)


def choose_near(
    places: NDArray[np.float64], waypoints: NDArray[np.float64], width: int
) -> list[NDArray[np.int64]]:
    """Return the places nearest to each waypoint: for each their indices, nearest first, int64 (k,).

    Of equally near ones, the first comes first.

    Args:
        places: Places, (n, 2).
        waypoints: The waypoints, (steps, 2).
        width: Number of places for each waypoint, at least one; there may be fewer.
    """
    found = []
    # What is nearest to one waypoint lies no farther from the next one than its distance and the step between
    # the two: few places need to be ordered.
    reach = np.inf
    before = waypoints[0]
    for waypoint in waypoints:
        squares = (places[:, 0] - waypoint[0]) ** 2 + (places[:, 1] - waypoint[1]) ** 2
        reach = reach + float(np.linalg.norm(waypoint - before)) + _ROUNDING
        near = np.flatnonzero(squares <= reach**2)
        if width < len(near):
            near = near[squares[near] <= np.partition(squares[near], width - 1)[width - 1]]
        near = near[np.argsort(squares[near], kind="stable")][:width]
        reach = float(np.sqrt(squares[near[-1]])) if width <= len(near) else np.inf
        before = waypoint
        found.append(near)
    return found


def find_path(
    places: NDArray[np.float64],
    waypoints: NDArray[np.float64],
    candidates: Sequence[NDArray[np.int64]],
    caps: Sequence[Cap] = (),
    smoothness: float = SMOOTHNESS,
) -> NDArray[np.int64] | None:
    """Choose one item for each waypoint, none twice.

    The path p has a small cost Σ |p_i - w_i|² + s Σ |(p_i+1 - p_i) - (w_i+1 - w_i)|² for waypoints w and
    smoothness s. Without limits, dynamic programming (Viterbi, IEEE Trans. Inf. Theory 1967) finds the
    smallest. As no item may be used twice, up to 4 paths to each item are kept at each step, not one (list
    Viterbi decoding; Seshadri and Sundberg, IEEE Trans. Commun. 1994); a path that would use an item again
    ends. The search runs from both ends, and the better path is taken, so that a mirrored journey is the
    same.

    Args:
        places: Places of n items, (n, 2).
        waypoints: The ideal path, (steps, 2), at least one step.
        candidates: For each step the items that may be chosen, indices into `places`.
        caps: Limits on groups of items.
        smoothness: Weight of the deviations of steps.

    Returns:
        Indices of the items, int64 (steps,); None if no path was found that keeps to the limits.
    """
    limits = [Cap(np.arange(len(places)), 1, np.zeros(len(places), np.int64)), *caps]
    forward = _search(places, waypoints, candidates, limits, smoothness)
    backward = _search(places, waypoints[::-1], candidates[::-1], limits, smoothness)
    if forward is None or backward is None:
        found = forward or backward
        return None if found is None else (found[0] if backward is None else found[0][::-1])
    return backward[0][::-1] if backward[1] < forward[1] - _FORWARD_LEAD else forward[0]


def _search(
    places: NDArray[np.float64],
    waypoints: NDArray[np.float64],
    candidates: Sequence[NDArray[np.int64]],
    caps: Sequence[Cap],
    smoothness: float,
) -> tuple[NDArray[np.int64], float] | None:
    """Return the best path from the first waypoint on, and its cost; None if all paths end."""
    paths = np.empty((1, 0), np.int64)
    costs = np.zeros(1)
    counts = [cap.used[None] for cap in caps]
    for step, choices in enumerate(candidates):
        total = costs[:, None] + ((places[choices] - waypoints[step]) ** 2).sum(axis=1)
        if step:
            moves = places[choices] - places[paths[:, -1], None]
            ideal = waypoints[step] - waypoints[step - 1]
            total = total + smoothness * ((moves - ideal) ** 2).sum(axis=2)
        for cap, count in zip(caps, counts, strict=True):
            total = np.where(_is_full(cap, count, choices), np.inf, total)
        survivors = min(_SURVIVORS, max(1, _PATHS // max(1, len(choices))))
        kept = min(survivors, len(total))
        parents = np.argpartition(total, kept - 1, axis=0)[:kept]
        parent, choice = parents.ravel(), np.tile(np.arange(len(choices)), kept)
        open_ = np.isfinite(total[parent, choice])
        parent, choice = parent[open_], choice[open_]
        if not len(parent):
            return None
        costs, chosen = total[parent, choice], choices[choice]
        paths = np.concatenate([paths[parent], chosen[:, None]], axis=1)
        counts = [_count(cap, count[parent], chosen) for cap, count in zip(caps, counts, strict=True)]
    best = int(np.argmin(costs))
    return paths[best], float(costs[best])


def _is_full(cap: Cap, counts: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return for each path and item whether the item's group has reached its limit, bool (paths, items)."""
    codes = cap.codes[items]
    return np.asarray((codes >= 0) & (counts[:, codes] >= cap.limit))


def _count(cap: Cap, counts: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return counts, (paths, groups), to which one further item of each path is added."""
    codes = cap.codes[items]
    rows = np.flatnonzero(codes >= 0)
    counts[rows, codes[rows]] += 1
    return counts
