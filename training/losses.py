"""Training targets of a tower's heads, and the balanced losses over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from attune.training.manifest import LabelledRow, polarity_codes, ratings, reference_points
from attune.training.metrics.mood_labels import read_mood_labels

POLARITY_VALENCE = (0.5, 0.0, -0.5)
"""Valence assumed for each polarity (positive, neutral, negative) where no rating or quadrant is known."""

_OTHER_AROUSAL = ("naps",)
"""Sets whose scale of arousal runs from relaxed to aroused, which is nearly valence turned round."""
_NO_PHOTOGRAPHS = ("bass", "vaps")
"""Sets of silhouettes and paintings: what people say of these is no measure for photographs."""
_WITH_QUADRANTS = 6
RAW_OUTPUTS = 9
"""Number of raw outputs of a modality's heads: 3 of polarity, valence, arousal, 4 of quadrants."""


@dataclass(frozen=True, slots=True)
class Targets:
    """Training targets of N rows.

    Attributes:
        sets: int64 (N,), index of each row's data set.
        polarity: int64 (N,), 0 positive, 1 neutral, 2 negative, -1 unknown.
        points: float32 (N, 2), valence and arousal in [-1, 1], NaN where unknown.
        quadrants: int64 (N,), 0 to 3 for Q1 to Q4, -1 unknown.
        ratings: float32 (N, 2), what people said of valence and arousal, in [-1, 1], NaN where nobody was
            asked: the scale of the numbers that are told.
    """

    sets: NDArray[np.int64]
    polarity: NDArray[np.int64]
    points: NDArray[np.float32]
    quadrants: NDArray[np.int64]
    ratings: NDArray[np.float32]

    def __getitem__(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Targets:
        """Return the targets of the selected rows."""
        return Targets(
            self.sets[rows],
            self.polarity[rows],
            self.points[rows],
            self.quadrants[rows],
            self.ratings[rows],
        )


def build_targets(rows: Sequence[LabelledRow]) -> Targets:
    """Return the targets of rows.

    Valence and arousal are the rating; without one, the corner of the quadrant; without a quadrant, valence
    is that of the polarity and arousal is unknown. A picture's quadrant is that of its place
    (`attune.training.metrics.mood_labels`). Polarity is not taught by a set that knows no neutral files where
    others do: what it calls positive is then something else.
    """
    names = np.array([row.set for row in rows])
    _, sets = np.unique(names, return_inverse=True)
    other_arousal = np.isin(names, _OTHER_AROUSAL)
    polarity = _drop_incomplete_sets(sets, polarity_codes(rows).astype(np.int64))
    points = reference_points(rows)
    implied = np.array([*POLARITY_VALENCE, np.nan])[polarity]
    points[:, 0] = np.where(np.isnan(points[:, 0]), implied, points[:, 0])
    points[other_arousal, 1] = np.nan
    drawn = np.isin(names, _NO_PHOTOGRAPHS)
    quadrants = np.where(other_arousal | drawn, -1, read_mood_labels(rows).quadrants).astype(np.int64)
    told = ratings(rows)
    told[other_arousal, 1] = np.nan
    told[drawn] = np.nan
    return Targets(
        sets.astype(np.int64), polarity, points.astype(np.float32), quadrants, told.astype(np.float32)
    )


def _drop_incomplete_sets(sets: NDArray[np.int64], polarity: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return polarities, those of sets without all three unknown if any set has all three."""
    counts = np.zeros((int(sets.max()) + 1, len(POLARITY_VALENCE)), np.int64)
    np.add.at(counts, (sets[polarity >= 0], polarity[polarity >= 0]), 1)
    complete = np.asarray((counts > 0).all(axis=1))
    return np.where(complete[sets], polarity, -1) if complete.any() else polarity


def balanced_weights(sets: NDArray[np.int64], classes: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return weights by which each set counts by its size, and the classes within a set count equally.

    Classes are balanced within each set, not overall: a class that is frequent in one set only would
    otherwise be recognised by features that are typical of that set.

    Args:
        sets: (N,), index of the set of each row.
        classes: (N,), class of each row, -1 for rows of weight 0.

    Returns:
        float32 (N,), sums to 1; all 0 if no row has a class.
    """
    weights = np.zeros(len(sets))
    for one_set in np.unique(sets):
        in_set = (sets == one_set) & (classes >= 0)
        present, counts = np.unique(classes[in_set], return_counts=True)
        for one_class, count in zip(present, counts, strict=True):
            weights[in_set & (classes == one_class)] = counts.sum() / len(present) / count
    total = weights.sum()
    return (weights / total if total > 0 else weights).astype(np.float32)


def head_loss(raw: Tensor, targets: Targets, point_share: float) -> Tensor:
    """Return the loss of raw outputs: cross-entropy of polarity, squared error of valence and arousal.

    Args:
        raw: float32 (N, 9): three logits of polarity, valence, arousal; the four logits of quadrants do not
            count.
        targets: Targets of the N rows.
        point_share: Weight of the squared error, relative to the cross-entropy.

    Returns:
        A scalar; a task without labels adds nothing.
    """
    logits, points = raw[:, :3], raw[:, 3:5]
    weights = torch.from_numpy(balanced_weights(targets.sets, targets.polarity))
    known = torch.from_numpy(targets.polarity.clip(min=0))
    loss = (weights * functional.cross_entropy(logits, known, reduction="none")).sum()
    for axis in (0, 1):
        label_class = np.where(np.isnan(targets.points[:, axis]), -1, 0)
        weights = torch.from_numpy(balanced_weights(targets.sets, label_class))
        goal = torch.from_numpy(np.nan_to_num(targets.points[:, axis]))
        loss = loss + point_share * (weights * (points[:, axis] - goal) ** 2).sum()
    return loss


def unify_outputs(outputs: Tensor) -> Tensor:
    """Convert the outputs of heads to raw outputs: logits of polarity, valence, arousal, quadrants, (N, 9).

    Heads with a logit for each quadrant give six outputs: the quadrants Q2 (anger) and Q3 (sadness) are both
    negative but sound different, and the probability of negative is the sum of theirs. Heads with a logit for
    each polarity give five: a quadrant is then as likely as its two signs, taken by themselves.
    """
    if outputs.shape[1] == _WITH_QUADRANTS:
        negative = torch.logsumexp(outputs[:, 1:3], dim=1, keepdim=True)
        return torch.cat([outputs[:, :1], outputs[:, 3:4], negative, outputs[:, 4:], outputs[:, :4]], dim=1)
    valence, arousal = outputs[:, 3:4], outputs[:, 4:5]
    signs = [valence + arousal, arousal - valence, -valence - arousal, valence - arousal]
    return torch.cat([outputs, *signs], dim=1)


def quadrant_loss(raw: Tensor, targets: Targets) -> Tensor:
    """Return the cross-entropy of quadrants, a scalar, for raw outputs (N, 9): four logits come last."""
    weights = torch.from_numpy(balanced_weights(targets.sets, targets.quadrants))
    known = torch.from_numpy(targets.quadrants.clip(min=0))
    return (weights * functional.cross_entropy(raw[:, 5:], known, reduction="none")).sum()


def held_out_loss(raw: NDArray[np.float32], targets: Targets, point_share: float) -> float:
    """Return `head_loss` of raw outputs (N, 9) of rows that are not trained on."""
    return float(head_loss(torch.from_numpy(raw), targets, point_share))
