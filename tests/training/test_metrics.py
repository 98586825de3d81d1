"""Pair and retrieval metrics, compared with slow loops and scikit-learn, and properties for any input."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from attune.training import metrics
from attune.training.metrics.bootstrap import _draw

SEEDS = st.integers(0, 10_000)


def problem(seed: int, images: int = 13, music: int = 9, ties: bool = True):
    """Return scores (images, music) and polarities of both sides, including unlabelled items."""
    rng = np.random.default_rng(seed)
    image_polarity = rng.permutation(np.r_[0, 1, 2, -1, rng.integers(-1, 3, images - 4)]).astype(np.int8)
    music_polarity = rng.permutation(np.r_[0, 1, 2, -1, rng.integers(-1, 3, music - 4)]).astype(np.int8)
    scores = rng.uniform(size=(images, music))
    return (np.round(scores, 1) if ties else scores), image_polarity, music_polarity


def slow_weights(image_polarity: NDArray[np.int8], music_polarity: NDArray[np.int8]) -> NDArray[np.float64]:
    pairs = [(int(i), int(m)) for i in image_polarity for m in music_polarity if i >= 0 and m >= 0]
    true_cells = {cell for cell in pairs if cell[0] == cell[1]}
    false_cells = set(pairs) - true_cells
    weights = np.zeros((len(image_polarity), len(music_polarity)))
    for i, m in itertools.product(range(len(image_polarity)), range(len(music_polarity))):
        cell = (int(image_polarity[i]), int(music_polarity[m]))
        if cell in pairs:
            kind = true_cells if cell in true_cells else false_cells
            weights[i, m] = 0.5 / len(kind) / pairs.count(cell)
    return weights


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_weights_are_those_of_the_loop_and_halve_the_mass(seed: int) -> None:
    _, image_polarity, music_polarity = problem(seed)
    weights = metrics.pair_weights(image_polarity, music_polarity)
    np.testing.assert_allclose(weights, slow_weights(image_polarity, music_polarity))
    same = image_polarity[:, None] == music_polarity
    assert weights[same].sum() == pytest.approx(0.5)
    assert weights[~same].sum() == pytest.approx(0.5)


def test_weights_spread_over_the_polarities_that_are_there() -> None:
    image_polarity, music_polarity = np.array([0, 0, 2], np.int8), np.array([0, 1, 2, 2], np.int8)
    weights = metrics.pair_weights(image_polarity, music_polarity)
    np.testing.assert_allclose(weights, slow_weights(image_polarity, music_polarity))
    # True cells: ++ (2 pairs), -- (2). False cells: +0 (2), +- (4), -+ (1), -0 (1).
    np.testing.assert_allclose(weights[0], [0.25 / 2, 0.125 / 2, 0.125 / 4, 0.125 / 4])
    np.testing.assert_allclose(weights[2], [0.125, 0.125, 0.25 / 2, 0.25 / 2])


@pytest.mark.parametrize(("image", "music"), [([0, 0], [0, 0]), ([0, 1], [2, 2]), ([0, -1], [-1, -1])])
def test_pair_figures_are_undefined_without_both_kinds_of_pair(image: list[int], music: list[int]) -> None:
    image_polarity, music_polarity = np.array(image, np.int8), np.array(music, np.int8)
    scores = np.full((2, 2), 0.7)
    assert math.isnan(metrics.pair_accuracy(scores, image_polarity, music_polarity))
    assert math.isnan(metrics.pair_auc(scores, image_polarity, music_polarity))
    assert math.isnan(metrics.calibration_error(scores, image_polarity, music_polarity))
    intervals = metrics.pair_intervals(
        scores, image_polarity, music_polarity, ["a", "b"], ["c", "d"], replicates=20
    )
    assert np.isnan(intervals.accuracy).all()
    assert np.isnan(intervals.auc).all()


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_accuracy_and_calibration_are_those_of_the_loop(seed: int) -> None:
    scores, image_polarity, music_polarity = problem(seed)
    weights = slow_weights(image_polarity, music_polarity)
    accuracy, gaps = 0.0, [0.0] * 15
    for i, m in itertools.product(range(scores.shape[0]), range(scores.shape[1])):
        same = image_polarity[i] == music_polarity[m]
        accuracy += weights[i, m] * ((scores[i, m] >= 0.5) == same)
        gaps[min(int(scores[i, m] * 15), 14)] += weights[i, m] * (scores[i, m] - same)
    assert metrics.pair_accuracy(scores, image_polarity, music_polarity) == pytest.approx(accuracy)
    error = metrics.calibration_error(scores, image_polarity, music_polarity)
    assert error == pytest.approx(sum(abs(gap) for gap in gaps))


@given(SEEDS, st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_a_constant_score_is_right_half_of_the_time(seed: int, constant: float) -> None:
    scores, image_polarity, music_polarity = problem(seed)
    same_score = np.full_like(scores, constant)
    assert metrics.pair_accuracy(same_score, image_polarity, music_polarity) == pytest.approx(0.5)
    assert metrics.pair_auc(same_score, image_polarity, music_polarity) == pytest.approx(0.5)


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_auc_is_that_of_the_loop_and_of_scikit_learn(seed: int) -> None:
    from sklearn.metrics import roc_auc_score

    scores, image_polarity, music_polarity = problem(seed, 8, 7)
    weights = slow_weights(image_polarity, music_polarity)
    same = (image_polarity[:, None] == music_polarity) & (weights > 0)
    won = mass = 0.0
    for true in np.argwhere(same):
        for false in np.argwhere(~same & (weights > 0)):
            weight = weights[tuple(true)] * weights[tuple(false)]
            difference = scores[tuple(true)] - scores[tuple(false)]
            won += weight * (1.0 if difference > 0 else 0.5 if difference == 0 else 0.0)
            mass += weight
    auc = metrics.pair_auc(scores, image_polarity, music_polarity)
    assert auc == pytest.approx(won / mass)
    library = roc_auc_score(same.ravel(), scores.ravel(), sample_weight=weights.ravel())
    assert auc == pytest.approx(library)


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_auc_lies_in_the_unit_interval_and_flips_under_negation(seed: int) -> None:
    scores, image_polarity, music_polarity = problem(seed)
    auc = metrics.pair_auc(scores, image_polarity, music_polarity)
    assert 0.0 <= auc <= 1.0
    assert metrics.pair_auc(-scores, image_polarity, music_polarity) == pytest.approx(1.0 - auc)


def test_the_table_by_class_holds_the_share_called_a_match() -> None:
    image_polarity, music_polarity = np.array([0, 0, 2, -1], np.int8), np.array([0, 2], np.int8)
    scores = np.array([[0.9, 0.1], [0.2, 0.5], [0.3, 0.8], [0.9, 0.9]])
    nan = float("nan")
    np.testing.assert_array_equal(
        metrics.match_rates(scores, image_polarity, music_polarity, 3),
        [[0.5, nan, 0.5], [nan, nan, nan], [0.0, nan, 1.0]],
    )


def test_intervals_are_those_of_a_plain_loop_over_the_same_draws() -> None:
    scores, image_polarity, music_polarity = problem(5, 30, 20)
    image_groups, music_groups = [f"i{n // 2}" for n in range(30)], [f"m{n // 2}" for n in range(20)]
    replicates, seed = 40, 3
    fast = metrics.pair_intervals(
        scores, image_polarity, music_polarity, image_groups, music_groups, replicates=replicates, seed=seed
    )
    rng = np.random.default_rng(seed)
    drawn_images = _draw(image_groups, image_polarity, replicates, rng)
    drawn_music = _draw(music_groups, music_polarity, replicates, rng)
    labelled = scores[np.ix_(image_polarity >= 0, music_polarity >= 0)]
    accuracies, aucs = [], []
    for replicate in range(replicates):
        # The items of a group that is drawn twice occur twice.
        rows = np.repeat(np.arange(len(labelled)), drawn_images.times[replicate].astype(int))
        columns = np.repeat(np.arange(labelled.shape[1]), drawn_music.times[replicate].astype(int))
        drawn = (labelled[np.ix_(rows, columns)], drawn_images.classes[rows], drawn_music.classes[columns])
        accuracies.append(metrics.pair_accuracy(*drawn))
        aucs.append(metrics.pair_auc(*drawn))
    np.testing.assert_allclose(fast.accuracy, np.nanquantile(accuracies, [0.025, 0.975]))
    np.testing.assert_allclose(fast.auc, np.nanquantile(aucs, [0.025, 0.975]))


def test_groups_are_drawn_whole_and_a_seed_repeats_them() -> None:
    polarity = np.array([0, 0, 1, -1, 2], np.int8)
    groups = ["a", "a", "b", "b", "c"]
    draws = _draw(groups, polarity, 50, np.random.default_rng(1))
    np.testing.assert_array_equal(draws.times[:, 0], draws.times[:, 1])
    np.testing.assert_array_equal(draws.times[:, [0, 2, 3]].sum(axis=1), 3)
    again = _draw(groups, polarity, 50, np.random.default_rng(1))
    np.testing.assert_array_equal(draws.times, again.times)


def test_interval_of_large_continuous_scores_holds_the_figure() -> None:
    scores, image_polarity, music_polarity = problem(7, 120, 60, ties=False)
    same = image_polarity[:, None] == music_polarity
    scores = np.clip(scores + 0.2 * same, 0, 1)
    names = [[str(n) for n in range(size)] for size in scores.shape]
    intervals = metrics.pair_intervals(scores, image_polarity, music_polarity, *names)
    low, high = intervals.accuracy
    assert low < metrics.pair_accuracy(scores, image_polarity, music_polarity) < high
    low, high = intervals.auc
    assert low < metrics.pair_auc(scores, image_polarity, music_polarity) < high


def slow_retrieval(scores, query_polarity, gallery_polarity) -> dict[str, float]:
    """Return the figures in plain Python: per query, averaged by polarity and then over the polarities."""
    per_polarity: dict[int, list[list[float]]] = {}
    gallery = [g for g in range(len(gallery_polarity)) if gallery_polarity[g] >= 0]
    for query in range(len(query_polarity)):
        if query_polarity[query] < 0:
            continue
        ranked = sorted(gallery, key=lambda g: (-scores[query, g], g))
        hits = [gallery_polarity[g] == query_polarity[query] for g in ranked]
        gain = sum(hit / math.log2(rank + 2) for rank, hit in enumerate(hits[:10]))
        ideal = sum(1 / math.log2(rank + 2) for rank in range(min(10, sum(hits))))
        figures = [sum(hits[:k]) / len(hits[:k]) for k in (1, 5, 10)]
        figures += [1 / (hits.index(True) + 1) if any(hits) else 0.0, gain / ideal if ideal else 0.0]
        figures.append(sum(hits) / len(hits))
        per_polarity.setdefault(int(query_polarity[query]), []).append(figures)
    means = np.mean([np.mean(rows, axis=0) for rows in per_polarity.values()], axis=0)
    return dict(zip(["p_at_1", "p_at_5", "p_at_10", "mrr", "ndcg_at_10", "chance_p"], means, strict=True))


@given(SEEDS, st.integers(4, 16), st.integers(4, 16))
@settings(max_examples=30, deadline=None)
def test_retrieval_is_that_of_the_loop(seed: int, queries: int, gallery: int) -> None:
    scores, query_polarity, gallery_polarity = problem(seed, queries, gallery)
    quality = metrics.measure_retrieval(scores, query_polarity, gallery_polarity)
    for name, value in slow_retrieval(scores, query_polarity, gallery_polarity).items():
        assert getattr(quality, name) == pytest.approx(value), name
    assert metrics.precision_at(scores, query_polarity, gallery_polarity, 5) == pytest.approx(quality.p_at_5)


def test_ndcg_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import ndcg_score

    rng = np.random.default_rng(0)
    scores = rng.uniform(size=(1, 40))
    gallery = rng.integers(0, 3, 40).astype(np.int8)
    quality = metrics.measure_retrieval(scores, np.array([1], np.int8), gallery)
    assert quality.ndcg_at_10 == pytest.approx(ndcg_score((gallery == 1)[None, :], scores, k=10))


def test_retrieval_is_undefined_where_a_side_has_no_labels() -> None:
    unlabelled, labelled = np.array([-1, -1], np.int8), np.array([0, 1], np.int8)
    for query, gallery in ((unlabelled, labelled), (labelled, unlabelled)):
        assert math.isnan(metrics.measure_retrieval(np.ones((2, 2)), query, gallery).mrr)
        assert math.isnan(metrics.precision_at(np.ones((2, 2)), query, gallery))


def test_ties_keep_the_order_of_the_gallery() -> None:
    assert metrics.rank_gallery(np.array([[0.5, 0.9, 0.5, 0.9]])).tolist() == [[1, 3, 0, 2]]


@given(SEEDS, st.integers(1, 12), st.integers(1, 25))
@settings(max_examples=30, deadline=None)
def test_distinctness_is_that_of_the_loop(seed: int, queries: int, gallery: int) -> None:
    scores = np.round(np.random.default_rng(seed).uniform(size=(queries, gallery)), 1)
    k = min(10, gallery)
    tops = [sorted(range(gallery), key=lambda g: (-scores[q, g], g))[:k] for q in range(queries)]
    counts = [sum(item in top for top in tops) for item in range(gallery)]
    figures = metrics.measure_distinctness(scores)
    assert figures.coverage == pytest.approx(sum(count > 0 for count in counts) / gallery)
    assert figures.hub_lift == pytest.approx(max(counts) / queries / (k / gallery))
    assert figures.chance_coverage == pytest.approx(1 - (1 - k / gallery) ** queries)


def test_one_list_for_every_query_is_the_worst_distinctness() -> None:
    figures = metrics.measure_distinctness(np.tile(np.arange(100.0), (30, 1)))
    assert figures.coverage == pytest.approx(0.1)
    assert figures.hub_lift == pytest.approx(10.0)
