"""Mood of compared systems, judged once over the files of all folds, and controls made of their outputs."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from attune.embedding.affect import PLACE_COLUMNS, POLARITY_COLUMNS, QUADRANT_COLUMNS
from attune.tests.training.mood_data import (
    IMAGE_AFFECT,
    IMAGE_ROWS,
    IMAGES,
    MUSIC,
    MUSIC_AFFECT,
    MUSIC_ROWS,
    make_folds,
)
from attune.training.all_pairs import gather_embeddings, score_all_pairs
from attune.training.comparison import SystemResult
from attune.training.cross_validation import OutOfFoldPredictions
from attune.training.metrics import measure_mood_order, pair_auc, read_mood_labels
from attune.training.mood_comparison import (
    SystemMood,
    judge_controls,
    judge_mood,
    measure_system_mood,
    select_judged,
)
from attune.training.mood_controls import (
    COVERAGE_LIMIT,
    SideOutputs,
    blend_to_coverage,
    measure_controls,
    score_controls,
)
from attune.training.mood_leads import compare_orders, format_difference, measure_leads
from attune.training.report_values import average_documents

pytestmark = pytest.mark.torch


def without_quadrants(folds: list[OutOfFoldPredictions]) -> list[OutOfFoldPredictions]:
    """Return predictions whose affect ends before the quadrants, so that there are no controls."""
    return [replace(fold, image_affect=fold.image_affect[:, :5]) for fold in folds]


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
    found = judge_mood(measure_system_mood(as_system(without_quadrants(folds)), judged))
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
    folds = [replace(fold, image_vectors=fold.image_vectors * 0) for fold in without_quadrants(make_folds())]
    judged = select_judged(IMAGE_ROWS, MUSIC_ROWS, ((), ()))
    found = judge_mood(measure_system_mood(as_system(folds), judged))
    assert found["auc"] is found["auc_ci95"] is found["image_to_music"] is found["music_to_image"] is None
    assert found["auc_within_folds"] > 0.6


def test_without_judged_files_every_figure_is_null() -> None:
    judged = select_judged(IMAGE_ROWS, MUSIC_ROWS, (("absent",), ("absent",)))
    system = measure_system_mood(as_system(make_folds()), judged)
    found = judge_mood(system)
    assert found["auc"] is found["auc_within_folds"] is found["image_to_music"]["lift"] is None
    assert {row["auc"] for row in judge_controls(system)} == {None}
    (leads,) = measure_leads([system]).values()
    assert {format_difference(lead.difference)["auc"]["p"] for lead in leads} == {None}


def test_the_mean_over_seeds_is_taken_number_by_number() -> None:
    documents = [{"a": 1.0, "b": [1.0, None], "c": "x"}, {"a": 2.0, "b": [2.0, 5.0], "c": "x"}]
    assert average_documents(documents) == {"a": 1.5, "b": [1.5, None], "c": "x"}
    judged = select_judged(IMAGE_ROWS, MUSIC_ROWS, ((), ()))
    folds = without_quadrants(make_folds(0)), without_quadrants(make_folds(1))
    both, first, second = (
        judge_mood(measure_system_mood(as_system(*seeds), judged)) for seeds in (folds, folds[:1], folds[1:])
    )
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
    rows = judge_controls(measure_system_mood(as_system(make_folds(), make_folds(1)), judged))
    first = rows[0]
    assert first["control"] == "product of quadrants"
    assert first["coverage_target"] is None
    part = np.ix_(judged.images.positions, judged.music.positions)
    scores = (IMAGE_AFFECT[:, QUADRANT_COLUMNS] @ MUSIC_AFFECT[:, QUADRANT_COLUMNS].T)[part]
    expected = measure_mood_order(scores, judged.images.labels, judged.music.labels)
    assert first["auc"] == pytest.approx(expected.auc, abs=1e-6)
    without = as_system(without_quadrants(make_folds()))
    assert judge_controls(measure_system_mood(without, judged)) == []


@cache
def make_noisy(noise: float) -> SystemMood:
    """Return the mood of a system whose vectors are quadrant posteriors with noise, under its own name."""
    rng = np.random.default_rng(9)
    seeds = []
    for seed in (0, 1):
        folds = []
        for fold in make_folds(seed):
            sides = [
                vectors + noise * rng.normal(size=vectors.shape).astype(np.float32)
                for vectors in (fold.image_vectors, fold.music_vectors)
            ]
            folds.append(
                replace(fold, image_vectors=sides[0], music_vectors=sides[1], scores=sides[0] @ sides[1].T)
            )
        seeds.append(folds)
    judged = select_judged(IMAGE_ROWS, MUSIC_ROWS, (("judged",), ("judged",)))
    return measure_system_mood(replace(as_system(*seeds), system=f"noise {noise}"), judged)


def test_the_lead_of_a_system_is_the_difference_of_the_figures_on_the_same_draws() -> None:
    good, poor = make_noisy(0.1), make_noisy(0.6)
    leads = measure_leads([good, poor])
    assert list(leads) == ["noise 0.1", "noise 0.6"]
    by_name = {(lead.ahead_of, lead.coverage_target): lead.difference for lead in leads["noise 0.1"]}
    assert all(name != "the network" for name, _ in by_name)
    found, back = by_name["noise 0.6", None], leads["noise 0.6"][-1].difference
    one, other = judge_mood(good), judge_mood(poor)
    for way in ("music_to_image", "image_to_music"):
        value = format_difference(found)[way]["ndcg@10"]["value"]
        assert value == pytest.approx(one[way]["ndcg@10"] - other[way]["ndcg@10"])
    assert found.auc.value == pytest.approx(one["auc"] - other["auc"]) == -back.auc.value
    assert (found.auc.low, found.auc.high) == pytest.approx((-back.auc.high, -back.auc.low))
    # The ends are means over the seeds of those of the differences, draw by draw.
    ends = []
    for seed, worse in zip(good.seeds, poor.seeds, strict=True):
        assert seed.order is not None
        assert worse.order is not None
        ends.append(np.quantile(seed.order.auc_replicates - worse.order.auc_replicates, [0.025, 0.975]))
    assert (found.auc.low, found.auc.high) == pytest.approx(tuple(np.mean(ends, axis=0)))
    assert 0 < found.auc.low < found.auc.value < found.auc.high
    assert found.auc.p < 0.05
    # Of random answers it is ahead by what it has above chance.
    chance = by_name["random", None]
    assert chance.auc.value == pytest.approx(one["auc"] - 0.5, abs=0.05)


def test_paired_draws_give_a_narrower_interval_and_an_order_is_not_ahead_of_itself() -> None:
    good, second = (seed.order for seed in make_noisy(0.1).seeds)  # other folds, nearly the same order
    assert good is not None
    assert second is not None
    difference = compare_orders([good], [second])
    widths = [high - low for low, high in (good.auc_interval, second.auc_interval)]
    assert difference.auc.high - difference.auc.low < 0.8 * min(widths)
    itself = compare_orders([good], [good])
    assert {itself.auc.value, itself.auc.low, itself.auc.high, itself.music_to_image.high} == {0.0}


def test_a_system_that_only_scores_pairs_is_ahead_of_nobody_and_nobody_of_it() -> None:
    folds = without_quadrants(make_folds())
    pairs_only = [replace(fold, image_vectors=fold.image_vectors * 0) for fold in folds]
    judged = select_judged(IMAGE_ROWS, MUSIC_ROWS, ((), ()))
    other = measure_system_mood(replace(as_system(pairs_only), system="pairs"), judged)
    leads = measure_leads([make_noisy(0.1), other])
    assert list(leads) == ["noise 0.1"]
    assert "pairs" not in {lead.ahead_of for lead in leads["noise 0.1"]}
