"""What is done to music before a backbone hears it: one loudness, silence left out, no file without music."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from attune.core.errors import MediaError
from attune.embedding.audio_decoding import SAMPLE_RATE, read_audio
from attune.embedding.backbones import (
    DEFAULT_BACKBONES,
    MUSICNN_HARMONY,
    Backbones,
    choose_music_frontend,
    compute_patches,
)
from attune.embedding.harmonic_features import WIDTH, compute_harmonic_features
from attune.embedding.levelled_sound import level_sound
from attune.embedding.logmel import PATCH_SAMPLES, compute_logmel, count_patches, split_patches
from attune.embedding.loudness import TARGET_LUFS, integrate_loudness, measure_power
from attune.embedding.silent_patches import average_sounding, find_silence, is_silent, remove_silence
from attune.tests.embedding.test_steady_noise import noise
from attune.tests.media_factory import tune

SONGS = sorted((Path(__file__).resolve().parents[2] / "samples" / "music").glob("*.opus"))


def song(seconds: float, seed: int = 1) -> NDArray[np.float32]:
    return tune(seed, seconds, SAMPLE_RATE)[:, 0]


def quiet(seconds: float) -> NDArray[np.float32]:
    """Return hiss 80 dB below full scale, float32 (n,)."""
    return np.float32(1e-4 / 0.05) * noise("white", seconds, seed=9)


def silent_patches(*parts: NDArray[np.float32]) -> list[int]:
    return np.flatnonzero(find_silence(level_sound("a.flac", np.concatenate(parts)))).tolist()


@given(st.floats(-40, 12), st.integers(0, 20))
@settings(deadline=None)
def test_a_gain_changes_nothing(decibels: float, seed: int) -> None:
    samples = song(7.0, seed)
    expected = level_sound("a.flac", samples)
    levelled = level_sound("a.flac", (samples * 10 ** (decibels / 20)).astype(np.float32))
    np.testing.assert_allclose(levelled, expected, atol=1e-4)
    assert integrate_loudness(measure_power(levelled)) == pytest.approx(TARGET_LUFS, abs=0.01)


@pytest.mark.parametrize("path", SONGS, ids=lambda path: path.stem)
def test_samples_are_music_from_beginning_to_end(path: Path) -> None:
    levelled = level_sound(path, read_audio(path).samples)
    assert find_silence(levelled).mean() < 0.1


@pytest.mark.parametrize("seconds", [0.5, 2.0, 40.0])
def test_silence_is_refused(seconds: float) -> None:
    for samples in (np.zeros(round(seconds * SAMPLE_RATE), np.float32), quiet(seconds)):
        with pytest.raises(MediaError, match="silent: nothing in it is louder than -70 LUFS"):
            level_sound("a.flac", samples)


@pytest.mark.parametrize("colour", ["white", "pink", "brown"])
def test_hiss_is_refused_at_any_level(colour: str) -> None:
    for gain in (0.05, 1.0, 10.0):
        with pytest.raises(MediaError, match="nothing but hiss"):
            level_sound("a.flac", np.float32(gain) * noise(colour, 8))


def test_hiss_before_and_after_silence_is_hiss() -> None:
    with pytest.raises(MediaError, match="nothing but hiss"):
        level_sound("a.flac", np.concatenate([quiet(9), noise("white", 9), quiet(9)]))


def test_a_song_in_hiss_is_music() -> None:
    level_sound("a.flac", song(9) + 2 * noise("pink", 9))


def test_patches_of_silence_are_exactly_silent() -> None:
    assert silent_patches(song(15)) == []
    assert silent_patches(quiet(30), song(15)) == list(range(10))
    assert silent_patches(song(6), quiet(12), song(6)) == [2, 3, 4, 5]
    assert silent_patches(song(12), np.zeros(10 * SAMPLE_RATE, np.float32)) == [4, 5, 6]


def test_quiet_music_is_music() -> None:
    assert silent_patches(song(15), np.float32(0.02) * song(15, 2)) == []  # 34 dB softer
    assert silent_patches(song(15), np.float32(0.002) * song(15, 2)) == [5, 6, 7, 8, 9]


def test_rests_in_music_are_no_silence() -> None:
    ticks = np.zeros(12 * SAMPLE_RATE, np.float32)
    for start in range(0, len(ticks), SAMPLE_RATE):  # a tenth of a second in each second
        ticks[start : start + SAMPLE_RATE // 10] = song(0.1)
    assert silent_patches(ticks) == []


@given(st.integers(1, 8 * PATCH_SAMPLES), st.lists(st.booleans(), min_size=8, max_size=8))
@settings(deadline=None)
def test_silence_is_found_and_removed(length: int, sounds: list[bool]) -> None:
    samples = np.repeat(np.array(sounds, np.float32), PATCH_SAMPLES)[:length]
    found = find_silence(samples)
    assert len(found) == count_patches(length)
    assert found.tolist() == [not sound for sound in sounds[: len(found)]]
    if not found.all():
        assert not find_silence(remove_silence(samples)).any()


def test_silent_patches_are_rows_of_nan_and_the_others_as_ever() -> None:
    samples = level_sound("a.flac", np.concatenate([quiet(9), song(9)]))
    patches = compute_patches(samples)
    assert is_silent(patches).tolist() == [True] * 3 + [False] * 3
    assert np.isnan(patches[:3]).all()
    np.testing.assert_array_equal(patches[3:], split_patches(compute_logmel(samples))[3:])
    features = Backbones(DEFAULT_BACKBONES).features("music", patches)
    assert np.isnan(features[:3]).all()
    alone = Backbones(DEFAULT_BACKBONES).features("music", patches[3:])
    np.testing.assert_array_equal(features[3:], alone)
    np.testing.assert_array_equal(average_sounding(features), alone.astype(np.float32).mean(axis=0))
    assert np.isnan(average_sounding(features[:3])).all()


def test_harmonic_features_are_those_of_the_sound() -> None:
    music = song(PATCH_SAMPLES * 4 / SAMPLE_RATE)
    samples = level_sound("a.flac", np.concatenate([np.zeros(PATCH_SAMPLES * 12, np.float32), music]))
    rows = choose_music_frontend(MUSICNN_HARMONY)(samples)
    assert is_silent(rows).sum() == 12
    np.testing.assert_array_equal(rows[-1, -1, :WIDTH], compute_harmonic_features(samples[-len(music) :]))
