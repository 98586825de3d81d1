"""The log-mel spectrogram by torchaudio equals that of the runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attune.embedding.backbones import DEFAULT_BACKBONES, Backbones, compute_patches
from attune.embedding.feature_extraction import extract, extract_in_batches, pass_through, read_media
from attune.embedding.image_geometry import DEFAULT_IMAGE_SPEC
from attune.tests.media_factory import song
from attune.training.spectrograms import TOLERANCE, TorchSpectrogram, create_spectrogram

pytestmark = pytest.mark.torch

SECOND = 16_000


@settings(max_examples=20, deadline=None)
@given(
    seconds=st.floats(0.5, 7.0),
    loudness=st.floats(-6.0, 0.0),
    hertz=st.floats(20.0, 7900.0),
    noise=st.floats(0.0, 1.0),
    seed=st.integers(0, 99),
)
def test_torchaudio_equals_the_runtime(
    seconds: float, loudness: float, hertz: float, noise: float, seed: int
) -> None:
    count = int(seconds * SECOND)
    tone = np.sin(2 * np.pi * hertz * np.arange(count) / SECOND)
    hiss = np.random.default_rng(seed).normal(0, 0.2, count)
    samples = np.clip(10.0**loudness * ((1 - noise) * tone + noise * hiss), -1, 1).astype(np.float32)
    expected = compute_patches(samples)
    found = TorchSpectrogram("cpu")(samples)
    assert (found.shape, found.dtype) == (expected.shape, np.float32)
    assert np.abs(found - expected).max() < TOLERANCE


def test_features_by_torchaudio_are_those_of_the_runtime(tmp_path: Path) -> None:
    path = song(tmp_path / "song.flac", 3, seconds=9.0)
    backbones = Backbones(DEFAULT_BACKBONES)
    prepared = [read_media(path, "music", DEFAULT_IMAGE_SPEC, pass_through)]
    (found,) = extract_in_batches(prepared, backbones, TorchSpectrogram("cpu"))
    expected = extract(path, "music", backbones)
    np.testing.assert_allclose(found.features, expected.features, atol=0.02, rtol=0.02)  # type: ignore[union-attr]


def test_a_gpu_is_used_only_where_it_is_wanted_and_there() -> None:
    assert create_spectrogram("cpu") is None
    assert (create_spectrogram("cuda") is not None) == torch.cuda.is_available()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_too() -> None:
    samples = np.random.default_rng(0).normal(0, 0.2, 5 * SECOND).astype(np.float32)
    torch.use_deterministic_algorithms(True)  # as during training
    try:
        spectrogram = create_spectrogram("cuda")
        assert spectrogram is not None
        assert np.abs(spectrogram(samples) - compute_patches(samples)).max() < TOLERANCE
    finally:
        torch.use_deterministic_algorithms(False)
