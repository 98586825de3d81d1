"""Tests of the assignment of pictures: none twice, better than the plain assignment, locally optimal."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from attune.retrieval.story.assignment import AssignmentProblem, assign_by_mood, assign_in_order


def make_problem(seed: int, spans: int, pictures: int, weight: float) -> AssignmentProblem:
    random = np.random.default_rng(seed)
    points = random.normal(size=(pictures, 2))
    costs = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))
    return AssignmentProblem(
        random.random((spans, pictures)), costs, weight * random.random(max(spans - 1, 0))
    )


problems = st.builds(
    lambda seed, spans, more, weight: make_problem(seed, spans, spans + more, weight),
    st.integers(0, 10_000),
    st.integers(1, 9),
    st.integers(0, 8),
    st.sampled_from([0.0, 0.1, 1.0]),
)


@settings(max_examples=60, deadline=None)
@given(problems)
def test_no_picture_twice_and_no_step_gains(problem: AssignmentProblem) -> None:
    chosen = assign_by_mood(problem)
    spans, pictures = problem.scores.shape
    assert len(chosen) == spans
    assert len(set(chosen.tolist())) == spans
    _, assigned = linear_sum_assignment(problem.scores, maximize=True)
    worth = problem.worth(chosen)
    assert worth >= problem.worth(assigned) - 1e-9
    for span in range(spans):
        for picture in set(range(pictures)) - set(chosen.tolist()):
            other = chosen.copy()
            other[span] = picture
            assert problem.worth(other) <= worth + 1e-6
    for one, two in itertools.combinations(range(spans), 2):
        other = chosen.copy()
        other[[one, two]] = other[[two, one]]
        assert problem.worth(other) <= worth + 1e-6


@pytest.mark.parametrize("seed", range(8))
def test_in_order_equals_trying_all(seed: int) -> None:
    problem = make_problem(seed, 4, 9, 0.5)
    best = max(problem.worth(np.array(way)) for way in itertools.combinations(range(9), 4))
    chosen = assign_in_order(problem)
    assert (np.diff(chosen) > 0).all()
    assert problem.worth(chosen) == pytest.approx(best)


def test_without_jumps_it_is_the_best_assignment() -> None:
    problem = make_problem(3, 5, 7, 0.0)
    best = max(problem.worth(np.array(way)) for way in itertools.permutations(range(7), 5))
    assert problem.worth(assign_by_mood(problem)) == pytest.approx(best)


def test_alike_pictures_are_kept_apart() -> None:
    scores = np.array([[0.9, 0.89, 0.5], [0.9, 0.89, 0.5], [0.9, 0.89, 0.5]])
    alike = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    assert assign_by_mood(AssignmentProblem(scores, alike, np.ones(2)))[1] == 2
