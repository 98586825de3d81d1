"""Assignment of rows to cross-validation folds by group and stratum."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune.core.errors import UsageError
from attune.training.assign_folds import assign_grouped_folds


def test_a_group_stays_whole_and_strata_are_spread() -> None:
    groups = [f"g{i // 3}" for i in range(300)]
    strata = [("a", "b", "c")[(i // 3) % 3] for i in range(300)]
    folds = assign_grouped_folds(groups, strata, folds=5, seed=1)
    for group in set(groups):
        assert len({int(f) for f, g in zip(folds, groups, strict=True) if g == group}) == 1
    for stratum in "abc":
        counts = np.bincount(folds[np.array(strata) == stratum], minlength=5)
        assert counts.max() - counts.min() <= 3


def test_a_large_group_takes_a_fold_of_its_own() -> None:
    folds = assign_grouped_folds(["big"] * 20 + [f"s{i}" for i in range(20)], ["x"] * 40, folds=3)
    assert not set(folds[:20]) & set(folds[20:])


def test_the_seed_decides_and_repeats() -> None:
    groups, strata = [str(i) for i in range(60)], ["a", "b"] * 30
    assert (
        assign_grouped_folds(groups, strata, seed=3) == assign_grouped_folds(groups, strata, seed=3)
    ).all()
    assert (
        assign_grouped_folds(groups, strata, seed=3) != assign_grouped_folds(groups, strata, seed=4)
    ).any()


def test_too_few_groups_are_refused() -> None:
    with pytest.raises(UsageError, match="2 groups"):
        assign_grouped_folds(["a", "b", "b"], ["x", "x", "y"], folds=5)


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), min_size=60, max_size=120))
def test_no_group_is_ever_split(labels: list[tuple[int, int]]) -> None:
    groups = [f"{group}" for group, _ in labels] + [f"own{i}" for i in range(5)]
    strata = [f"{stratum}" for _, stratum in labels] + ["0"] * 5
    folds = assign_grouped_folds(groups, strata, folds=5)
    assert set(folds) <= set(range(5))
    assert len({(g, int(f)) for g, f in zip(groups, folds, strict=True)}) == len(set(groups))
