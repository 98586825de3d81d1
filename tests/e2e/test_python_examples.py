"""The examples of docs/python.md and the scripts in examples/ run, in a folder with the samples."""

from __future__ import annotations

import doctest
import os
import subprocess
import sys
from pathlib import Path

import pytest

from attune.retrieval.demo import SAMPLES

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that holds the samples and the examples, as a clone does."""
    folder = tmp_path_factory.mktemp("clone")
    (folder / "samples").symlink_to(SAMPLES)
    (folder / "examples").symlink_to(EXAMPLES)
    return folder


def run_example(folder: Path, name: str, *arguments: str) -> str:
    result = subprocess.run(
        [sys.executable, f"examples/{name}", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT / ".layout")},
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.slow
def test_the_documented_examples_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    examples = doctest.DocTestParser().get_doctest(text, {}, "python.md", "docs/python.md", 0)
    assert len(examples.examples) > 20
    lines: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(examples, out=lines.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(lines)


@pytest.mark.slow
def test_a_playlist_for_an_album(folder: Path) -> None:
    (folder / "album").mkdir()
    for number in (1, 10, 51):
        (folder / "album" / f"{number:03d}.jpg").symlink_to(SAMPLES / "photos" / f"photo-{number:03d}.jpg")
    printed = run_example(
        folder, "album_playlist.py", "album", "samples/music", "album.m3u", "--per-photo", "2"
    )
    assert printed == "6 songs for 3 photos in album.m3u\n"
    songs = [line for line in (folder / "album.m3u").read_text().splitlines() if not line.startswith("#")]
    assert len(set(songs)) == 6 and all((folder / song).exists() for song in songs)


@pytest.mark.slow
def test_moods_to_csv(folder: Path) -> None:
    printed = run_example(folder, "moods_to_csv.py", "moods.csv", "samples")
    assert sum(int(line.split()[0]) for line in printed.splitlines()) == 84 + 24
    assert len((folder / "moods.csv").read_text().splitlines()) == 1 + 84 + 24


@pytest.mark.slow
def test_a_ranking_of_ones_own(folder: Path) -> None:
    printed = run_example(folder, "own_ranking.py", "samples/music/song-21.opus", "samples/photos")
    arousal = [float(line.split()[1]) for line in printed.splitlines()]
    assert len(arousal) == 8 and arousal == sorted(arousal) and arousal[0] < 0 < arousal[-1]
