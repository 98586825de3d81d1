"""Ridge regression with weights and shifts of sets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune.training.ridge_regression import fit_ridge

RANDOM = np.random.default_rng(0)
TRUE = np.array([0.5, -1.0, 0.25, 0.0], np.float32)


def _draw(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    inputs = RANDOM.normal(size=(count, 4)).astype(np.float32)
    sets = RANDOM.integers(0, 3, count)
    goals = inputs @ TRUE + np.array([0.3, -0.2, 0.5], np.float32)[sets]
    return inputs, goals.astype(np.float32), sets


def test_slopes_are_found_and_shifts_of_sets_set_apart() -> None:
    inputs, goals, sets = _draw(300)
    slopes, shift = fit_ridge(inputs, goals, np.ones(300, np.float32), sets, 1e-6)
    assert np.abs(slopes - TRUE).max() < 1e-3
    assert shift == pytest.approx(0.2, abs=1e-3)


def test_rows_without_goal_or_weight_count_for_nothing() -> None:
    inputs, goals, sets = _draw(60)
    weights = np.ones(60, np.float32)
    kept = fit_ridge(inputs[:40], goals[:40], weights[:40], sets[:40], 0.1)
    goals[40:50], goals[50:], weights[40:] = np.nan, 99.0, 0.0
    scaled = 0.1 * np.mean(np.sum(inputs[:40] ** 2, axis=1)) / np.mean(np.sum(inputs**2, axis=1))
    slopes, _ = fit_ridge(inputs, goals, weights, sets, float(scaled))
    assert np.allclose(slopes, kept[0], atol=2e-3)
    assert not fit_ridge(inputs, np.full(60, np.nan, np.float32), weights, sets, 0.1)[0].any()


@given(st.floats(0.01, 1.0), st.integers(0, 5))
def test_a_row_that_weighs_twice_is_a_row_that_occurs_twice(l2: float, row: int) -> None:
    inputs, goals, sets = (part[:6] for part in _draw(6))
    inputs /= np.linalg.norm(inputs, axis=1, keepdims=True)  # so that a repetition does not change the scale
    weights = np.ones(6, np.float32)
    weights[row] = 2.0
    again = np.append(np.arange(6), row)
    once = fit_ridge(inputs, goals, weights, sets, l2)[0]
    twice = fit_ridge(inputs[again], goals[again], np.ones(7, np.float32), sets[again], l2)[0]
    assert np.allclose(once, twice, atol=1e-4)


def test_many_columns_and_many_rows_are_solved_alike() -> None:
    inputs, goals, sets = _draw(5)  # 4 + 3 columns, 5 rows
    wide = fit_ridge(inputs, goals, np.ones(5, np.float32), sets, 0.5)
    repeated = np.tile(np.arange(5), 20)
    tall = fit_ridge(inputs[repeated], goals[repeated], np.full(100, 0.05, np.float32), sets[repeated], 0.5)
    assert np.allclose(wide[0], tall[0], atol=1e-4)
    assert wide[1] == pytest.approx(tall[1], abs=1e-4)
