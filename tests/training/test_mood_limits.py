"""What limits the order by mood: quadrants one by one, sides that are known, and the noise of raters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from attune.tests.training.mood_data import IMAGE_ROWS, MUSIC_ROWS, make_folds
from attune.training.all_pairs import score_all_pairs
from attune.training.metrics import read_mood_labels
from attune.training.mood_comparison import measure_order, select_judged
from attune.training.mood_limits import (
    CERTAINTY,
    KNOWN,
    KNOWN_IMAGES,
    KNOWN_MUSIC,
    PREDICTED,
    measure_oracles,
    measure_quadrants,
    state_labels,
)
from attune.training.rater_noise import divide_raters, measure_rater_ceiling, read_deviations

pytestmark = pytest.mark.torch

JUDGED = select_judged(IMAGE_ROWS, MUSIC_ROWS, (("judged",), ("judged",)))


def test_the_auc_of_a_quadrant_counts_the_pairs_that_have_a_file_of_it() -> None:
    folds = make_folds()
    order, scores = measure_order(folds, JUDGED), score_all_pairs(folds)
    assert order is not None
    assert scores is not None
    limits = measure_quadrants([folds], [order], JUDGED)
    assert [(limit.kind, limit.quadrant) for limit in limits] == [
        (kind, f"Q{number}") for kind in ("image", "music") for number in (1, 2, 3, 4)
    ]
    scores = scores[np.ix_(JUDGED.images.positions, JUDGED.music.positions)]
    images, music = JUDGED.images.labels.quadrants, JUDGED.music.labels.quadrants
    for limit in limits:
        code = int(limit.quadrant[1]) - 1
        mine, others = (images, music) if limit.kind == "image" else (music, images)
        directed = scores if limit.kind == "image" else scores.T
        rows = directed[mine == code]
        right = rows[:, others == code].ravel()
        parts = []
        for other in {0, 1, 2, 3} - {code}:  # each other quadrant has the same weight
            wrong = rows[:, others == other].ravel()
            ahead = right[:, None] - wrong
            parts.append(np.mean((ahead > 0) + 0.5 * (ahead == 0)))
        assert limit.auc.value == pytest.approx(np.mean(parts), abs=1e-6)
        assert limit.auc.low < limit.auc.value < limit.auc.high
        assert limit.files == np.sum(mine == code)
        assert limit.first == pytest.approx(np.mean(others[rows.argmax(axis=1)] == code))
        assert limit.chance == pytest.approx(np.mean(others == code))


def test_an_oracle_says_what_the_labels_say() -> None:
    labels = read_mood_labels([*IMAGE_ROWS[:3], replace(IMAGE_ROWS[0], quadrant=None)])
    said = state_labels(labels)
    np.testing.assert_allclose(said.quadrants.sum(axis=1), 1)
    assert said.quadrants[:3].argmax(axis=1).tolist() == labels.quadrants[:3].tolist()
    np.testing.assert_allclose(said.quadrants[:3].max(axis=1), CERTAINTY)
    np.testing.assert_allclose(said.quadrants[3], 0.25)
    np.testing.assert_array_equal(said.places[:3], labels.places[:3])
    assert said.places[3].tolist() == [0, 0]  # no place either


def test_knowing_a_side_helps_and_knowing_both_leaves_no_error() -> None:
    orders = measure_oracles([make_folds(), make_folds(1)], JUDGED)
    assert {len(by_seed) for by_seed in orders.values()} == {2}
    aucs = {name: by_seed[0].auc for name, by_seed in orders.items()}
    assert aucs[KNOWN] == pytest.approx(1.0)
    assert orders[KNOWN][0].music_to_image.ndcg_at_10 == pytest.approx(1.0)
    for name in (KNOWN_IMAGES, KNOWN_MUSIC):
        assert aucs[PREDICTED] + 0.02 < aucs[name] < 1
    without = [replace(fold, image_affect=fold.image_affect[:, :5]) for fold in make_folds()]
    assert measure_oracles([without], JUDGED) == {}


def test_deviations_are_read_from_the_label() -> None:
    labels = ("a picture;val_sd=0.25;aro_sd=0.5", "aro_sd=.4;val_sd=.1;n=5", "theme=x", "interval_sd=0.3")
    found = read_deviations([replace(IMAGE_ROWS[0], label=label) for label in labels])
    np.testing.assert_array_equal(found, [[0.25, 0.5], [0.1, 0.4], [np.nan] * 2, [np.nan] * 2])


def test_halves_of_the_raters_differ_as_means_of_half_as_many_do() -> None:
    rated = [replace(IMAGE_ROWS[0], valence=0.2, arousal=-0.1) for _ in range(4000)]
    deviations = np.tile([0.4, 0.8], (4000, 1))
    halves = divide_raters(rated, deviations, 32, np.random.default_rng(0))
    one, other = (np.array([(row.valence, row.arousal) for row in half]) for half in halves)
    np.testing.assert_allclose(one.mean(axis=0), [0.2, -0.1], atol=0.02)
    np.testing.assert_allclose(one.std(axis=0), [0.1, 0.2], rtol=0.05)
    np.testing.assert_allclose((one - other).std(axis=0), np.sqrt(2) * np.array([0.1, 0.2]), rtol=0.05)


def test_more_raters_leave_less_noise() -> None:
    rng = np.random.default_rng(1)
    ratings = rng.uniform(-0.7, 0.7, (120, 2))
    rows = [
        replace(row, set="rated", quadrant=None, valence=valence, arousal=arousal)
        for row, (valence, arousal) in zip(IMAGE_ROWS, ratings.tolist(), strict=True)
    ]
    stated = np.full((120, 2), 0.4)
    stated[:50] = np.nan
    music = read_mood_labels(MUSIC_ROWS)
    told = ratings * 0.5 + rng.normal(0, 0.1, ratings.shape)
    few, many = (
        measure_rater_ceiling(
            rows,
            stated,
            np.array([0.4, 0.4]),
            raters,
            told,
            music,
            {"known": state_labels(music)},
            5,
        )
        for raters in (4, 400)
    )
    assert (few.images, few.stated, few.raters) == (120, 70, 4)
    spread = float(ratings[:, 0].var())
    assert few.halves_r[0] == pytest.approx(spread / (spread + 0.4**2 / 2), abs=0.05)
    assert few.reliability[0] == pytest.approx(spread / (spread + 0.4**2 / 4), abs=0.05)
    own = np.corrcoef(told[:, 0], ratings[:, 0])[0, 1]
    assert few.network_r[0] == many.network_r[0] == pytest.approx(own)
    assert few.noise_share[0] == pytest.approx((1 - few.reliability[0]) / (1 - own**2))
    assert few.auc["known"] < 0.99 < many.auc["known"]
    assert few.halves_r[0] < 0.8 < 0.98 < many.halves_r[0]
