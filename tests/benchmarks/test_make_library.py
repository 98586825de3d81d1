"""`attune benchmark make-library`: files are distinct and readable, and a second run continues the first."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from attune import cli
from attune.benchmarks.make_library import CLIP_S, SIDE
from attune.core.atomic_files import hash_file
from attune.embedding.audio_decoding import read_audio


@pytest.fixture
def sources(tmp_path: Path) -> tuple[Path, Path]:
    photos, songs = tmp_path / "photos", tmp_path / "songs"
    photos.mkdir()
    songs.mkdir()
    for seed in range(3):
        pixels = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((320, 240)).save(photos / f"{seed}.jpg")
    noise = np.random.default_rng(0).standard_normal((75 * 16_000, 1)) * 0.1
    soundfile.write(songs / "long.ogg", noise, 16_000)
    soundfile.write(songs / "short.wav", noise[: 16_000 * 5], 16_000)
    return photos, songs


@pytest.mark.slow
def test_pictures_and_clips_are_distinct_and_readable_and_made_once(
    sources: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, songs = sources
    output = tmp_path / "big"
    command = ["benchmark", "make-library", "--images", str(photos), "--music", str(songs), "-o", str(output)]
    arguments = [*command, "--pictures", "7", "--clips", "3", "--workers", "1", "--json", "-q"]
    assert cli.run(arguments) == 0
    document = json.loads(capsys.readouterr().out)
    pictures, clips = sorted(output.rglob("*.jpg")), sorted(output.rglob("*.mp3"))
    assert (len(pictures), len(clips)) == (7, 3) == (document["images"]["made"], document["music"]["made"])
    assert len({hash_file(path) for path in [*pictures, *clips]}) == 10
    assert {max(Image.open(path).size) for path in pictures} == {SIDE}
    for clip in clips:
        assert read_audio(clip).duration_s == pytest.approx(CLIP_S, abs=0.1)

    pictures[2].unlink()
    before = {path: path.stat().st_mtime_ns for path in [*pictures[:2], *pictures[3:], *clips]}
    assert cli.run(arguments) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["images"]["made"], document["images"]["kept"], document["music"]["made"]) == (1, 6, 0)
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_a_folder_without_photos_is_said(
    sources: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, songs = sources
    command = [
        "benchmark",
        "make-library",
        "--images",
        str(songs),
        "--music",
        str(songs),
        "-o",
        str(tmp_path),
    ]
    assert cli.run(command) == 2
    assert "no pictures in it" in capsys.readouterr().err


def test_pieces_below_a_minute_cannot_be_cut(
    sources: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, songs = sources
    (songs / "long.ogg").unlink()
    command = ["benchmark", "make-library", "--images", str(photos), "--music", str(songs)]
    assert cli.run([*command, "-o", str(tmp_path / "big"), "--pictures", "0"]) == 2
    assert "longer than a minute" in capsys.readouterr().err
