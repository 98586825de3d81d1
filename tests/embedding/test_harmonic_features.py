"""Harmonic features distinguish major from minor in every key, and are finite for any sound."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from attune.core.errors import ArtefactError
from attune.embedding import note_transcription
from attune.embedding.harmonic_features import WIDTH, append_harmonic_features, compute_harmonic_features
from attune.embedding.logmel import BANDS, PATCH_FRAMES, SAMPLE_RATE
from attune.embedding.note_transcription import EXCERPT_S, MAX_EXCERPTS, cut_excerpts

MODE = 0
FROM_TONIC = slice(8, 23)
CHORD_SHARES = slice(24, 29)  # major, minor, diminished, augmented, suspended
MAJOR, MINOR = 4, 3  # semitones of the third
C, F, G = 60, 65, 67
LONGEST = 30 * 60 * SAMPLE_RATE
EXCERPT = EXCERPT_S * SAMPLE_RATE


def triads(third: int, up: int = 0) -> NDArray[np.float32]:
    """Return eight seconds of triads on the first, fourth and fifth degree of C, with a piano-like sound."""
    roots = [C, F, G, C, C, F, G, C]
    return np.concatenate([triad(root + up, third) for root in roots]).astype(np.float32)


def triad(root: int, third: int) -> NDArray[np.float64]:
    times = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    sound = np.zeros(SAMPLE_RATE)
    for pitch in (root - 12, root, root + third, root + 7):
        hertz = 440 * 2 ** ((pitch - 69) / 12)
        for harmonic in range(1, 7):
            swing = np.sin(2 * np.pi * hertz * harmonic * times)
            sound += 0.1 * 0.6**harmonic * swing * np.exp(-2 * times * harmonic**0.5)
    return sound


@cache
def features_of(third: int, up: int = 0) -> NDArray[np.float32]:
    return compute_harmonic_features(triads(third, up))


def test_major_is_told_from_minor() -> None:
    assert features_of(MAJOR)[MODE] > 0.2
    assert features_of(MINOR)[MODE] < -0.1


@pytest.mark.parametrize(("third", "place"), [(MAJOR, 0), (MINOR, 1)])
def test_chords_are_known_for_what_they_are(third: int, place: int) -> None:
    shares = features_of(third)[CHORD_SHARES]
    assert shares[place] > 0.9
    assert shares.sum() == pytest.approx(1)


@pytest.mark.parametrize("third", [MAJOR, MINOR])
def test_another_key_is_the_same_from_its_tonic_on(third: int) -> None:
    here, there = features_of(third), features_of(third, up=5)
    other_mode = features_of(MINOR if third == MAJOR else MAJOR)
    assert np.abs(here - there)[FROM_TONIC].max() < 0.1
    assert np.abs(here - other_mode)[FROM_TONIC].max() > 0.3
    np.testing.assert_allclose(here[CHORD_SHARES], there[CHORD_SHARES], atol=0.1)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(10 * SAMPLE_RATE, np.float32),
        np.ones(3 * SAMPLE_RATE, np.float32),
        np.random.default_rng(0).uniform(-1, 1, 5 * SAMPLE_RATE).astype(np.float32),
        np.full(100, 0.5, np.float32),
        np.full(1, 0.5, np.float32),
    ],
    ids=["silence", "constant", "noise", "100 samples", "one sample"],
)
def test_features_of_any_samples_are_finite_without_a_warning(samples: NDArray[np.float32]) -> None:
    features = compute_harmonic_features(samples)
    assert (features.shape, features.dtype) == ((WIDTH,), np.float32)
    assert WIDTH == 59
    assert np.isfinite(features).all()


def test_silence_is_neither_major_nor_minor() -> None:
    assert compute_harmonic_features(np.zeros(3 * SAMPLE_RATE, np.float32))[MODE] == 0


def bounds(samples: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Return start and end of every excerpt, in samples, from its address in memory."""
    first = samples.ctypes.data
    starts = [(part.ctypes.data - first) // samples.itemsize for part in cut_excerpts(samples)]
    return [(start, start + len(part)) for start, part in zip(starts, cut_excerpts(samples), strict=True)]


@settings(deadline=None)
@given(st.one_of(st.integers(1, 4 * EXCERPT), st.integers(1, LONGEST)))
def test_excerpts_are_few_short_and_evenly_spread(length: int) -> None:
    places = bounds(np.empty(length, np.float32))
    assert 1 <= len(places) <= MAX_EXCERPTS
    for start, stop in places:
        assert 0 <= start < stop <= length
        assert min(length, 0.8 * EXCERPT) <= stop - start <= EXCERPT
    before, after = places[0][0], length - places[-1][1]
    assert abs(before - after) <= 1
    gaps = [later[0] - earlier[1] for earlier, later in pairwise(places)]
    if length >= MAX_EXCERPTS * EXCERPT:
        assert len(places) == MAX_EXCERPTS
        assert max(gaps) - min(gaps) <= 1
        assert abs(min(gaps) - 2 * before) <= 4


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (7, [(0, 7)]),
        (30, [(0, 30)]),
        (40, [(5, 35)]),
        (60, [(0, 30), (30, 60)]),
        (90, [(0, 30), (30, 60), (60, 90)]),
        (600, [(85, 115), (285, 315), (485, 515)]),
    ],
)
def test_excerpts_have_the_expected_bounds(seconds: int, expected: list[tuple[int, int]]) -> None:
    places = bounds(np.empty(seconds * SAMPLE_RATE, np.float32))
    assert [(start / SAMPLE_RATE, stop / SAMPLE_RATE) for start, stop in places] == expected


def test_descriptors_lie_under_every_moment() -> None:
    moments = np.random.default_rng(0).random((2, PATCH_FRAMES, BANDS), np.float32)
    both = append_harmonic_features(moments, triads(MAJOR))
    assert (both.shape, both.dtype) == ((2, PATCH_FRAMES + 1, BANDS), np.float32)
    np.testing.assert_array_equal(both[:, :PATCH_FRAMES], moments)
    for frame in both[:, PATCH_FRAMES]:
        np.testing.assert_array_equal(frame[:WIDTH], features_of(MAJOR))
        assert not frame[WIDTH:].any()


@pytest.fixture
def nothing_loaded() -> Iterator[None]:
    note_transcription._load_session.cache_clear()
    yield
    note_transcription._load_session.cache_clear()


@pytest.mark.usefixtures("nothing_loaded")
def test_damaged_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(note_transcription, "_SHA256", "0" * 64)
    with pytest.raises(ArtefactError, match=r"basic_pitch\.onnx: the weights are damaged"):
        compute_harmonic_features(np.zeros(SAMPLE_RATE, np.float32))
