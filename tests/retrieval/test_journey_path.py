"""The choice of a path among places: its rules always hold, and it is close to the best there is."""

from __future__ import annotations

from itertools import permutations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from attune.retrieval.journey_path import Cap, choose_near, find_path, trace_line


def cost(path: NDArray[np.float64], waypoints: NDArray[np.float64]) -> float:
    """The cost of a path by its definition."""
    off = ((path - waypoints) ** 2).sum()
    return float(off + ((np.diff(path, axis=0) - np.diff(waypoints, axis=0)) ** 2).sum())


@st.composite
def problems(draw: st.DrawFn, items: int = 40, steps: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Places, and waypoints of which there are no more than places."""
    count = draw(st.integers(1, items))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    corners = rng.uniform(-1, 1, (draw(st.integers(2, 4)), 2))
    return rng.uniform(-1, 1, (count, 2)), trace_line(corners, draw(st.integers(1, min(count, steps))))


@given(st.lists(st.tuples(*[st.floats(-1, 1)] * 2), min_size=2, max_size=5), st.integers(2, 60))
def test_waypoints_begin_and_end_with_the_line_and_are_evenly_spaced_along_it(
    points: list[tuple[float, float]], steps: int
) -> None:
    waypoints = trace_line(points, steps)
    assert waypoints.shape == (steps, 2)
    np.testing.assert_allclose(waypoints[[0, -1]], [points[0], points[-1]], atol=1e-9)
    whole = np.linalg.norm(np.diff(points, axis=0), axis=1).sum()
    lengths = np.linalg.norm(np.diff(waypoints, axis=0), axis=1)
    assert (lengths <= whole / (steps - 1) + 1e-9).all()  # shorter only across a bend
    if len(points) == 2:
        np.testing.assert_allclose(lengths, whole / (steps - 1), atol=1e-9)


@settings(deadline=None)
@given(problems(), st.integers(1, 50))
def test_candidates_are_the_nearest_places(problem: tuple[np.ndarray, np.ndarray], width: int) -> None:
    places, waypoints = problem
    for near, waypoint in zip(choose_near(places, waypoints, width), waypoints, strict=True):
        squares = ((places - waypoint) ** 2).sum(axis=1)
        assert near.tolist() == np.argsort(squares, kind="stable")[:width].tolist()


@settings(deadline=None)
@given(problems())
def test_no_item_comes_twice_and_each_step_has_one_of_its_candidates(
    problem: tuple[np.ndarray, np.ndarray],
) -> None:
    places, waypoints = problem
    candidates = choose_near(places, waypoints, len(waypoints) + 2)
    path = find_path(places, waypoints, candidates)
    assert path is not None  # each step has more candidates than there are steps, or all
    assert len(set(path.tolist())) == len(waypoints)
    assert all(one in near for one, near in zip(path, candidates, strict=True))


def test_small_paths_are_nearly_the_best_of_all() -> None:
    excess = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        items = int(rng.integers(2, 7))
        places = rng.uniform(-1, 1, (items, 2))
        corners = rng.uniform(-1, 1, (int(rng.integers(2, 5)), 2))
        waypoints = trace_line(corners, int(rng.integers(2, min(items, 5) + 1)))
        path = find_path(places, waypoints, [np.arange(items)] * len(waypoints))
        assert path is not None
        every = permutations(range(items), len(waypoints))
        best = min(cost(places[list(one)], waypoints) for one in every)
        excess.append(cost(places[path], waypoints) / best)
    assert min(excess) > 1 - 1e-9
    assert max(excess) < 1.05
    assert np.mean(np.array(excess) < 1 + 1e-9) >= 0.98


@settings(deadline=None)
@given(problems())
def test_a_mirrored_journey_is_the_same_backwards(problem: tuple[np.ndarray, np.ndarray]) -> None:
    places, waypoints = problem
    candidates = [np.arange(len(places))] * len(waypoints)
    there = find_path(places, waypoints, candidates)
    back = find_path(places, waypoints[::-1], candidates)
    assert there is not None
    assert back is not None
    assert np.isclose(cost(places[there], waypoints), cost(places[back[::-1]], waypoints))


def test_an_even_row_is_walked_as_it_stands() -> None:
    row = np.stack([np.linspace(-1, 1, 9), np.zeros(9)], axis=1)
    waypoints = trace_line([(-1, 0), (1, 0)], 9)
    candidates = [np.arange(9)] * 9
    assert find_path(row, waypoints, candidates).tolist() == list(range(9))  # type: ignore[union-attr]
    back = find_path(row, waypoints[::-1], candidates)
    assert back.tolist() == list(range(9))[::-1]  # type: ignore[union-attr]


def test_even_steps_count_beside_nearness() -> None:
    # The second item is nearest to the middle of the line, but a jump to the side.
    places = np.array([[-1.0, 0.2], [0.0, -0.21], [0.0, 0.25], [1.0, 0.2]])
    waypoints = trace_line([(-1, 0), (1, 0)], 3)
    candidates = [np.arange(4)] * 3
    assert find_path(places, waypoints, candidates).tolist() == [0, 2, 3]  # type: ignore[union-attr]
    plain = find_path(places, waypoints, candidates, smoothness=0.0)
    assert plain.tolist() == [0, 1, 3]  # type: ignore[union-attr]


@settings(deadline=None)
@given(problems(), st.integers(1, 4), st.integers(1, 3), st.integers(0, 10**6))
def test_limits_of_groups_hold(
    problem: tuple[np.ndarray, np.ndarray], groups: int, limit: int, seed: int
) -> None:
    places, waypoints = problem
    rng = np.random.default_rng(seed)
    codes, used = rng.integers(-1, groups, len(places)), rng.integers(0, 2, groups)
    candidates = [np.arange(len(places))] * len(waypoints)
    path = find_path(places, waypoints, candidates, [Cap(codes, limit, used)])
    if path is not None:
        counts = np.bincount(codes[path][codes[path] >= 0], minlength=groups)
        assert (counts <= np.maximum(limit - used, 0)).all()
    else:  # rightly so only if the groups cannot fill the steps
        sizes = np.bincount(codes[codes >= 0], minlength=groups)
        admitted = np.minimum(sizes, np.maximum(limit - used, 0)).sum() + (codes < 0).sum()
        assert admitted < len(waypoints)


def test_without_candidates_there_is_no_path() -> None:
    empty = np.empty(0, np.int64)
    assert find_path(np.zeros((1, 2)), np.zeros((2, 2)), [np.zeros(1, np.int64), empty]) is None
