"""The mood measure, compared with plain loops over its definition on rows with ties, gaps and few ratings."""

from __future__ import annotations

import importlib.util
import logging
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from attune.training.manifest import LabelledRow
from attune.training.metrics import (
    MoodOrder,
    measure_mood,
    measure_mood_order,
    measure_polarity,
    rating_slope,
    read_mood_labels,
)
from attune.training.metrics.graded_ndcg import graded_gain, graded_ndcg, ndcg_replicates
from attune.training.metrics.group_draws import draw_groups
from attune.training.report_values import format_mood, format_mood_order, replace_nan

PROTOCOL = "ATTUNE_MOOD_PROTOCOL"
"""Environment variable with the path of a program whose `report(scores, images, music)` is compared, too."""

CORNERS = {"Q1": (0.5, 0.5), "Q2": (-0.5, 0.5), "Q3": (-0.5, -0.5), "Q4": (0.5, -0.5)}
WAYS = ("image_to_music", "music_to_image")
NUMBERS = ("p@10", "chance_p", "lift", "first", "ndcg@10", "coverage@10", "chance_coverage@10", "hub_lift@10")


def make_row(number: int, **labels: Any) -> LabelledRow:
    known = {"set": "a", "polarity": None, "quadrant": None, "valence": None, "arousal": None} | labels
    return LabelledRow(path=Path(f"{number}"), split="", group=f"{number // 2}", label="", **known)


def draw_rows(rng: np.random.Generator, count: int, names: list[str]) -> list[LabelledRow]:
    """Return rows of a set that is large enough to rank, of a small one, and of one without ratings.

    Some rows lack a rating, or half of one; quadrants are among `names`, and some rated rows have one.
    """
    rows = []
    for number in range(count):
        name = str(rng.choice(["large", "small", "unrated"], p=[0.6, 0.15, 0.25]))
        valence, arousal = np.round(rng.uniform(-1, 1, 2), 1).tolist()
        quadrant = str(rng.choice(names)) if names and (name == "unrated" or rng.random() < 0.1) else None
        if name == "unrated" or rng.random() < 0.1:
            valence = None
        if name == "unrated" or rng.random() < 0.1:
            arousal = None
        rows.append(make_row(number, set=name, quadrant=quadrant, valence=valence, arousal=arousal))
    return rows


def draw_problem(seed: int) -> tuple[NDArray[np.float64], list[LabelledRow], list[LabelledRow]]:
    """Return scores with many ties, and rows of both sides; often with few rows or missing quadrants."""
    rng = np.random.default_rng(seed)
    sizes = rng.choice([3, 8, 25, 60, 90], 2)
    names = [
        sorted(rng.choice(sorted(CORNERS), rng.integers(0, 5), replace=False).tolist()) for _ in range(2)
    ]
    images, music = (draw_rows(rng, int(size), own) for size, own in zip(sizes, names, strict=True))
    return np.round(rng.normal(size=sizes), int(rng.integers(0, 3))), images, music


def slow_places(rows: list[LabelledRow]) -> list[tuple[float, float] | None]:
    places: list[tuple[float, float] | None] = []
    for row in rows:
        rated = [
            (other.valence, other.arousal)
            for other in rows
            if other.set == row.set and other.valence is not None and other.arousal is not None
        ]
        own = row.valence, row.arousal
        if None not in own and len(rated) >= 30:
            place = []
            for axis in range(2):
                below = sum(other[axis] < own[axis] for other in rated)  # type: ignore[operator]
                equal = sum(other[axis] == own[axis] for other in rated)
                place.append((2 * (below + (equal + 1) / 2) - 1) / len(rated) - 1)
            places.append((place[0], place[1]))
        else:
            places.append(CORNERS[row.quadrant] if row.quadrant else None)
    return places


def slow_quadrants(rows: list[LabelledRow], places: list[tuple[float, float] | None]) -> list[str | None]:
    quadrants: list[str | None] = []
    for row, place in zip(rows, places, strict=True):
        if row.quadrant:
            quadrants.append(row.quadrant)
        elif place is None or abs(place[0]) <= 1 / 3 or abs(place[1]) <= 1 / 3:
            quadrants.append(None)
        else:
            signs = (math.copysign(0.5, place[0]), math.copysign(0.5, place[1]))
            quadrants.append(next(name for name, corner in CORNERS.items() if corner == signs))
    return quadrants


def slow_auc(scores: NDArray[np.float64], left: list[str | None], right: list[str | None]) -> float:
    """Return the mean over the true cells and the false cells of how often a true pair beats a false one."""
    if len({*left} - {None}) < 2 or len({*right} - {None}) < 2:
        return math.nan
    cells: dict[tuple[str, str], list[float]] = {}
    for i, one in enumerate(left):
        for m, other in enumerate(right):
            if one and other:
                cells.setdefault((one, other), []).append(scores[i, m])
    true = [values for (one, other), values in cells.items() if one == other]
    false = [values for (one, other), values in cells.items() if one != other]
    if not true or not false:
        return math.nan
    wins = []
    for mine in true:
        for theirs in false:
            difference = np.subtract.outer(mine, theirs)
            wins.append(np.mean((difference > 0) + 0.5 * (difference == 0)))
    return float(np.mean(wins))


def slow_retrieval(
    scores: NDArray[np.float64],
    queries: tuple[list[tuple[float, float] | None], list[str | None]],
    gallery: tuple[list[tuple[float, float] | None], list[str | None]],
) -> dict[str, Any]:
    shown = [item for item, place in enumerate(gallery[0]) if place]
    asking = [query for query, quadrant in enumerate(queries[1]) if quadrant]
    if not shown or not asking:
        return dict.fromkeys(NUMBERS, math.nan) | {"first_by_quadrant": [math.nan] * 4}
    shuffle = np.random.default_rng(0).random((len(queries[1]), len(shown)))
    tops, gains, by_quadrant = [], [], {}
    for query in asking:
        order = sorted(
            range(len(shown)), key=lambda item: (-scores[query, shown[item]], shuffle[query, item])
        )
        answers = [shown[item] for item in order]
        quadrant, place = queries[1][query], queries[0][query]
        right = [item for item in shown if gallery[1][item] == quadrant]
        if right:
            depth = min(10, len(right))
            hits = [gallery[1][item] == quadrant for item in answers[:depth]]
            found = (sum(hits) / depth, hits[0], len(right) / len(shown))
            by_quadrant.setdefault(quadrant, []).append(found)
        gain = {item: math.exp(-(math.dist(place, gallery[0][item]) ** 2) / 0.5) for item in shown}
        ideal = sorted(gain.values(), reverse=True)[:10]
        earned = sum(gain[item] / math.log2(rank + 2) for rank, item in enumerate(answers[:10]))
        gains.append(earned / sum(value / math.log2(rank + 2) for rank, value in enumerate(ideal)))
        tops.append(answers[:10])
    means = {quadrant: np.mean(found, axis=0) for quadrant, found in by_quadrant.items()}
    precision, first, chance = np.mean([*means.values()], axis=0) if means else [math.nan] * 3
    share = min(1.0, 10 / len(shown))
    appearances = [sum(item in top for top in tops) for item in shown]
    return {
        "p@10": precision,
        "chance_p": chance,
        "lift": precision / chance,
        "first": first,
        "first_by_quadrant": [means[name][1] if name in means else math.nan for name in sorted(CORNERS)],
        "ndcg@10": np.mean(gains),
        "coverage@10": np.mean([count > 0 for count in appearances]),
        "chance_coverage@10": 1 - (1 - share) ** len(asking),
        "hub_lift@10": max(appearances) / len(asking) / share,
    }


def measure(scores: NDArray[np.float64], images: list[LabelledRow], music: list[LabelledRow]) -> MoodOrder:
    return measure_mood_order(scores, read_mood_labels(images), read_mood_labels(music))


@given(st.integers(0, 100_000))
@settings(max_examples=30, deadline=None)
def test_the_measure_is_that_of_plain_loops(seed: int) -> None:
    scores, images, music = draw_problem(seed)
    sides = [(slow_places(rows), slow_quadrants(rows, slow_places(rows))) for rows in (images, music)]
    for rows, (places, quadrants) in zip((images, music), sides, strict=True):
        labels = read_mood_labels(rows)
        expected = [place or (math.nan, math.nan) for place in places]
        np.testing.assert_allclose(labels.places, expected)
        assert [None if code < 0 else sorted(CORNERS)[code] for code in labels.quadrants] == quadrants
    figures = format_mood_order(measure(scores, images, music))
    assert figures["auc"] == pytest.approx(slow_auc(scores, sides[0][1], sides[1][1]), nan_ok=True)
    for way, directed, query, gallery in (
        ("image_to_music", scores, *sides),
        ("music_to_image", scores.T, *reversed(sides)),
    ):
        expected_figures = slow_retrieval(directed, query, gallery)
        for name in (*NUMBERS, "first_by_quadrant"):
            assert figures[way][name] == pytest.approx(expected_figures[name], nan_ok=True), (way, name)


@pytest.mark.affect
@pytest.mark.skipif(PROTOCOL not in os.environ, reason=f"{PROTOCOL} names no program to compare with")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # the program takes means of nothing
def test_the_measure_is_that_of_the_protocol() -> None:
    spec = importlib.util.spec_from_file_location("mood_protocol", os.environ[PROTOCOL])
    assert spec is not None
    assert spec.loader is not None
    protocol = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(protocol)
    differences = []
    for seed in range(300):
        scores, images, music = draw_problem(seed)
        labels = read_mood_labels(images), read_mood_labels(music)
        if not all((side.quadrants >= 0).any() for side in labels):
            continue  # the program ends with an error where a side has no query
        expected = protocol.report(scores, *([_write_cells(row) for row in rows] for rows in (images, music)))
        figures = format_mood_order(measure_mood_order(scores, *labels))
        pairs = [(figures[way][name], expected[way][name]) for way in WAYS for name in NUMBERS]
        if not math.isnan(figures["auc"]):  # the program tells it of a single quadrant, too
            pairs.append((figures["auc"], expected["auc"]))
        assert [math.isnan(ours) for ours, _ in pairs] == [math.isnan(theirs) for _, theirs in pairs]
        differences += [abs(ours - theirs) for ours, theirs in pairs if not math.isnan(ours)]
    logging.getLogger(__name__).warning("%d figures, differing by %.2g", len(differences), max(differences))
    assert len(differences) > 2000
    assert max(differences) < 1e-9


def _write_cells(row: LabelledRow) -> dict[str, str]:
    """Return the cells of a manifest, in which what is not known is empty."""
    cells = {"set": row.set, "quadrant": row.quadrant, "valence": row.valence, "arousal": row.arousal}
    return {name: "" if value is None else str(value) for name, value in cells.items()}


@pytest.mark.parametrize(
    ("images", "music", "pairs"),
    [
        ([], [], False),
        (["Q1", "Q2"], [], False),
        ([None, None], ["Q1", "Q3"], False),
        (["Q1", "Q1"], ["Q1", "Q2"], False),  # one quadrant on a side
        (["Q1", "Q2"], ["Q3", "Q4"], False),  # no true pair
        (["Q1", "Q2"], ["Q2", "Q3", None], True),
    ],
)
def test_what_the_labels_do_not_define_is_null(
    images: list[str | None], music: list[str | None], pairs: bool
) -> None:
    sides = [[make_row(i, quadrant=name) for i, name in enumerate(names)] for names in (images, music)]
    labels = [read_mood_labels(rows) for rows in sides]
    scores = np.random.default_rng(0).random((len(images), len(music)))
    document = replace_nan(format_mood(measure_mood(scores, scores, *labels)))
    for name in ("auc", "auc_ci95", "accuracy", "ci95", "ece"):
        assert (document[name] is not None) == pairs, name
    for way, queries, gallery in (("image_to_music", images, music), ("music_to_image", music, images)):
        answered = any(queries) and any(gallery)
        right = {*queries} & {*gallery} - {None}
        assert (document[way]["coverage@10"] is not None) == answered
        assert (document[way]["ndcg@10"] is not None) == answered
        assert (document[way]["lift"] is not None) == (answered and bool(right))
        found = {
            name
            for name, share in zip(CORNERS, document[way]["first_by_quadrant"], strict=True)
            if share is not None
        }
        assert found == right


def test_places_are_ranks_where_there_are_enough_and_corners_else() -> None:
    rated = [make_row(i, set="a", valence=i / 100, arousal=-i / 100) for i in range(30)]
    lone = [
        make_row(90, set="b", valence=0.9, arousal=0.9, quadrant="Q3"),
        make_row(91, set="b", valence=0.9, arousal=0.9),
    ]
    labels = read_mood_labels([*rated, *lone])
    np.testing.assert_allclose(labels.places[[0, 29]], [[-29 / 30, 29 / 30], [29 / 30, -29 / 30]])
    np.testing.assert_array_equal(labels.places[30:], [[-0.5, -0.5], [np.nan, np.nan]])
    # A place beyond a third: the first ten ranks are unpleasant and excited, the last ten pleasant and calm.
    assert labels.quadrants.tolist() == [1] * 10 + [-1] * 10 + [3] * 10 + [2, -1]
    assert np.isnan(read_mood_labels(rated[:29]).places).all()


def test_a_perfect_order_has_all_and_a_constant_none() -> None:
    rows = [make_row(number, quadrant=f"Q{number % 4 + 1}") for number in range(80)]
    labels = read_mood_labels(rows)
    same = (labels.quadrants[:, None] == labels.quadrants).astype(np.float64)
    perfect = measure_mood(0.1 + 0.8 * same, same, labels, labels)
    assert perfect.order.auc == perfect.accuracy == 1.0
    assert perfect.ece == pytest.approx(0.1)
    np.testing.assert_array_equal(perfect.confusion, np.eye(4))
    for figures in (perfect.order.image_to_music, perfect.order.music_to_image):
        assert figures.p_at_10 == figures.first == figures.ndcg_at_10 == 1.0
        assert figures.ndcg_interval == (1.0, 1.0)
        assert figures.lift == 4.0
    # Equal scores are shuffled for each query: no file gains from standing first, and every one is found.
    constant = measure_mood(np.full((80, 80), 0.3), np.zeros((80, 80)), labels, labels)
    assert constant.order.auc == constant.accuracy == 0.5
    assert constant.order.image_to_music.spread.coverage == 1.0
    assert constant.order.image_to_music.first == pytest.approx(0.25, abs=0.15)


def test_intervals_hold_the_figure_and_repeat() -> None:
    rng = np.random.default_rng(4)
    rows = [make_row(number, quadrant=f"Q{number % 4 + 1}") for number in range(120)]
    labels = read_mood_labels(rows)
    scores = rng.random((120, 120)) + 0.1 * (labels.quadrants[:, None] == labels.quadrants)
    figures = measure_mood_order(scores, labels, labels)
    again = measure_mood_order(scores, labels, labels)
    assert figures == again
    assert figures.auc_interval == again.auc_interval
    assert figures.image_to_music.ndcg_interval == again.image_to_music.ndcg_interval
    assert figures.auc_interval[0] < figures.auc < figures.auc_interval[1]
    for way in (figures.image_to_music, figures.music_to_image):
        assert way.ndcg_interval[0] < way.ndcg_at_10 < way.ndcg_interval[1]


@given(st.integers(0, 10_000), st.integers(1, 60))
@settings(max_examples=30, deadline=None)
def test_a_replicate_is_the_ndcg_of_rows_that_are_repeated(seed: int, gallery: int) -> None:
    rng = np.random.default_rng(seed)
    places = [rng.uniform(-1, 1, (size, 2)) for size in (7, gallery)]
    scores = rng.random((7, gallery))
    times = [draw_groups([str(n // 2) for n in range(size)], 5, rng) for size in (7, gallery)]
    ranked = np.argsort(-scores, axis=1)
    fast = ndcg_replicates(graded_gain(*places), ranked, *times)
    for replicate in range(5):
        rows, columns = (np.repeat(np.arange(drawn.shape[1]), drawn[replicate]) for drawn in times)
        repeated = graded_gain(places[0][rows], places[1][columns])
        order = np.argsort(-scores[np.ix_(rows, columns)], axis=1, kind="stable")
        assert fast[replicate] == pytest.approx(graded_ndcg(repeated, order).mean())


@given(st.floats(0.2, 3), st.floats(-1, 1))
@settings(max_examples=20, deadline=None)
def test_the_slope_is_found_whatever_the_offset_of_a_set(slope: float, offset: float) -> None:
    rng = np.random.default_rng(0)
    predicted = rng.uniform(-1, 1, 60)
    sets = [f"set{number % 3}" for number in range(60)]
    rated = slope * predicted + offset * (np.arange(60) % 3)
    rated[::7] = np.nan
    assert rating_slope(predicted, rated, sets) == pytest.approx(slope)


def test_the_slope_is_undefined_without_two_different_predictions() -> None:
    values = np.array([0.1, 0.1, 0.7, 0.9])
    assert math.isnan(rating_slope(values, values, ["a", "a", "b", "c"]))
    assert math.isnan(rating_slope(values, np.full(4, np.nan), ["a"] * 4))
    assert math.isnan(rating_slope(np.zeros(0), np.zeros(0), []))
    assert rating_slope(values, 2 * values, ["a", "a", "b", "b"]) == pytest.approx(2.0)


def test_polarity_is_that_of_the_largest_probability() -> None:
    posterior = np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.1, 0.8, 0.1]])
    figures = measure_polarity(posterior, np.array([0, 2, 2, -1], np.int8))
    assert figures.accuracy == pytest.approx(2 / 3)
    assert figures.balanced_accuracy == pytest.approx(3 / 4)
    assert figures.confusion.tolist() == [[1, 0, 0], [0, 0, 0], [1, 0, 1]]
    assert math.isnan(measure_polarity(posterior, np.full(4, -1, np.int8)).accuracy)
