"""Losses and targets of the heads."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from attune.tests.training.affect_data import rows_and_features
from attune.training.losses import Targets, balanced_weights, build_targets, polarity_loss

pytestmark = pytest.mark.torch


def test_classes_of_a_set_weigh_alike_and_sets_by_their_size() -> None:
    sets = np.array([0] * 9 + [1] * 4)
    classes = np.array([0] * 6 + [2] * 3 + [0, 0, 1, -1])
    weights = balanced_weights(sets, classes)
    assert weights.sum() == pytest.approx(1)
    assert weights[:6].sum() == pytest.approx(weights[6:9].sum())
    assert weights[9:11].sum() == pytest.approx(weights[11])
    assert weights[12] == 0
    assert weights[:9].sum() / weights[9:].sum() == pytest.approx(9 / 3)


def test_nothing_labelled_weighs_nothing() -> None:
    assert not balanced_weights(np.array([0, 1]), np.array([-1, -1])).any()


def test_the_loss_is_what_a_slow_loop_says() -> None:
    random = np.random.default_rng(0)
    targets = Targets(
        sets=np.array([0, 0, 0, 1, 1]),
        polarity=np.array([0, 1, 1, 2, -1]),
        points=np.full((5, 2), np.nan, np.float32),
        reliance=np.ones(5, np.float32),
        typical=np.ones(5, bool),
        quadrants=np.full(5, -1),
        ratings=np.full((5, 2), np.nan, np.float32),
    )
    raw = random.normal(size=(5, 5)).astype(np.float32)
    expected = 0.0
    shares = {0: 3, 1: 1}
    for row, (one_set, polarity) in enumerate(zip(targets.sets, targets.polarity, strict=True)):
        if polarity >= 0:
            present = {
                int(p) for s, p in zip(targets.sets, targets.polarity, strict=True) if s == one_set and p >= 0
            }
            count = sum((targets.sets == one_set) & (targets.polarity == polarity))
            weight = shares[int(one_set)] / len(present) / count / sum(shares.values())
            expected -= weight * math.log(np.exp(raw[row, polarity]) / np.exp(raw[row, :3]).sum())
    assert polarity_loss(torch.from_numpy(raw), targets).item() == pytest.approx(expected, rel=1e-5)


def test_a_point_comes_from_rating_then_quadrant_then_polarity() -> None:
    rated, _ = rows_and_features(3, 4, seed=0)
    placed, _ = rows_and_features(3, 4, seed=0, quadrants=True)
    points = build_targets([*rated, *placed]).points
    assert points[0, 0] == pytest.approx(rated[0].valence)
    assert points[3:].tolist() == [[0.5, 0.5], [0.5, -0.5], [-0.5, 0.5]]
    bare = [type(row)(row.path, "", "s", row.group, row.polarity, None, None, None, "") for row in rated]
    points = build_targets(bare).points
    assert points[:, 0].tolist() == [0.5, 0.0, -0.5]
    assert np.isnan(points[:, 1]).all()


def test_places_teach_valence_and_standardised_ratings_arousal_whatever_the_scale_of_a_set() -> None:
    rows, _ = rows_and_features(80, 4, seed=1)
    stretched = [
        replace(row, valence=0.1 * row.valence - 0.4, arousal=0.2 * row.arousal + 0.3)
        if row.set == "set1" and row.valence is not None and row.arousal is not None
        else row
        for row in rows
    ]
    plain, other = build_targets(rows).points, build_targets(stretched).points
    assert np.allclose(plain, other, atol=1e-5)
    for one_set in (0, 1):
        mine = plain[build_targets(rows).sets == one_set]
        assert np.sort(mine[:, 0]) == pytest.approx(np.arange(-39, 40, 2) / 40)
        assert mine.std(axis=0) == pytest.approx([1 / math.sqrt(3)] * 2, abs=1e-3)


def test_a_polarity_counts_less_than_a_rating_and_silhouettes_less_than_photographs() -> None:
    rated, _ = rows_and_features(60, 4, seed=1)
    drawn = [replace(row, set="bass") for row in rated[:30]]
    bare = [replace(row, set="mvsa", valence=None, arousal=None) for row in rated]
    targets = build_targets([*rated, *drawn, *bare])
    rating, silhouette, polarity = np.split(targets.reliance, [60, 90])
    assert (rating == 1).all()
    assert silhouette.max() < 0.5
    assert polarity.max() < silhouette.min()
    assert targets.typical.tolist() == [True] * 60 + [False] * 30 + [True] * 60
