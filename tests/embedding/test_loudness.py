"""Loudness by BS.1770: as FFmpeg measures it, and as its gates define it."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from attune.embedding.audio_decoding import SAMPLE_RATE, read_audio
from attune.embedding.loudness import (
    TARGET_LUFS,
    gain_to_target,
    integrate_loudness,
    measure_power,
    to_lufs,
)
from attune.tests.media_factory import tone, tune

SONGS = Path(__file__).resolve().parents[2] / "samples" / "music"


def measure(samples: NDArray[np.float32]) -> float:
    return integrate_loudness(measure_power(samples))


def measure_with_ffmpeg(samples: NDArray[np.float32]) -> float:
    """Return the integrated loudness by FFmpeg's filter `ebur128`."""
    graph = av.filter.Graph()
    rate = str(SAMPLE_RATE)
    source = graph.add(
        "abuffer", sample_rate=rate, sample_fmt="flt", channel_layout="mono", time_base=f"1/{rate}"
    )
    meter, sink = graph.add("ebur128", "metadata=1"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    loudness = float("nan")
    for start in range(0, len(samples), 1600):
        block = np.ascontiguousarray(samples[None, start : start + 1600])
        frame = av.AudioFrame.from_ndarray(block, format="flt", layout="mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE, start
        graph.push(frame)
        while True:
            try:
                found = graph.pull()
            except BlockingIOError:
                break
            loudness = float(found.metadata.get("lavfi.r128.I", loudness))
    return loudness


@pytest.mark.parametrize("name", ["song-01", "song-07", "song-14", "song-22"])
def test_songs_are_as_loud_as_ffmpeg_says(name: str) -> None:
    samples = read_audio(SONGS / f"{name}.opus").samples
    assert measure(samples) == pytest.approx(measure_with_ffmpeg(samples), abs=0.1)


@pytest.mark.parametrize("hertz", [40, 100, 997, 3000, 7000])
def test_tones_are_as_loud_as_ffmpeg_says(hertz: float) -> None:
    samples = tone(hertz, 5.0, SAMPLE_RATE)[:, 0]
    assert measure(samples) == pytest.approx(measure_with_ffmpeg(samples), abs=0.1)


def test_what_is_softer_by_ten_units_is_gated_as_ffmpeg_does() -> None:
    loud = tune(1, 5.0, SAMPLE_RATE)[:, 0]
    for gain in (0.5, 0.2, 0.01, 0.0):
        samples = np.concatenate([loud, np.float32(gain) * loud])
        assert measure(samples) == pytest.approx(measure_with_ffmpeg(samples), abs=0.1)
    assert measure(np.concatenate([loud, 0 * loud])) == pytest.approx(measure(loud), abs=0.2)


def test_a_full_scale_tone_of_997_hertz() -> None:
    assert measure(2 * tone(997, 3.0, SAMPLE_RATE)[:, 0]) == pytest.approx(-3.01, abs=0.05)


@given(st.floats(-30, 30), st.integers(0, 50))
def test_a_gain_moves_loudness_by_as_much(decibels: float, seed: int) -> None:
    samples = tune(seed, 2.0, SAMPLE_RATE)[:, 0]
    louder = (samples * 10 ** (decibels / 20)).astype(np.float32)
    assert measure(louder) == pytest.approx(measure(samples) + decibels, abs=0.01)
    assert measure((louder * gain_to_target(measure(louder))).astype(np.float32)) == pytest.approx(
        TARGET_LUFS, abs=0.01
    )


def test_nothing_above_the_absolute_gate_has_no_loudness() -> None:
    hiss = np.random.default_rng(1).standard_normal(5 * SAMPLE_RATE).astype(np.float32)
    for samples in (0 * hiss, 1e-4 * hiss, hiss[:0]):
        assert measure(np.asarray(samples, np.float32)) == -np.inf
    assert to_lufs(0.0) == -np.inf


def test_less_than_a_block_is_measured_as_one() -> None:
    samples = tone(997, 0.2, SAMPLE_RATE)[:, 0]
    assert measure(samples) == pytest.approx(-9.03, abs=0.1)
