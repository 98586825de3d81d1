"""Training targets of a tower's heads, and the balanced losses of those that classify."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from attune.training.manifest import LabelledRow, polarity_codes, ratings, reference_points
from attune.training.metrics.mood_labels import FEWEST_RATINGS, read_mood_labels

POLARITY_VALENCE = (0.5, 0.0, -0.5)
"""Valence assumed for each polarity (positive, neutral, negative) where no rating or quadrant is known."""

_OTHER_AROUSAL = ("naps",)
"""Sets whose scale of arousal runs from relaxed to aroused, which is nearly valence turned round."""
_UNLIKE_LIBRARIES = ("bass", "vaps", "vgmidi_puct")
"""Sets of silhouettes, paintings and solo piano: people's photos and songs are different."""
_RELIANCE_ON_UNLIKE = 0.15
_RELIANCE_ON_POLARITY = 0.1
_WITH_QUADRANTS = 6
RAW_OUTPUTS = 9
"""Number of raw outputs of a modality's heads: 3 of polarity, valence, arousal, 4 of quadrants."""


@dataclass(frozen=True, slots=True)
class Targets:
    """Training targets of N rows.

    Attributes:
        sets: int64 (N,), index of each row's data set.
        polarity: int64 (N,), 0 positive, 1 neutral, 2 negative, -1 unknown.
        points: float32 (N, 2), goals of valence and arousal in [-1, 1], NaN where unknown.
        reliance: float32 (N,), how much a row counts where valence and arousal are learnt: 1 where people
            rated both or named the quadrant, less where a polarity stands for valence.
        typical: bool (N,), whether the row is like the photos and songs that people have.
        quadrants: int64 (N,), 0 to 3 for Q1 to Q4, -1 unknown.
        ratings: float32 (N, 2), what people said of valence and arousal, in [-1, 1], NaN where nobody was
            asked: the scale of the numbers that are told.
    """

    sets: NDArray[np.int64]
    polarity: NDArray[np.int64]
    points: NDArray[np.float32]
    reliance: NDArray[np.float32]
    typical: NDArray[np.bool_]
    quadrants: NDArray[np.int64]
    ratings: NDArray[np.float32]

    def __getitem__(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Targets:
        """Return the targets of the selected rows."""
        return Targets(
            self.sets[rows],
            self.polarity[rows],
            self.points[rows],
            self.reliance[rows],
            self.typical[rows],
            self.quadrants[rows],
            self.ratings[rows],
        )


def build_targets(rows: Sequence[LabelledRow]) -> Targets:
    """Return the targets of rows.

    The goal of valence is a rating's place among those of its set, that of arousal the rating, standardised
    within its set: whichever predicts the ratings of held-out groups better (docs/experiments.md). Without a
    rating, both are the corner of the quadrant; without a quadrant, valence is that of the polarity and
    arousal is unknown. A picture's quadrant is that of its place (`attune.training.metrics.mood_labels`).
    Polarity is not taught by a set that knows no neutral files where others do: what it calls positive is
    then something else.
    """
    names = np.array([row.set for row in rows])
    _, sets = np.unique(names, return_inverse=True)
    other_arousal, typical = np.isin(names, _OTHER_AROUSAL), ~np.isin(names, _UNLIKE_LIBRARIES)
    polarity = polarity_codes(rows).astype(np.int64)
    moods = read_mood_labels(rows)
    points = np.stack([moods.places[:, 0], _standardize_within_sets(rows, sets)], axis=1)
    points = np.where(np.isnan(points), reference_points(rows), points)
    points[other_arousal, 1] = np.nan
    reliance = np.where(typical, 1.0, _RELIANCE_ON_UNLIKE)
    reliance[np.isnan(points[:, 0])] = _RELIANCE_ON_POLARITY
    implied = np.array([*POLARITY_VALENCE, np.nan])[polarity]
    points[:, 0] = np.where(np.isnan(points[:, 0]), implied, points[:, 0])
    told = ratings(rows)
    told[other_arousal, 1] = np.nan
    told[~typical] = np.nan
    return Targets(
        sets.astype(np.int64),
        _drop_incomplete_sets(sets, polarity),
        points.astype(np.float32),
        reliance.astype(np.float32),
        typical,
        np.where(other_arousal | ~typical, -1, moods.quadrants).astype(np.int64),
        told.astype(np.float32),
    )


def _standardize_within_sets(rows: Sequence[LabelledRow], sets: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the ratings of arousal, (N,), with mean 0 and the deviation of places within each large set."""
    rated = ratings(rows)[:, 1]
    goals = np.full(len(rows), np.nan)
    for one_set in np.unique(sets):
        members = (sets == one_set) & ~np.isnan(rated)
        if members.sum() >= FEWEST_RATINGS and rated[members].std() > 0:
            values = rated[members]
            goals[members] = (values - values.mean()) / values.std() / np.sqrt(3.0)
    return goals


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


def polarity_loss(raw: Tensor, targets: Targets) -> Tensor:
    """Return the cross-entropy of polarity, a scalar, for raw outputs (N, 9): its three logits come first."""
    return _classification_loss(raw[:, :3], targets.sets, targets.polarity)


def quadrant_loss(raw: Tensor, targets: Targets) -> Tensor:
    """Return the cross-entropy of quadrants, a scalar, for raw outputs (N, 9): four logits come last."""
    return _classification_loss(raw[:, 5:], targets.sets, targets.quadrants)


def _classification_loss(logits: Tensor, sets: NDArray[np.int64], classes: NDArray[np.int64]) -> Tensor:
    weights = torch.from_numpy(balanced_weights(sets, classes))
    known = torch.from_numpy(classes.clip(min=0))
    return (weights * functional.cross_entropy(logits, known, reduction="none")).sum()


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


def held_out_loss(raw: NDArray[np.float32], targets: Targets) -> float:
    """Return `polarity_loss` of raw outputs (N, 9) of rows that are not trained on."""
    return float(polarity_loss(torch.from_numpy(raw), targets))
