"""How near files are to an aim that has a place, a meaning, or both."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune.retrieval.words.aims import Aim, closeness, stretch

PLACES = st.tuples(st.floats(-1, 1), st.floats(-1, 1))
FILES = st.lists(st.tuples(PLACES, st.floats(0, 1)), min_size=1, max_size=8)


@given(PLACES, st.floats(0, 1), FILES)
def test_what_has_more_of_both_is_nearer(
    place: tuple[float, float], weight: float, files: list[tuple[tuple[float, float], float]]
) -> None:
    points, worth = (np.array(column) for column in zip(*files, strict=True))
    near = Aim("words", place, weight=weight).blend(points, worth)
    assert ((near >= 0) & (near <= 1)).all()
    close = closeness(points, place)
    for one in range(len(files)):
        better = (close >= close[one]) & (worth >= worth[one])
        assert (near[better] >= near[one] - 1e-12).all()


def test_files_need_both() -> None:
    points = np.array([[0.6, 0.6], [0.6, 0.6], [-0.6, -0.6], [0.5, 0.5]])
    worth = np.array([0.0, 0.4, 0.4, 0.3])
    near = Aim("words", (0.6, 0.6), weight=0.5).blend(points, worth)
    assert np.argsort(-near).tolist()[:2] == [1, 3]
    assert near[1] == pytest.approx(1.0)
    assert near[0] == pytest.approx((0.1 / 1.1) ** 0.5)


def test_where_nothing_is_meant_the_place_decides() -> None:
    points = np.array([[-0.6, -0.6], [0.0, 0.0], [0.6, 0.6]])
    faint = np.array([0.004, 0.002, 0.0])
    near = Aim("words", (0.6, 0.6), weight=0.8).blend(points, faint)
    assert np.argsort(-near).tolist() == [2, 1, 0]


def test_the_ends_of_the_weight_and_lone_parts() -> None:
    points, worth = np.array([[0.1, 0.2], [0.9, -0.3]]), np.array([0.5, 0.2])
    place = (0.3, 0.3)
    np.testing.assert_allclose(Aim("a", place, weight=0.0).blend(points, worth), closeness(points, place))
    np.testing.assert_allclose(Aim("a", place).blend(points, None), closeness(points, place))
    np.testing.assert_allclose(Aim("a", None, weight=1.0).blend(points, worth), [1.0, 0.4])
    assert Aim("a", None).blend(points, None).tolist() == [0.0, 0.0]


def test_a_library_without_what_is_meant_is_stretched_less() -> None:
    np.testing.assert_allclose(stretch(np.array([0.5, 0.25])), [1.0, 0.5])
    np.testing.assert_allclose(stretch(np.array([0.02, 0.01])), [0.2, 0.1])
    assert stretch(np.zeros(0)).size == 0
