"""Graded affect, compared with loops and SciPy, and the linear probe of one modality."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune.training import metrics


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_spearman_and_pearson_are_those_of_scipy(seed: int) -> None:
    from scipy import stats

    first, second = np.round(np.random.default_rng(seed).normal(size=(2, 30)), 1)
    assert metrics.spearman(first, second) == pytest.approx(stats.spearmanr(first, second).statistic)
    assert metrics.pearson(first, second) == pytest.approx(stats.pearsonr(first, second).statistic)


def test_graded_affect_pairs_only_what_has_a_point_and_averages_polarities() -> None:
    from scipy import stats

    rng = np.random.default_rng(2)
    scores = np.round(rng.uniform(size=(20, 15)), 1)
    image_polarity, music_polarity = (rng.integers(-1, 3, size).astype(np.int8) for size in scores.shape)
    image_points, music_points = rng.uniform(-1, 1, (20, 2)), rng.uniform(-1, 1, (15, 2))
    image_points[3, 1] = music_points[4, 0] = np.nan
    all_pairs, within_polarity = [], {0: [], 1: [], 2: []}
    for i, m in itertools.product(range(20), range(15)):
        closeness = -math.dist(image_points[i], music_points[m])
        if math.isnan(closeness):
            continue
        all_pairs.append((scores[i, m], closeness))
        if image_polarity[i] == music_polarity[m] >= 0:
            within_polarity[int(image_polarity[i])].append((scores[i, m], closeness))
    figures = metrics.measure_graded_affect(
        scores, image_points, music_points, image_polarity, music_polarity
    )
    assert figures.spearman == pytest.approx(stats.spearmanr(np.array(all_pairs)).statistic)
    within = [stats.spearmanr(np.array(pairs)).statistic for pairs in within_polarity.values()]
    assert figures.spearman_within == pytest.approx(np.mean(within))


def test_what_cannot_be_correlated_is_undefined() -> None:
    flat, rising = np.ones(3), np.arange(3.0)
    assert math.isnan(metrics.spearman(flat, rising))
    assert math.isnan(metrics.pearson(np.array([1.0, np.nan]), np.array([1.0, 2.0])))
    assert math.isnan(metrics.r_squared(rising, flat))
    assert math.isnan(metrics.sign_accuracy(rising, np.array([np.nan, 0.0, np.nan])))


def test_explained_variance_and_signs_leave_out_what_is_not_labelled() -> None:
    actual = np.array([1.0, -1.0, np.nan, 0.5])
    predicted = np.array([0.5, -0.5, 9.0, -0.5])
    # Residual squares 0.25 + 0.25 + 1; squares about the mean 1/6: 25/36 + 49/36 + 4/36 = 78/36.
    assert metrics.r_squared(predicted, actual) == pytest.approx(1 - 1.5 / (78 / 36))
    assert metrics.sign_accuracy(predicted, actual) == pytest.approx(2 / 3)


def test_probe_reads_what_is_linear_and_nothing_from_noise() -> None:
    rng = np.random.default_rng(0)
    polarity = rng.choice(np.array([0, 1, 2, -1], np.int8), 400, p=[0.6, 0.2, 0.1, 0.1])
    groups = [str(n // 2) for n in range(400)]
    noise = rng.normal(size=(400, 16))
    of_noise = metrics.measure_probe(noise, polarity, groups)
    of_signal = metrics.measure_probe(noise + 6 * np.eye(16)[polarity], polarity, groups)
    assert of_noise.balanced_accuracy == pytest.approx(1 / 3, abs=0.1)
    assert of_signal.balanced_accuracy > 0.95
    assert of_noise.majority == pytest.approx(np.mean(polarity[polarity >= 0] == 0))


def test_probe_never_reads_a_group_that_it_has_seen() -> None:
    # Each group has a direction and a polarity of its own, so that only a probe that saw a group can know it.
    rng = np.random.default_rng(1)
    member = np.repeat(np.arange(60), 5)
    polarity = rng.permutation(np.arange(60) % 3)[member].astype(np.int8)
    quality = metrics.measure_probe(np.eye(60)[member], polarity, [str(group) for group in member])
    assert quality.balanced_accuracy < 0.5


def test_probe_is_undefined_without_two_polarities_and_two_groups() -> None:
    vectors = np.eye(4)
    one_group = metrics.measure_probe(vectors, np.array([0, 1, 2, 0], np.int8), ["a"] * 4)
    assert math.isnan(one_group.accuracy)
    assert one_group.majority == 0.5
    one_class = metrics.measure_probe(vectors, np.array([1, 1, -1, 1], np.int8), ["a", "b", "c", "d"])
    assert math.isnan(one_class.balanced_accuracy)
    assert math.isnan(metrics.majority_share(np.array([-1], np.int8)))
