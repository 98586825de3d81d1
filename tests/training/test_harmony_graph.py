"""The conversion of musicnn with harmonic features reproduces the shipped file, byte for byte."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from attune.embedding.backbones import MUSICNN_HARMONY, MUSICNN_MSD
from attune.training.convert import musicnn_msd_harmony


def test_the_conversion_writes_the_shipped_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    again = tmp_path / "again.onnx"
    monkeypatch.setattr(musicnn_msd_harmony, "MUSIC_AND_HARMONY_FILE", again)
    musicnn_msd_harmony.main()
    assert hashlib.sha256(again.read_bytes()).hexdigest() == MUSICNN_HARMONY.sha256
    assert again.read_bytes() == MUSICNN_HARMONY.path.read_bytes()
    assert hashlib.sha256(MUSICNN_MSD.path.read_bytes()).hexdigest() == MUSICNN_MSD.sha256
