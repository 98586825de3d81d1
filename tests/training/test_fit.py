from __future__ import annotations

import numpy as np
import pytest
import torch

from core.progress import SilentProgress
from tests.training.affect_data import rows_and_features
from training.calibration import fit_probability, fit_reading
from training.crossval import FOLDS, Side, blocks, hold_out
from training.figures import labelled_pairs, seed_figures, summary
from training.fit import Recipe, fit_heads
from training.losses import targets_of
from training.systems.attune import Shape, Space

RECIPE = Recipe(l2=0.05)


def _side(kind: str, seed: int) -> Side:
    rows, features = rows_and_features(120, 20, seed, quadrants=kind == "music", moments=3)
    means = np.stack([one.astype(np.float32).mean(axis=0) for one in features])
    return Side(kind, rows, targets_of(rows), means, RECIPE)  # type: ignore[arg-type]


def test_heads_learn_what_the_features_carry() -> None:
    side = _side("image", seed=2)
    heads = fit_heads(side.features, side.targets, RECIPE)
    unseen = _side("image", seed=3)
    raw = heads.raw(unseen.features)
    assert np.mean(raw[:, :3].argmax(axis=1) == unseen.targets.polarity) > 0.8
    assert np.corrcoef(raw[:, 3], unseen.targets.points[:, 0])[0, 1] > 0.8


def test_a_set_that_rates_higher_does_not_shift_the_heads() -> None:
    side = _side("image", seed=2)
    points = side.targets.points.copy()
    points[side.targets.sets == 1, 0] += 0.4
    shifted = type(side.targets)(side.targets.sets, side.targets.polarity, points)
    plain, other = (fit_heads(side.features, targets, RECIPE) for targets in (side.targets, shifted))
    moved = other.raw(side.features)[:, 3] - plain.raw(side.features)[:, 3]
    assert moved.std() < 0.02


def test_a_reading_stretches_to_the_labels_and_is_a_probability() -> None:
    side = _side("image", seed=4)
    held = hold_out(side, 0, SilentProgress())
    reading = fit_reading(held.raw, side.targets)
    with torch.no_grad():
        vectors, affect = Space(reading, "image")(torch.from_numpy(held.raw))
    assert np.allclose(np.linalg.norm(vectors.numpy(), axis=1), 1, atol=1e-5)
    assert np.allclose(affect[:, 2:].sum(dim=1).numpy(), 1, atol=1e-5)
    assert affect[:, 0].std().item() == pytest.approx(side.targets.points[:, 0].std(), rel=0.05)
    assert affect[:, :2].abs().max() <= 1


def test_the_inner_product_is_the_sum_of_its_two_kernels() -> None:
    sides = _side("image", seed=4), _side("music", seed=5)
    shape = Shape(share=0.6, flatness=0.0, width=0.8)
    vectors, posteriors, places = [], [], []
    for side in sides:
        raw = hold_out(side, 0, SilentProgress()).raw
        reading = fit_reading(raw, side.targets)
        space = Space(reading, side.kind, shape)
        with torch.no_grad():
            embedding, affect = space(torch.from_numpy(raw))
        vectors.append(embedding.numpy())
        posteriors.append(affect[:, 2:].numpy() - 1 / 3)
        quantile = [
            np.interp(raw[:, 3 + a], reading.knots[a], np.linspace(-1, 1, len(reading.knots[a])))
            for a in (0, 1)
        ]
        places.append(np.stack(quantile, axis=1))
    apart = np.linalg.norm(places[0][:, None] - places[1][None], axis=2)
    # Random Fourier features come near their kernel, the polarity part is exact.
    exact = 0.6 * posteriors[0] @ posteriors[1].T + 0.4 * np.exp(-(apart**2) / (2 * 0.8**2))
    assert np.abs(vectors[0] @ vectors[1].T - exact).max() < 0.12
    assert np.corrcoef((vectors[0] @ vectors[1].T).ravel(), exact.ravel())[0, 1] > 0.98


def test_no_row_is_predicted_by_heads_that_saw_its_group() -> None:
    side = _side("image", seed=6)
    held = hold_out(side, 0, SilentProgress())
    fold = held.folds == 2
    heads = fit_heads(side.features[~fold], side.targets[~fold], RECIPE)
    assert np.allclose(held.raw[fold], heads.raw(side.features[fold]), atol=1e-5)
    groups = {(row.set, row.group, int(f)) for row, f in zip(side.rows, held.folds, strict=True)}
    assert len(groups) == len({(row.set, row.group) for row in side.rows})


def test_out_of_fold_figures_of_data_that_can_be_learnt_are_good() -> None:
    images, music = _side("image", seed=7), _side("music", seed=8)
    made = blocks(images, music, *(hold_out(side, 0, SilentProgress()) for side in (images, music)))
    assert len(made) == FOLDS
    slope, intercept = fit_probability(*labelled_pairs(made, images.targets, music.targets))
    figures = seed_figures(
        made, images.rows, music.rows, lambda inner: 1 / (1 + np.exp(-(slope * inner + intercept)))
    )
    assert figures["accuracy"] > 0.75
    assert figures["ece"] < 0.2
    told = summary([figures, {name: value + 0.02 for name, value in figures.items()}])
    assert told["accuracy"] == pytest.approx(figures["accuracy"] + 0.01, abs=1e-4)
    assert told["accuracy spread"] == pytest.approx(0.01, abs=1e-4)


def test_platt_finds_the_curve_that_made_the_labels() -> None:
    random = np.random.default_rng(0)
    inner = random.uniform(-1, 1, 40_000)
    truth = random.random(40_000) < 1 / (1 + np.exp(-(3 * inner - 0.5)))
    slope, intercept = fit_probability(inner, truth, np.full(40_000, 1 / 40_000))
    assert slope == pytest.approx(3, abs=0.15)
    assert intercept == pytest.approx(-0.5, abs=0.05)


def test_a_curve_never_turns_the_order_round() -> None:
    inner = np.linspace(-1, 1, 100)
    slope, _ = fit_probability(inner, inner < 0, np.full(100, 0.01))
    assert slope > 0
