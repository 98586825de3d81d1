"""Evenness of journeys: their steps and their distance from the line, beside two simple ways.

The journeys go between all pairs of named moods, through the items of one kind of a library, or through a
made-up library of places. The controls choose for each waypoint the nearest item, whether or not it was used
before (`nearest`), or the nearest that was not used before (`greedy`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from attune.retrieval.journey_path import SMOOTHNESS, WIDTHS, choose_near, find_path, trace_line
from attune.retrieval.mood_words import MOODS

Way = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.int64]]
"""Chooses one of n places, (n, 2), for each waypoint, (steps, 2); returns indices, (steps,)."""


@dataclass(frozen=True, slots=True)
class JourneyMeasurement:
    """What journeys by one way are like, on average over pairs of moods.

    Attributes:
        way: How items are chosen.
        journeys: Number of journeys.
        mean_step: Mean distance between successive places.
        largest_step: Mean over journeys of the largest of these distances.
        worst_step: The largest of all these distances.
        off_line: Mean distance of a place from its waypoint.
        repeats: Steps at which an item comes that came before, over all journeys.
        ms: Milliseconds for one journey.
    """

    way: str
    journeys: int
    mean_step: float
    largest_step: float
    worst_step: float
    off_line: float
    repeats: int
    ms: float


def choose_nearest(places: NDArray[np.float64], waypoints: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the nearest item to each waypoint."""
    return np.concatenate(choose_near(places, waypoints, 1))


def choose_greedily(places: NDArray[np.float64], waypoints: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return for each waypoint in turn the nearest item that was not chosen before."""
    chosen: list[int] = []
    for near in choose_near(places, waypoints, len(waypoints)):
        chosen.append(next(one for one in near.tolist() if one not in chosen))
    return np.array(chosen)


def choose_path(
    places: NDArray[np.float64], waypoints: NDArray[np.float64], smoothness: float = SMOOTHNESS
) -> NDArray[np.int64]:
    """Return the items of a journey, as `attune journey` chooses them where nothing is filtered or folded."""
    for width in WIDTHS:
        near = choose_near(places, waypoints, width)
        pool = np.unique(np.concatenate(near))
        candidates = [np.searchsorted(pool, one) for one in near]
        path = find_path(places[pool], waypoints, candidates, smoothness=smoothness)
        if path is not None:
            return pool[path]
    raise AssertionError("each step has more candidates than there are steps, or all items")


def make_places(count: int, seed: int = 0) -> NDArray[np.float64]:
    """Return places of a made-up library, float64 (count, 2): few at the edges, both axes related."""
    drawn = np.random.default_rng(seed).multivariate_normal([0, 0], [[0.3, 0.12], [0.12, 0.3]], count)
    return np.asarray(np.tanh(drawn))


def measure_journeys(
    places: NDArray[np.float64], steps: int, smoothness: float = SMOOTHNESS
) -> list[JourneyMeasurement]:
    """Measure journeys between all pairs of named moods, each way.

    Args:
        places: Places of the items, (n, 2).
        steps: Number of steps; at most n are made.
        smoothness: Weight of uneven steps in `find_path`.
    """
    lines = [trace_line(ends, min(steps, len(places))) for ends in combinations(MOODS.values(), 2)]
    ways: dict[str, Way] = {
        "journey": lambda among, waypoints: choose_path(among, waypoints, smoothness),
        "greedy": choose_greedily,
        "nearest": choose_nearest,
    }
    return [_measure(name, way, places, lines) for name, way in ways.items()]


def _measure(
    name: str, way: Way, places: NDArray[np.float64], lines: Sequence[NDArray[np.float64]]
) -> JourneyMeasurement:
    began = time.perf_counter()
    paths = [way(places, waypoints) for waypoints in lines]
    elapsed_ms = (time.perf_counter() - began) * 1000 / len(lines)
    lengths = [np.linalg.norm(np.diff(places[path], axis=0), axis=1) for path in paths]
    off = [
        np.linalg.norm(places[path] - waypoints, axis=1) for path, waypoints in zip(paths, lines, strict=True)
    ]
    largest = [float(one.max()) for one in lengths]
    return JourneyMeasurement(
        way=name,
        journeys=len(lines),
        mean_step=float(np.mean(np.concatenate(lengths))),
        largest_step=float(np.mean(largest)),
        worst_step=max(largest),
        off_line=float(np.mean(np.concatenate(off))),
        repeats=sum(len(path) - len(set(path.tolist())) for path in paths),
        ms=elapsed_ms,
    )
