"""Mood of compared systems, judged once over the files of all folds, and controls made of their outputs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from attune.embedding.affect import AFFECT_COLUMNS, PLACE_COLUMNS, POLARITY_COLUMNS, QUADRANT_COLUMNS
from attune.training.all_pairs import gather_embeddings, score_all_pairs
from attune.training.comparison import SystemResult
from attune.training.cross_validation import OutOfFoldPredictions
from attune.training.manifest import QUADRANT_POLARITY, LabelledRow
from attune.training.metrics import measure_mood_order, pair_auc, read_mood_labels
from attune.training.mood_comparison import judge_controls, judge_mood, select_judged
from attune.training.mood_controls import (
    COVERAGE_LIMIT,
    SideOutputs,
    blend_to_coverage,
    measure_controls,
    score_controls,
)
from attune.training.report_values import average_documents

pytestmark = pytest.mark.torch

FOLDS = 4
IMAGES, MUSIC = 120, 80


def make_rows(count: int, seed: int) -> list[LabelledRow]:
    """Return rows in random quadrants; every fourth one is of a set that mood is not judged on."""
    names = [f"Q{code + 1}" for code in np.random.default_rng(seed).integers(0, 4, count)]
    return [
        LabelledRow(
            path=Path(f"{number}"),
            split="train",
            set="other" if number % 4 == 0 else "judged",
            group=f"{number}",
            polarity=QUADRANT_POLARITY[name],
            quadrant=name,
            valence=None,
            arousal=None,
            label="",
        )
        for number, name in enumerate(names)
    ]


def make_affect(rows: list[LabelledRow], seed: int) -> NDArray[np.float32]:
    """Return affect, (N, 11), as a network gives it that recognises quadrants with errors."""
    rng = np.random.default_rng(seed)
    labels = read_mood_labels(rows)
    affect = np.zeros((len(rows), len(AFFECT_COLUMNS)), np.float32)
    logits = 1.5 * np.eye(4)[labels.quadrants] + rng.normal(size=(len(rows), 4))
    quadrants = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    affect[:, QUADRANT_COLUMNS] = quadrants
    affect[:, POLARITY_COLUMNS] = quadrants @ np.array([[1, 0, 0], [0, 0, 1], [0, 0, 1], [0, 1, 0]])
    affect[:, PLACE_COLUMNS] = labels.places + rng.normal(0, 0.4, labels.places.shape)
    return affect


IMAGE_ROWS, MUSIC_ROWS = make_rows(IMAGES, 0), make_rows(MUSIC, 1)
IMAGE_AFFECT, MUSIC_AFFECT = make_affect(IMAGE_ROWS, 2), make_affect(MUSIC_ROWS, 3)


def make_folds(seed: int = 0) -> list[OutOfFoldPredictions]:
    """Return predictions of an embedding system whose vectors are the quadrant posteriors."""
    rng = np.random.default_rng(seed)
    image_folds, music_folds = (rng.permutation(count) % FOLDS for count in (IMAGES, MUSIC))
    folds = []
    for fold in range(FOLDS):
        images, music = np.flatnonzero(image_folds == fold), np.flatnonzero(music_folds == fold)
        image_vectors, music_vectors = (
            IMAGE_AFFECT[images, QUADRANT_COLUMNS],
            MUSIC_AFFECT[music, QUADRANT_COLUMNS],
        )
        scores = image_vectors @ music_vectors.T
        folds.append(
            OutOfFoldPredictions(
                images,
                music,
                scores,
                scores,
                image_vectors,
                music_vectors,
                IMAGE_AFFECT[images],
                MUSIC_AFFECT[music],
                parameters=0,
                fit_s=0.0,
                pair_ms=0.0,
            )
        )
    return folds


def as_system(*by_seed: list[OutOfFoldPredictions]) -> SystemResult:
    return SystemResult("made up", by_seed, [], {})


def outputs(affect: NDArray[np.float32]) -> SideOutputs:
    return SideOutputs(
        affect[:, QUADRANT_COLUMNS],
        affect[:, PLACE_COLUMNS],
        affect[:, POLARITY_COLUMNS],
        affect[:, QUADRANT_COLUMNS],
    )


def test_files_of_all_folds_are_put_together_in_order() -> None:
    folds = make_folds()
    images, music = gather_embeddings(folds)
    np.testing.assert_array_equal(images.affect, IMAGE_AFFECT)
    np.testing.assert_array_equal(music.affect, MUSIC_AFFECT)
    expected = IMAGE_AFFECT[:, QUADRANT_COLUMNS] @ MUSIC_AFFECT[:, QUADRANT_COLUMNS].T
    np.testing.assert_allclose(score_all_pairs(folds), expected, rtol=1e-5)


def test_no_pair_across_folds_is_scored_by_what_only_scores_pairs() -> None:
    folds = make_folds()
    noise = np.random.default_rng(0).normal(size=folds[0].scores.shape).astype(np.float32)
    other_scores = [replace(folds[0], scores=noise), *folds[1:]]
    empty = np.zeros((IMAGES, 0), np.float32)
    no_vectors = [
        replace(fold, image_vectors=empty[: len(fold.images)], music_vectors=empty[: len(fold.music)])
        for fold in folds
    ]
    assert score_all_pairs(other_scores) is None
    assert score_all_pairs(no_vectors) is None
    # One set of predictions of all files has the scores of all pairs, whatever they come from.
    whole = replace(
        folds[0],
        images=np.arange(30)[::-1],
        music=np.arange(20),
        scores=noise[:1, :1] * np.ones((30, 20)),
    )
    whole.scores[0] = 7
    found = score_all_pairs([whole])
    assert found is not None
    assert (found[29] == 7).all()


def test_mood_is_judged_once_over_all_folds() -> None:
    folds, judged = make_folds(), select_judged(IMAGE_ROWS, MUSIC_ROWS, (("judged",), ("judged",)))
    assert (judged.images.positions % 4 > 0).all()
    assert len(judged.images.positions) == 0.75 * IMAGES
    found = judge_mood(as_system(folds), judged)
    part = np.ix_(judged.images.positions, judged.music.positions)
    scores = (IMAGE_AFFECT[:, QUADRANT_COLUMNS] @ MUSIC_AFFECT[:, QUADRANT_COLUMNS].T)[part]
    whole = measure_mood_order(scores, judged.images.labels, judged.music.labels)
    assert found["auc"] == pytest.approx(whole.auc, abs=1e-6)
    assert found["image_to_music"]["lift"] == pytest.approx(whole.image_to_music.lift, abs=1e-6)
    assert found["image_to_music"]["chance_coverage@10"] == whole.image_to_music.spread.chance_coverage
    within = []
    for fold in folds:
        rows, columns = (np.flatnonzero(positions % 4 > 0) for positions in (fold.images, fold.music))
        labels = (
            read_mood_labels([IMAGE_ROWS[i] for i in fold.images[rows]]).quadrants,
            read_mood_labels([MUSIC_ROWS[i] for i in fold.music[columns]]).quadrants,
        )
        within.append(pair_auc(fold.scores[np.ix_(rows, columns)], *labels))
    assert found["auc_within_folds"] == pytest.approx(np.mean(within))
    low, high = found["auc_within_folds_ci95"]
    assert low < found["auc_within_folds"] < high


def test_what_only_scores_pairs_is_judged_within_folds() -> None:
    folds = [replace(fold, image_vectors=fold.image_vectors * 0) for fold in make_folds()]
    judged = select_judged(IMAGE_ROWS, MUSIC_ROWS, ((), ()))
    found = judge_mood(as_system(folds), judged)
    assert found["auc"] is found["auc_ci95"] is found["image_to_music"] is found["music_to_image"] is None
    assert found["auc_within_folds"] > 0.6


def test_without_judged_files_every_figure_is_null() -> None:
    judged = select_judged(IMAGE_ROWS, MUSIC_ROWS, (("absent",), ("absent",)))
    system = as_system(make_folds())
    found = judge_mood(system, judged)
    assert found["auc"] is found["auc_within_folds"] is found["image_to_music"]["lift"] is None
    assert {row["auc"] for row in judge_controls(system, judged)} == {None}


def test_the_mean_over_seeds_is_taken_number_by_number() -> None:
    documents = [{"a": 1.0, "b": [1.0, None], "c": "x"}, {"a": 2.0, "b": [2.0, 5.0], "c": "x"}]
    assert average_documents(documents) == {"a": 1.5, "b": [1.5, None], "c": "x"}
    judged = select_judged(IMAGE_ROWS, MUSIC_ROWS, ((), ()))
    folds = make_folds(0), make_folds(1)
    both, first, second = (judge_mood(as_system(*seeds), judged) for seeds in (folds, folds[:1], folds[1:]))
    name = "auc_within_folds"
    assert both[name] == pytest.approx((first[name] + second[name]) / 2)


def test_controls_are_what_their_names_say() -> None:
    images, music = outputs(IMAGE_AFFECT), outputs(MUSIC_AFFECT)
    scores = score_controls(images, music)
    one, other = IMAGE_AFFECT[5], MUSIC_AFFECT[7]
    quadrants = float(one[QUADRANT_COLUMNS] @ other[QUADRANT_COLUMNS])
    closeness = -float(np.hypot(*(one[PLACE_COLUMNS] - other[PLACE_COLUMNS])))
    assert scores["product of quadrants"][5, 7] == pytest.approx(quadrants, rel=1e-5)
    assert scores["closeness of places"][5, 7] == pytest.approx(closeness, rel=1e-5)
    assert scores["product of polarities"][5, 7] == pytest.approx(
        float(one[POLARITY_COLUMNS] @ other[POLARITY_COLUMNS])
    )
    assert scores["the network"][5, 7] == pytest.approx(quadrants, rel=1e-5)
    parts = scores["product of quadrants"], scores["closeness of places"]
    np.testing.assert_allclose(
        scores["quadrants + closeness"], sum(part / part.std() for part in parts), rtol=1e-5
    )


def test_controls_reach_both_targets_by_the_least_noise() -> None:
    labels = read_mood_labels(IMAGE_ROWS), read_mood_labels(MUSIC_ROWS)
    results = measure_controls(outputs(IMAGE_AFFECT), outputs(MUSIC_AFFECT), *labels)
    plain = {result.control: result for result in results if result.target is None}
    assert len(plain) == 6
    covered = {
        name: (result.order.image_to_music.spread.coverage + result.order.music_to_image.spread.coverage) / 2
        for name, result in plain.items()
    }
    chance = plain["random"].order
    limit = COVERAGE_LIMIT * np.mean(
        [way.spread.chance_coverage for way in (chance.image_to_music, chance.music_to_image)]
    )
    highest = max(value for name, value in covered.items() if name != "random")
    targets = [result.target for result in results if result.target is not None]
    assert targets == [pytest.approx(limit)] * 5 + [pytest.approx(highest)] * 5
    assert {result.control for result in results if result.target is not None} == plain.keys() - {"random"}
    for result in results:
        if result.target is None:
            continue
        ways = result.order.image_to_music.spread, result.order.music_to_image.spread
        assert np.mean([way.coverage for way in ways]) >= result.target - 1e-9
        if covered[result.control] >= result.target:
            assert result.noise == 0
            assert result.order == plain[result.control].order
        else:
            assert result.noise > 0
    assert any(result.noise > 0 for result in results)
    assert plain["product of quadrants"].order.auc > 0.7
    assert abs(plain["random"].order.auc - 0.5) < 0.05


def test_noise_breaks_ties_first_and_keeps_the_order_where_it_can() -> None:
    labels = read_mood_labels(IMAGE_ROWS), read_mood_labels(MUSIC_ROWS)
    same = (labels[0].quadrants[:, None] == labels[1].quadrants).astype(np.float64)
    hubs = same - 1e-6 * np.arange(MUSIC)  # all queries of a quadrant get the same answers
    blended, noise = blend_to_coverage(hubs, 0.7, *labels)
    assert noise < 0.5
    assert measure_mood_order(blended, *labels).image_to_music.p_at_10 > 0.9
    assert (blended == blend_to_coverage(hubs, 0.7, *labels)[0]).all()


def test_the_controls_of_a_system_are_those_of_its_outputs() -> None:
    judged = select_judged(IMAGE_ROWS, MUSIC_ROWS, (("judged",), ("judged",)))
    rows = judge_controls(as_system(make_folds(), make_folds(1)), judged)
    first = rows[0]
    assert first["control"] == "product of quadrants"
    assert first["coverage_target"] is None
    part = np.ix_(judged.images.positions, judged.music.positions)
    scores = (IMAGE_AFFECT[:, QUADRANT_COLUMNS] @ MUSIC_AFFECT[:, QUADRANT_COLUMNS].T)[part]
    expected = measure_mood_order(scores, judged.images.labels, judged.music.labels)
    assert first["auc"] == pytest.approx(expected.auc, abs=1e-6)
    without = [replace(fold, image_affect=fold.image_affect[:, :5]) for fold in make_folds()]
    assert judge_controls(as_system(without), judged) == []
