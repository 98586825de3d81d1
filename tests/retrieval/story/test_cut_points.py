"""Tests of cut points: spans without gaps, cuts on beats, wanted length, and the least cost of all."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune.retrieval.story.beats import Rhythm
from attune.retrieval.story.cut_points import choose_cut_times

STEADY = (np.array([0.0, 1000.0]), np.zeros(2))


def make_rhythm(seed: int, beats: int) -> Rhythm:
    random = np.random.default_rng(seed)
    times = np.cumsum(random.uniform(0.2, 1.2, beats + 1)) if beats else np.zeros(1)
    sections = [0.0, *(times[:-1][:: max(1, beats // 3)] if beats else [])]
    return Rhythm(float(times[-1]) + 1.0, 120.0 if beats else 0.0, times[:-1], np.unique(sections))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    beats=st.integers(0, 120),
    seconds=st.floats(1.0, 20.0),
    most=st.integers(1, 40),
)
def test_spans_tile_the_song_and_change_on_beats(seed: int, beats: int, seconds: float, most: int) -> None:
    song = make_rhythm(seed, beats)
    times = choose_cut_times(song, seconds, most, STEADY)
    assert times[0] == 0.0
    assert times[-1] == song.duration_s
    assert (np.diff(times) > 0).all()
    assert len(times) - 1 <= most
    if beats:
        assert set(times[1:-1]) <= set(song.beats_s)


def test_the_cheapest_of_all_ways() -> None:
    song = make_rhythm(5, 9)
    allowed = [0.0, *song.beats_s, song.duration_s]

    def cost(times: tuple[float, ...]) -> float:
        total = 0.0
        for start, end in itertools.pairwise(times):
            inside = sum(start < section < end for section in song.sections_s)
            total += np.log((end - start) / 2.0) ** 2 + 0.5 * inside
        return total

    divisions = [
        (0.0, *middle, song.duration_s)
        for count in range(len(song.beats_s) + 1)
        for middle in itertools.combinations(allowed[1:-1], count)
    ]
    assert cost(tuple(choose_cut_times(song, 2.0, 99, STEADY))) == pytest.approx(min(map(cost, divisions)))


def test_lively_passages_are_cut_faster() -> None:
    beats = np.arange(0.5, 120.0, 0.5)
    song = Rhythm(120.0, 120.0, beats, np.zeros(1))
    lively = (np.array([0.0, 59.0, 61.0, 120.0]), np.array([-0.3, -0.3, 0.3, 0.3]))
    times = choose_cut_times(song, 4.0, 99, lively)
    assert (times < 60).sum() * 1.3 < (times > 60).sum()
    assert 120.0 / (len(times) - 1) == pytest.approx(4.0, rel=0.25)
