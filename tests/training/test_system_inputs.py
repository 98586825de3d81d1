"""Inputs of systems: ACP descriptors, log-mel spectrograms and class semantics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from attune.embedding.backbones import DEFAULT_BACKBONES, EFFICIENTNET_LITE0
from attune.tests.media_factory import photo, song
from attune.training import system_inputs
from attune.training.acp_descriptors import PARTS, RATE, describe
from attune.training.conse import SEMANTIC_DIM, ClassSemantics, expand_features
from attune.training.manifest import LabelledRow
from attune.training.system_inputs import load_labelled_features

pytestmark = pytest.mark.torch


def _row(path: Path) -> LabelledRow:
    return LabelledRow(path, "train", "s", path.name, "positive", None, None, None, "")


def test_a_tone_is_the_peak_of_its_chroma_and_of_its_mel_band() -> None:
    time = np.arange(4 * RATE) / RATE
    low, high = (
        describe((0.3 * np.sin(2 * np.pi * pitch * time)).astype(np.float32)) for pitch in (440, 1760)
    )
    assert low.shape == (193,)
    assert low.dtype == np.float32
    for descriptors in (low, high):
        assert descriptors[PARTS.columns("chroma")].argmax() == 9  # A, counted from C
    assert low[PARTS.columns("mel")].argmax() < high[PARTS.columns("mel")].argmax()
    assert PARTS.width == len(low) == 193


def test_silence_and_a_click_are_described() -> None:
    assert np.isfinite(describe(np.zeros(RATE, np.float32))).all()
    assert np.isfinite(describe(np.ones(3, np.float32))).all()


def test_inputs_are_gathered_in_order_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [photo(tmp_path / f"{seed}.png", seed) for seed in range(3)]
    gone = tmp_path / "gone.png"
    rows = [_row(path) for path in (pictures[2], gone, pictures[0])]
    side, skipped = load_labelled_features(
        rows, "image", (EFFICIENTNET_LITE0, "pixels"), tmp_path / "cache", 1
    )
    assert [row.path for row in side.rows] == [pictures[2], pictures[0]]
    assert [error.path for error in skipped] == [gone]
    features = side.features[EFFICIENTNET_LITE0]
    assert features.values.shape == (2, features.layout.width) == (2, 2528 + SEMANTIC_DIM)
    assert features.layout.names == (*EFFICIENTNET_LITE0.layout.names, "meaning")
    assert side.raw["pixels"].shape == (2, 64, 64, 3)
    cached = sorted((tmp_path / "cache").rglob("*.np?"))
    written = {file: file.stat().st_mtime_ns for file in cached}
    again, _ = load_labelled_features(rows, "image", (EFFICIENTNET_LITE0, "pixels"), tmp_path / "cache", 1)
    assert (again.raw["pixels"] == side.raw["pixels"]).all()
    assert {file: file.stat().st_mtime_ns for file in cached} == written
    monkeypatch.setattr(system_inputs, "digest_source", lambda *_: "of a changed source")
    load_labelled_features(rows, "image", (EFFICIENTNET_LITE0, "pixels"), tmp_path / "cache", 1)
    assert len(list((tmp_path / "cache").glob("pixels-*"))) == 2


def test_a_spectrogram_is_silent_after_the_end(tmp_path: Path) -> None:
    short = song(tmp_path / "short.wav", 1, seconds=3.0)
    side, _ = load_labelled_features(
        [_row(short)], "music", ("descriptors", "spectrogram"), tmp_path / "cache", 1
    )
    spectrogram = side.raw["spectrogram"][0].astype(np.float32)
    assert spectrogram.shape == (64, 469)
    seconds = soundfile.info(short).duration
    end = int(seconds / 30 * 469) + 2
    assert (spectrogram[:, end:] == -100).all()
    assert spectrogram[:, : end - 4].max() > -60
    assert side.raw["descriptors"].shape == (1, 193)


def test_meaning_is_what_the_tower_computes_and_ignores_scale_free_noise() -> None:
    features = np.abs(np.random.default_rng(0).normal(size=(5, 2528))).astype(np.float32)
    import torch

    wide = expand_features(features, DEFAULT_BACKBONES["image"])
    assert wide.shape == (5, 2528 + SEMANTIC_DIM)
    assert (wide[:, :2528] == features).all()
    with torch.no_grad():
        np.testing.assert_allclose(wide, ClassSemantics()(torch.from_numpy(features)).numpy(), atol=1e-5)
    # Semantic features are computed from the pooled features alone; the others may change.
    changed = features.copy()
    changed[:, 1280:] += 1
    np.testing.assert_allclose(
        expand_features(changed, DEFAULT_BACKBONES["image"])[:, 2528:], wide[:, 2528:], atol=1e-6
    )
