"""The choice of pictures: none twice, no worse than the plain assignment, nothing to gain by one step."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from attune.retrieval.story.assignment import AssignmentProblem, assign_by_mood, assign_in_order


def problem(seed: int, spans: int, pictures: int, weight: float) -> AssignmentProblem:
    random = np.random.default_rng(seed)
    points = random.normal(size=(pictures, 2))
    jumps = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))
    return AssignmentProblem(
        random.random((spans, pictures)), jumps, weight * random.random(max(spans - 1, 0))
    )


problems = st.builds(
    lambda seed, spans, more, weight: problem(seed, spans, spans + more, weight),
    st.integers(0, 10_000),
    st.integers(1, 9),
    st.integers(0, 8),
    st.sampled_from([0.0, 0.1, 1.0]),
)


@settings(max_examples=60, deadline=None)
@given(problems)
def test_no_picture_twice_and_no_step_gains(asked: AssignmentProblem) -> None:
    chosen = assign_by_mood(asked)
    spans, pictures = asked.scores.shape
    assert len(chosen) == spans
    assert len(set(chosen.tolist())) == spans
    _, assigned = linear_sum_assignment(asked.scores, maximize=True)
    worth = asked.worth(chosen)
    assert worth >= asked.worth(assigned) - 1e-9
    for span in range(spans):
        for picture in set(range(pictures)) - set(chosen.tolist()):
            other = chosen.copy()
            other[span] = picture
            assert asked.worth(other) <= worth + 1e-6
    for one, two in itertools.combinations(range(spans), 2):
        other = chosen.copy()
        other[[one, two]] = other[[two, one]]
        assert asked.worth(other) <= worth + 1e-6


@pytest.mark.parametrize("seed", range(8))
def test_in_order_equals_trying_all(seed: int) -> None:
    asked = problem(seed, 4, 9, 0.5)
    best = max(asked.worth(np.array(way)) for way in itertools.combinations(range(9), 4))
    chosen = assign_in_order(asked)
    assert (np.diff(chosen) > 0).all()
    assert asked.worth(chosen) == pytest.approx(best)


def test_without_jumps_it_is_the_best_assignment() -> None:
    asked = problem(3, 5, 7, 0.0)
    best = max(asked.worth(np.array(way)) for way in itertools.permutations(range(7), 5))
    assert asked.worth(assign_by_mood(asked)) == pytest.approx(best)


def test_alike_pictures_are_kept_apart() -> None:
    scores = np.array([[0.9, 0.89, 0.5], [0.9, 0.89, 0.5], [0.9, 0.89, 0.5]])
    alike = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    assert assign_by_mood(AssignmentProblem(scores, alike, np.ones(2)))[1] == 2
