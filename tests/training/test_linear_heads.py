"""Linear heads, their calibration and the affective space."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from attune.embedding.affect import (
    AFFECT_COLUMNS,
    PLACE_COLUMNS,
    POLARITY_COLUMNS,
    QUADRANT_COLUMNS,
    TOLD_COLUMNS,
)
from attune.embedding.backbones import DEFAULT_BACKBONES
from attune.embedding.media_files import Kind
from attune.tests.training.affect_data import make_labelled_features
from attune.training.assign_folds import assign_folds
from attune.training.calibration import fit_curve
from attune.training.linear_heads import CHECK_EVERY, HeadRecipe, Heads, Recipe, fit_heads
from attune.training.losses import RAW_OUTPUTS, unify_outputs
from attune.training.systems.attune.mood_space import DEFAULT_SPACE, MoodSpace, SpaceConfig
from attune.training.systems.attune.output_calibration import fit_output_calibration
from attune.training.systems.attune.system import predict_out_of_fold
from attune.training.systems.base import BackboneFeatures, LabelledFeatures, LossCheck

pytestmark = pytest.mark.torch

RECIPE = Recipe(classes=HeadRecipe(0.05), affect=HeadRecipe(1e-4))
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
    points[side.targets.sets == 1] += 0.4
    shifted = replace(side.targets, points=points)
    plain, other = (fit_heads(_features(side), targets, RECIPE, STEPS) for targets in (side.targets, shifted))
    moved = other.raw(_features(side).values)[:, 3:5] - plain.raw(_features(side).values)[:, 3:5]
    assert moved.std(axis=0).max() < 0.02


def test_without_a_recipe_valence_and_arousal_are_not_learnt() -> None:
    side = make_labelled_features("image", seed=2)
    raw = fit_heads(_features(side), side.targets, replace(RECIPE, affect=None), STEPS)
    assert not raw.raw(_features(side).values)[:, 3:5].any()


def test_a_gain_of_nothing_leaves_a_block_out() -> None:
    side = make_labelled_features("image", seed=2)
    silent = HeadRecipe(0.05, {"pooled": 0.0})
    heads = fit_heads(_features(side), side.targets, replace(RECIPE, affect=silent), STEPS)
    assert not heads.weights[:, 3:5].any()
    assert heads.weights[:, :3].any()


def test_heads_of_quadrants_tell_polarities_and_more() -> None:
    side, unseen = make_labelled_features("music", seed=2), make_labelled_features("music", seed=3)
    heads = fit_heads(_features(side), side.targets, replace(RECIPE, quadrant_share=1.0), STEPS)
    raw = heads.raw(_features(unseen).values)
    assert heads.weights.shape[1] == 6
    assert raw.shape == (len(unseen), RAW_OUTPUTS)
    assert np.mean(raw[:, :3].argmax(axis=1) == unseen.targets.polarity) > 0.8


def test_raw_outputs_add_the_chances_of_both_negative_quadrants() -> None:
    outputs = torch.randn(7, 6)
    raw = unify_outputs(outputs)
    shares = torch.softmax(outputs[:, :4], dim=1)
    expected = torch.stack([shares[:, 0], shares[:, 3], shares[:, 1] + shares[:, 2]], dim=1)
    assert torch.allclose(torch.softmax(raw[:, :3], dim=1), expected, atol=1e-6)
    assert torch.equal(raw[:, 3:5], outputs[:, 4:])
    assert torch.equal(raw[:, 5:], outputs[:, :4])


def test_without_quadrants_a_quadrant_is_as_likely_as_its_two_signs() -> None:
    outputs = torch.randn(7, 5)
    raw = unify_outputs(outputs)
    pleasant, lively = torch.sigmoid(2 * outputs[:, 3]), torch.sigmoid(2 * outputs[:, 4])
    expected = [
        pleasant * lively,
        (1 - pleasant) * lively,
        (1 - pleasant) * (1 - lively),
        pleasant * (1 - lively),
    ]
    assert torch.equal(raw[:, :5], outputs)
    assert torch.allclose(torch.softmax(raw[:, 5:], dim=1), torch.stack(expected, dim=1), atol=1e-6)


def test_whoever_watches_may_stop_the_learning() -> None:
    side, steps = make_labelled_features("image", seed=2), []

    def watch(step: int, loss: float, heads: Heads) -> bool:
        assert np.isfinite(loss)
        assert heads.raw(_features(side).values).shape == (len(side), RAW_OUTPUTS)
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


def _embed(side: LabelledFeatures, space: SpaceConfig = DEFAULT_SPACE) -> tuple[np.ndarray, np.ndarray]:
    raw = _held_out(side)
    with torch.no_grad():
        calibration = fit_output_calibration(raw, side.targets)
        vectors, affect = MoodSpace(calibration, side.kind, space)(torch.from_numpy(raw))
    return vectors.numpy(), affect.numpy()


@pytest.mark.parametrize("kind", ["image", "music"])
def test_affect_is_made_of_probabilities_and_places(kind: Kind) -> None:
    vectors, affect = _embed(make_labelled_features(kind, seed=4))
    assert affect.shape[1] == len(AFFECT_COLUMNS)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for columns in (POLARITY_COLUMNS, QUADRANT_COLUMNS):
        assert np.allclose(affect[:, columns].sum(axis=1), 1, atol=1e-5)
        assert affect[:, columns].min() >= 0
    assert np.abs(affect[:, TOLD_COLUMNS]).max() <= 1


def test_what_is_told_is_what_people_said_on_average() -> None:
    side = make_labelled_features("image", seed=4)
    raw = _held_out(side)
    ratings = side.targets.points + 0.1
    calibration = fit_output_calibration(raw, replace(side.targets, ratings=ratings))
    for axis in (0, 1):
        told = raw[:, 3 + axis] * calibration.slope[axis] + calibration.offset[axis]
        known = ~np.isnan(ratings[:, axis])
        shown, said = told[known], ratings[known, axis]
        for one in np.unique(side.targets.sets[known]):
            rows = side.targets.sets[known] == one
            shown[rows] -= shown[rows].mean()
            said[rows] -= said[rows].mean()
        assert shown @ said == pytest.approx(shown @ shown, rel=1e-3)  # a slope of 1 within the sets
        assert told[known].mean() == pytest.approx(ratings[known, axis].mean(), abs=1e-4)
        assert told.std() < ratings[known, axis].std()


def test_places_are_spread_over_the_whole_plane() -> None:
    places = _embed(make_labelled_features("music", seed=5))[1][:, PLACE_COLUMNS]
    shares = np.stack([np.histogram(axis, bins=4, range=(-1, 1))[0] for axis in places.T]) / len(places)
    assert np.abs(shares - 0.25).max() < 0.05


def test_the_inner_product_is_the_sum_of_its_kernels() -> None:
    space = SpaceConfig(share=0.6, sharpness=2.0, width=0.4)
    pictures, songs = (
        _embed(side, space)
        for side in (make_labelled_features("image", seed=4), make_labelled_features("music", seed=5))
    )
    one, other = pictures[1][:, None, PLACE_COLUMNS], songs[1][None, :, PLACE_COLUMNS]
    chances = (1 + np.tanh(2 * one) * np.tanh(2 * other)) / 2
    nearness = np.exp(-((one - other) ** 2) / (2 * space.width**2))
    exact = space.share * chances.prod(axis=2) + (1 - space.share) * nearness.prod(axis=2)
    assert np.abs(pictures[0] @ songs[0].T - 0.98 * exact).max() < 2e-3


def test_a_curve_finds_the_odds_that_made_the_labels() -> None:
    random = np.random.default_rng(0)
    scores = random.uniform(-1, 1, 40_000)
    truth = random.random(40_000) < 1 / (1 + np.exp(-(3 * scores - 0.5)))
    curve = fit_curve(scores, truth, np.full(40_000, 1 / 40_000))
    at = np.array([-0.9, -0.4, 0.0, 0.5, 0.9])
    assert np.abs(curve.apply(at) - 1 / (1 + np.exp(-(3 * at - 0.5)))).max() < 0.02


def test_a_curve_bends_where_the_odds_do() -> None:
    random = np.random.default_rng(1)
    scores = random.uniform(0.03, 0.9, 40_000)
    truth = random.random(40_000) < scores / (scores + 0.2)  # the odds are proportional to the score
    curve = fit_curve(scores, truth, np.full(40_000, 1 / 40_000))
    at = np.linspace(0.05, 0.85, 9)
    assert np.abs(curve.apply(at) - at / (at + 0.2)).max() < 0.04


@pytest.mark.parametrize("count", [0, 1, 2, 7, 100])
def test_a_curve_never_turns_the_order_round(count: int) -> None:
    scores = np.linspace(-1, 1, count)
    curve = fit_curve(scores, scores < 0, np.full(count, 0.01))
    assert (np.diff(curve.apply(np.linspace(-3, 3, 50))) > 0).all()


@pytest.mark.parametrize("noise", [0.0, 0.001, 0.01])
def test_a_curve_is_finite_where_scores_separate_true_pairs_from_false_ones(noise: float) -> None:
    scores = np.linspace(0, 1, 3000)
    truth = scores + np.random.default_rng(0).normal(0, noise, 3000) > 0.6
    curve = fit_curve(scores, truth, np.full(3000, 1 / 3000))
    assert np.abs(curve.log_odds).max() < 100
    low, high = curve.apply(np.array([0.5, 0.7]))
    assert low < 0.01 and high > 0.99
