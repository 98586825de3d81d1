"""Steady hiss is told from everything that may be music."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from attune.embedding.audio_decoding import SAMPLE_RATE, read_audio
from attune.embedding.steady_noise import is_steady_noise
from attune.tests.media_factory import encode, tune

SONGS = sorted((Path(__file__).resolve().parents[2] / "samples" / "music").glob("*.opus"))
SLOPES = {"white": 0.0, "pink": -0.5, "brown": -1.0}
TIMES = np.arange(10 * SAMPLE_RATE) / SAMPLE_RATE


def noise(colour: str, seconds: float, seed: int = 1, rate: int = SAMPLE_RATE) -> NDArray[np.float32]:
    """Return steady noise, float32 (n,), of a standard deviation of 0.05."""
    count = round(seconds * rate)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    spectrum *= np.maximum(np.fft.rfftfreq(count, 1 / rate), 20.0) ** SLOPES[colour]
    samples = np.fft.irfft(spectrum, count)
    return (0.05 * samples / samples.std()).astype(np.float32)


def chord(*hertz: float) -> NDArray[np.float32]:
    return sum(0.1 * np.sin(2 * np.pi * one * TIMES) for one in hertz).astype(np.float32)  # type: ignore[union-attr]


def rain() -> NDArray[np.float32]:
    """Return noise with twenty drops a second."""
    random, samples = np.random.default_rng(1), noise("white", 10)
    drop = np.exp(-np.arange(1600) / 200)
    for start in random.integers(0, len(samples) - 1600, 200):
        samples[start : start + 1600] += 0.3 * random.random() * drop * random.standard_normal(1600)
    return samples


@pytest.mark.parametrize("colour", SLOPES)
@pytest.mark.parametrize("seconds", [4, 10, 60, 600])
def test_noise_of_any_colour_length_and_level_is_found(colour: str, seconds: float) -> None:
    for gain in (1e-3, 1.0, 10.0):
        assert is_steady_noise(np.float32(gain) * noise(colour, seconds))


@pytest.mark.parametrize("colour", SLOPES)
@pytest.mark.parametrize("suffix", ["opus", "mp3", "ogg", "flac"])
def test_noise_stays_noise_in_every_codec(tmp_path: Path, colour: str, suffix: str) -> None:
    samples = noise(colour, 8, rate=48_000)[:, None]
    assert is_steady_noise(read_audio(encode(tmp_path / f"a.{suffix}", samples, 48_000)).samples)


@pytest.mark.parametrize("song", SONGS, ids=lambda path: path.stem)
def test_no_sample_is_hiss(song: Path) -> None:
    assert not is_steady_noise(read_audio(song).samples)


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param(chord(220.0), id="sine"),
        pytest.param(chord(220.0, 277.2, 329.6), id="chord"),
        pytest.param(chord(220.0, 277.2) + noise("white", 10), id="chord in hiss"),
        pytest.param((0.2 * chord(440.0, 554.4) + noise("pink", 10)).astype(np.float32), id="soft chord"),
        pytest.param((0.2 * (TIMES * 55 % 1 - 0.5)).astype(np.float32), id="drone"),
        pytest.param(rain(), id="rain"),
        pytest.param(noise("pink", 10) * (1 + 0.5 * np.sin(TIMES)).astype(np.float32), id="waves"),
        pytest.param(
            np.concatenate([noise("white", 10), 0.3 * noise("white", 10)]).astype(np.float32), id="steps"
        ),
        pytest.param(np.concatenate([noise("white", 10), noise("brown", 10)]), id="another spectrum"),
        pytest.param(np.concatenate([noise("white", 20), tune(1, 10, SAMPLE_RATE)[:, 0]]), id="then a song"),
        pytest.param(np.zeros(10 * SAMPLE_RATE, np.float32), id="silence"),
    ],
)
def test_what_moves_or_has_a_tone_is_no_hiss(samples: NDArray[np.float32]) -> None:
    assert not is_steady_noise(samples)


def test_what_is_too_short_is_not_judged() -> None:
    assert not is_steady_noise(noise("white", 1.5))
    assert not is_steady_noise(noise("white", 1.5)[:0])
