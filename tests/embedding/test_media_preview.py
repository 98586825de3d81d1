"""Thumbnails and waveforms, size limits, and workers that outlive a killed process."""

from __future__ import annotations

import io
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from attune.core.errors import MediaError
from attune.core.settings import Settings
from attune.embedding.audio_decoding import read_audio
from attune.embedding.backbones import DEFAULT_BACKBONES, Backbones
from attune.embedding.decode_pool import DecodeService, ExtractionJob
from attune.embedding.feature_extraction import Limits, extract
from attune.embedding.media_preview import PEAKS, ThumbnailTask, WaveformTask, compute_waveform
from attune.tests.media_factory import damaged, photo, scene, song

LOADED = Backbones(DEFAULT_BACKBONES)


def seen(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


@pytest.mark.parametrize("size", [(1200, 800), (800, 1200), (3000, 40), (100, 60)])
def test_thumbnails_keep_proportions_and_never_grow(tmp_path: Path, size: tuple[int, int]) -> None:
    made = seen(ThumbnailTask(photo(tmp_path / "a.jpg", 1, size), 480).run(LOADED))
    scale = min(1.0, 480 / max(size))
    assert made.size == tuple(max(1, round(side * scale)) for side in size)


def test_thumbnails_are_upright_and_look_like_the_picture(tmp_path: Path) -> None:
    pixels = scene(4, (640, 480))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(pixels)).save(tmp_path / "turned.jpg", quality=95, exif=exif)
    made = seen(ThumbnailTask(tmp_path / "turned.jpg", 480).run(LOADED))
    assert made.size == (480, 360)
    expected = np.asarray(Image.fromarray(pixels).resize((480, 360)), np.float32)
    assert np.abs(np.asarray(made.convert("RGB"), np.float32) - expected).mean() < 6


def test_an_outline_is_loud_where_the_song_is(tmp_path: Path) -> None:
    made = WaveformTask(song(tmp_path / "a.ogg", 3, 6.0)).run(LOADED)
    samples = np.abs(read_audio(tmp_path / "a.ogg").samples)
    edges = np.linspace(0, len(samples), PEAKS + 1).astype(int)
    slow = [samples[a:b].max() for a, b in pairwise(edges)]
    assert np.abs(np.frombuffer(made, np.uint8) - np.array(slow) * 255 / max(slow)).max() <= 1


@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=1500))
def test_any_sound_has_an_outline(values: list[float]) -> None:
    made = np.frombuffer(compute_waveform(np.array(values, np.float32)), np.uint8)
    assert len(made) == min(len(values), PEAKS)
    # Peaks are divided by at least 1e-9, so that the waveform of near silence stays near zero.
    loudest = max(abs(value) for value in values)
    assert abs(int(made.max()) - 255 * min(loudest / 1e-9, 1.0)) <= 0.51


def test_limits_refuse_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="pixels"):
        extract(photo(tmp_path / "a.png", 1), "image", LOADED, Limits(pixels=1000))
    with pytest.raises(MediaError, match="lasts"):
        extract(song(tmp_path / "a.flac", 1, 9.0), "music", LOADED, Limits(seconds=5.0))
    whole = extract(tmp_path / "a.flac", "music", LOADED, Limits(seconds=10.0))
    assert whole.facts.duration_s == pytest.approx(9)


def test_readers_outlive_what_kills_a_worker(tmp_path: Path) -> None:
    readers = DecodeService(Settings(workers=1))
    good = photo(tmp_path / "good.png", 1)
    try:
        first = readers.read(ExtractionJob(good, "image"), DEFAULT_BACKBONES)
        assert first.features.shape == (1, 2528)
        with pytest.raises(MediaError):
            readers.read(ExtractionJob(damaged(tmp_path / "bad.png", "noise"), "image"), DEFAULT_BACKBONES)
        worker = readers._idle.get()
        assert worker is not None
        worker._process.kill()  # as the system does when it runs out of memory
        worker._process.wait()
        readers._idle.put(worker)
        assert seen(readers.read(ThumbnailTask(good, 100), DEFAULT_BACKBONES)).size == (100, 75)
    finally:
        readers.close()
