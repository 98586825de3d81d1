"""Mixing of channels: what a player makes of a layout, and what is left where channels cancel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from attune.embedding.audio_decoding import SAMPLE_RATE, read_audio
from attune.embedding.channel_mixing import MonoMixer, mix_to_stereo
from attune.tests.media_factory import encode, tune

SURROUND = ("FL", "FR", "FC", "LFE", "BL", "BR")
LAYOUTS = (
    ("FL", "FR", "FC"),
    SURROUND,
    ("FL", "FR", "FC", "LFE", "SL", "SR"),
    ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR", "TFL", "TFR", "TBL", "TBR"),
    ("AMBI0", "AMBI1", "AMBI2", "AMBI3"),
    ("NONE", "NONE", "NONE"),
)


def alone(names: tuple[str, ...], name: str) -> NDArray[np.float32]:
    """Return channels, float32 (channels, 1), of which only the named one is not silent."""
    return np.array([[float(one == name)] for one in names], np.float32)


def channel_gains(names: tuple[str, ...], name: str) -> list[float]:
    """Return how loud one channel is on each side, compared with a front one on its own side."""
    reference = mix_to_stereo(alone(names, "FL"), names)[0, 0]
    return [float(side) / float(reference) for side in mix_to_stereo(alone(names, name), names)[:, 0]]


def voices(seconds: float = 3.0, rate: int = 44_100) -> NDArray[np.float32]:
    """Return a different tune on each of six channels, float32 (n, 6)."""
    return np.hstack([tune(seed, seconds, rate) for seed in range(6)])


def test_centre_and_surround_are_three_decibels_softer_on_their_side() -> None:
    root = 0.5**0.5
    assert channel_gains(SURROUND, "FL") == [1, 0]
    assert channel_gains(SURROUND, "FR") == [0, 1]
    assert channel_gains(SURROUND, "FC") == pytest.approx([root, root])
    assert channel_gains(SURROUND, "BL") == pytest.approx([root, 0])
    assert channel_gains(SURROUND, "BR") == pytest.approx([0, root])
    assert channel_gains(SURROUND, "LFE") == [0, 0]


def test_of_ambisonics_the_omnidirectional_channel_is_heard() -> None:
    samples = np.random.default_rng(1).standard_normal((4, 100)).astype(np.float32)
    np.testing.assert_array_equal(mix_to_stereo(samples, LAYOUTS[4]), samples[:1])


@pytest.mark.parametrize("names", [("NONE",) * 3, ("FL", "FR", "XYZ"), ("LFE", "LFE2", "LFE")])
def test_channels_of_an_unknown_place_are_averaged(names: tuple[str, ...]) -> None:
    samples = np.random.default_rng(1).standard_normal((3, 100)).astype(np.float32)
    np.testing.assert_allclose(mix_to_stereo(samples, names)[0], samples.mean(axis=0), atol=1e-6)


@given(st.sampled_from(LAYOUTS), st.integers(0, 2**32 - 1))
def test_a_mix_is_never_louder_than_the_loudest_channel(names: tuple[str, ...], seed: int) -> None:
    samples = np.random.default_rng(seed).uniform(-1, 1, (len(names), 50)).astype(np.float32)
    assert np.abs(mix_to_stereo(samples, names)).max() <= np.abs(samples).max() + 1e-6


def test_a_surround_file_is_heard_by_its_layout(tmp_path: Path) -> None:
    channels = voices()
    path = encode(tmp_path / "a.flac", channels, 44_100)
    root = 0.5**0.5
    left = channels[:, 0] + root * channels[:, 2] + root * channels[:, 4]
    right = channels[:, 1] + root * channels[:, 2] + root * channels[:, 5]
    soundfile.write(tmp_path / "mono.wav", (left + right) / 8, 44_100, subtype="FLOAT")
    heard, expected = (read_audio(tmp_path / name).samples for name in ("a.flac", "mono.wav"))
    assert path.exists()
    assert np.corrcoef(heard, expected)[0, 1] > 0.9999


@pytest.mark.parametrize("suffix", ["flac", "mp3", "opus", "m4a"])
def test_channels_of_opposite_sign_are_heard(tmp_path: Path, suffix: str) -> None:
    mono = tune(1, 4.0, 48_000)
    opposite = encode(tmp_path / f"a.{suffix}", np.hstack([mono, -mono]), 48_000)
    same = encode(tmp_path / f"b.{suffix}", np.hstack([mono, mono]), 48_000)
    heard, expected = read_audio(opposite).samples, read_audio(same).samples
    length = min(len(heard), len(expected))
    # Of two equally loud channels, a lossy codec decides which is louder.
    assert abs(np.corrcoef(heard[:length], expected[:length])[0, 1]) > 0.99


def test_of_cancelling_channels_the_louder_one_is_heard(tmp_path: Path) -> None:
    mono = tune(1, 3.0, SAMPLE_RATE)
    path = encode(tmp_path / "a.wav", np.hstack([0.7 * mono, -mono]), SAMPLE_RATE)
    np.testing.assert_allclose(read_audio(path).samples, -mono[:, 0], atol=1e-3)


@given(st.floats(-1, 1), st.integers(0, 100))
def test_channels_count_as_cancelled_only_if_their_sum_is_13_decibels_down(share: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    left = random.standard_normal(5000).astype(np.float32)
    right = (share * left + (1 - share**2) ** 0.5 * random.standard_normal(5000)).astype(np.float32)
    mixer = MonoMixer()
    mixed = np.concatenate([mixer.average(half) for half in np.split(np.stack([left, right]), 2, axis=1)])
    np.testing.assert_allclose(mixed, (left + right) / 2, atol=1e-5)
    kept = np.mean(mixed**2) / np.mean([left**2, right**2])
    if abs(kept - 0.05) > 1e-3:
        assert mixer.has_cancelled == (kept < 0.05)


def test_mono_never_cancels() -> None:
    mixer = MonoMixer()
    mixer.average(np.zeros((1, 100), np.float32))
    assert not mixer.has_cancelled
