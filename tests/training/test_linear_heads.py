"""Linear heads, their calibration and the kernel map."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from attune.embedding.backbones import DEFAULT_BACKBONES
from attune.tests.training.affect_data import make_labelled_features
from attune.training.assign_folds import assign_folds
from attune.training.calibration import fit_platt_scaling
from attune.training.linear_heads import CHECK_EVERY, Heads, Recipe, fit_heads
from attune.training.losses import merge_quadrant_logits
from attune.training.systems.attune.kernel_map import KernelConfig, KernelMap
from attune.training.systems.attune.output_calibration import fit_output_calibration
from attune.training.systems.attune.system import predict_out_of_fold
from attune.training.systems.base import BackboneFeatures, LabelledFeatures, LossCheck

pytestmark = pytest.mark.torch

RECIPE = Recipe(l2=0.05)
STEPS = 40


def _features(side: LabelledFeatures) -> BackboneFeatures:
    return side.features[DEFAULT_BACKBONES[side.kind]]


def _held_out(side: LabelledFeatures) -> np.ndarray:
    return predict_out_of_fold(_features(side), side, assign_folds(side.rows, side.kind, 0, 3), RECIPE, [])[1]


def test_heads_learn_what_the_features_carry() -> None:
    side, unseen = make_labelled_features("image", seed=2), make_labelled_features("image", seed=3)
    raw = fit_heads(_features(side), side.targets, RECIPE, STEPS).raw(_features(unseen).values)
    assert np.mean(raw[:, :3].argmax(axis=1) == unseen.targets.polarity) > 0.8
    assert np.corrcoef(raw[:, 3], unseen.targets.points[:, 0])[0, 1] > 0.8


def test_a_set_that_rates_higher_does_not_shift_the_heads() -> None:
    side = make_labelled_features("image", seed=2)
    points = side.targets.points.copy()
    points[side.targets.sets == 1, 0] += 0.4
    shifted = replace(side.targets, points=points)
    plain, other = (fit_heads(_features(side), targets, RECIPE, STEPS) for targets in (side.targets, shifted))
    moved = other.raw(_features(side).values)[:, 3] - plain.raw(_features(side).values)[:, 3]
    assert moved.std() < 0.02


def test_heads_of_quadrants_tell_polarities_and_more() -> None:
    side, unseen = make_labelled_features("music", seed=2), make_labelled_features("music", seed=3)
    heads = fit_heads(_features(side), side.targets, replace(RECIPE, quadrant_share=1.0), STEPS)
    raw = heads.raw(_features(unseen).values)
    assert heads.weights.shape[1] == 6
    assert raw.shape == (len(unseen), 5)
    assert np.mean(raw[:, :3].argmax(axis=1) == unseen.targets.polarity) > 0.8


def test_folding_adds_the_chances_of_both_negative_quadrants() -> None:
    raw = torch.randn(7, 6)
    shares = torch.softmax(raw[:, :4], dim=1)
    expected = torch.stack([shares[:, 0], shares[:, 3], shares[:, 1] + shares[:, 2]], dim=1)
    assert torch.allclose(torch.softmax(merge_quadrant_logits(raw)[:, :3], dim=1), expected, atol=1e-6)
    assert torch.equal(merge_quadrant_logits(raw)[:, 3:], raw[:, 4:])


def test_whoever_watches_may_stop_the_learning() -> None:
    side, steps = make_labelled_features("image", seed=2), []

    def watch(step: int, loss: float, heads: Heads) -> bool:
        assert np.isfinite(loss)
        assert heads.raw(_features(side).values).shape == (len(side), 5)
        steps.append(step)
        return step == 2 * CHECK_EVERY

    fit_heads(_features(side), side.targets, RECIPE, 60, watch)
    assert steps == [CHECK_EVERY, 2 * CHECK_EVERY]


def test_held_out_rows_are_predicted_by_heads_that_never_saw_their_group() -> None:
    side = make_labelled_features("image", seed=6)
    folds, curve = assign_folds(side.rows, "image", 0, 3), list[LossCheck]()
    steps, raw = predict_out_of_fold(_features(side), side, folds, RECIPE, curve)
    held_out = folds == 2
    heads = fit_heads(_features(side)[~held_out], side.targets[~held_out], RECIPE, steps)
    assert np.allclose(raw[held_out], heads.raw(_features(side)[held_out].values), atol=1e-4)
    assert {one.fold for one in curve} == {0, 1, 2}
    total = {s: sum(one.held_out for one in curve if one.step == s) for s in (CHECK_EVERY, steps)}
    assert total[steps] <= total[CHECK_EVERY]
    groups = {(row.set, row.group, int(f)) for row, f in zip(side.rows, folds, strict=True)}
    assert len(groups) == len({(row.set, row.group) for row in side.rows})


def test_a_reading_stretches_to_the_labels_and_is_a_probability() -> None:
    side = make_labelled_features("image", seed=4)
    raw = _held_out(side)
    with torch.no_grad():
        vectors, affect = KernelMap(fit_output_calibration(raw, side.targets), "image")(torch.from_numpy(raw))
    assert np.allclose(np.linalg.norm(vectors.numpy(), axis=1), 1, atol=1e-5)
    assert np.allclose(affect[:, 2:].sum(dim=1).numpy(), 1, atol=1e-5)
    assert affect[:, 0].std().item() == pytest.approx(side.targets.points[:, 0].std(), rel=0.05)
    assert affect[:, :2].abs().max() <= 1


def test_the_inner_product_is_the_sum_of_its_kernels() -> None:
    shape = KernelConfig(share=0.6, image_full=0.5, music_full=1.0, width=0.1)
    vectors, directions, quantiles = [], [], []
    for side in (make_labelled_features("image", seed=4), make_labelled_features("music", seed=5)):
        raw = _held_out(side)
        calibration = fit_output_calibration(raw, side.targets)
        with torch.no_grad():
            embedding, affect = KernelMap(calibration, side.kind, shape)(torch.from_numpy(raw))
        vectors.append(embedding.numpy())
        centred = affect[:, 2:].numpy() - 1 / 3
        full = np.interp(
            shape.full(side.kind), np.linspace(0, 1, len(calibration.lengths)), calibration.lengths
        )
        directions.append(centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), full))
        levels = np.linspace(-1, 1, calibration.knots.shape[1])
        quantiles.append(
            np.stack([np.interp(raw[:, 3 + a], calibration.knots[a], levels) for a in (0, 1)], axis=1)
        )
    difference = quantiles[0][:, None] - quantiles[1][None]
    mean = np.sqrt(2 * np.pi) * shape.width / 2.5
    kernels = ((np.exp(-(difference**2) / (2 * shape.width**2)) - mean) / (1 - mean)).mean(axis=2)
    exact = shape.share * directions[0] @ directions[1].T + (1 - shape.share) * kernels
    inner = vectors[0] @ vectors[1].T
    assert np.abs(inner - 0.98 * exact).max() < 1e-3


def test_platt_finds_the_curve_that_made_the_labels() -> None:
    random = np.random.default_rng(0)
    inner = random.uniform(-1, 1, 40_000)
    truth = random.random(40_000) < 1 / (1 + np.exp(-(3 * inner - 0.5)))
    slope, intercept = fit_platt_scaling(inner, truth, np.full(40_000, 1 / 40_000))
    assert slope == pytest.approx(3, abs=0.15)
    assert intercept == pytest.approx(-0.5, abs=0.05)


def test_a_curve_never_turns_the_order_round() -> None:
    inner = np.linspace(-1, 1, 100)
    slope, _ = fit_platt_scaling(inner, inner < 0, np.full(100, 0.01))
    assert slope > 0
