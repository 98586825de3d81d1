"""Grouped, stratified folds for cross-validation within the splits train and val."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import UsageError
from attune.embedding.media_files import Kind
from attune.training.manifest import LabelledRow, group_names

FOLDS = 5

_SEED_OFFSET: dict[Kind, int] = {"image": 0, "music": 100}  # each modality is assigned on its own


def assign_folds(rows: Sequence[LabelledRow], kind: Kind, seed: int, folds: int = FOLDS) -> NDArray[np.int64]:
    """Assign labelled files of one modality to folds by group, with data sets and labels spread evenly.

    Returns:
        Fold of each row, int64 in [0, folds).

    Raises:
        UsageError: There are fewer groups than folds.
    """
    strata = [f"{row.set}/{row.polarity}/{row.quadrant}" for row in rows]
    return assign_grouped_folds(group_names(rows), strata, folds, seed + _SEED_OFFSET[kind])


def assign_grouped_folds(
    groups: Sequence[str], strata: Sequence[str], folds: int = 5, seed: int = 0
) -> NDArray[np.int64]:
    """Assign rows to folds so that each group stays in one fold and every stratum is spread evenly.

    Groups are assigned in order of size, the largest first, and equal sizes in an order drawn from `seed`.
    Each goes to the fold where its strata are rarest so far. The rule is that of scikit-learn's
    StratifiedGroupKFold, with squared counts.

    Args:
        groups: Group of each row; rows with an equal name stay together.
        strata: Stratum of each row, for instance data set and polarity.
        folds: Number of folds, at least 2.
        seed: Seed of the order in which groups of equal size are assigned.

    Returns:
        Fold of each row, int64 in [0, folds).

    Raises:
        UsageError: If there are fewer groups than folds.
    """
    group_names, group_of = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    stratum_names, stratum_of = np.unique(np.asarray(strata, dtype=str), return_inverse=True)
    if len(group_names) < folds:
        raise UsageError(f"{len(group_names)} groups of rows are too few for {folds}-fold cross-validation")
    stratum_counts = np.zeros((len(group_names), len(stratum_names)))
    np.add.at(stratum_counts, (group_of, stratum_of), 1.0)
    order = np.random.default_rng(seed).permutation(len(group_names))
    order = order[np.argsort(-stratum_counts[order].sum(axis=1), kind="stable")]
    scale = 1.0 / stratum_counts.sum(axis=0)
    fold_counts = np.zeros((folds, len(stratum_names)))
    fold_of_group = np.zeros(len(group_names), dtype=np.int64)
    for group in order:
        cost = ((2.0 * fold_counts + stratum_counts[group]) * stratum_counts[group] * scale).sum(axis=1)
        # At the start several folds cost the same: the emptiest of them takes the group.
        candidates = np.flatnonzero(cost <= cost.min() + 1e-12)
        best_fold = candidates[np.argmin(fold_counts[candidates].sum(axis=1))]
        fold_of_group[group] = best_fold
        fold_counts[best_fold] += stratum_counts[group]
    return fold_of_group[group_of]
