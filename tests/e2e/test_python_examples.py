"""The examples of docs/python.md, docs/export.md and examples/ run, in a folder with the samples."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from attune.retrieval.demo import SAMPLES
from attune.tests.e2e.command import attune
from attune.tests.media_factory import photo, song

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
@pytest.mark.parametrize(("page", "fewest"), [("python.md", 20), ("export.md", 12)])
def test_the_documented_examples_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, page: str, fewest: int
) -> None:
    monkeypatch.chdir(folder)
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    examples = doctest.DocTestParser().get_doctest(text, {}, page, f"docs/{page}", 0)
    assert len(examples.examples) > fewest
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


@pytest.fixture(scope="module")
def labelled(folder: Path) -> Path:
    """Return a folder with pictures and songs of two quadrants."""
    for place, quadrant in enumerate(("Q1", "Q3")):
        for number in range(6):
            seed = 10 * place + number
            for kind in ("images", "music"):
                (folder / "labelled" / kind / quadrant).mkdir(parents=True, exist_ok=True)
            photo(folder / "labelled" / "images" / quadrant / f"{seed}.jpg", seed)
            song(folder / "labelled" / "music" / quadrant / f"{seed}.flac", seed, seconds=4.0)
    return folder


@pytest.mark.slow
@pytest.mark.torch
def test_a_loss_of_ones_own(labelled: Path) -> None:
    printed = run_example(labelled, "own_loss.py", "labelled/images", "labelled/music")
    assert re.search(r"(?m)^soft ranking +accuracy [01]\.\d{3} ", printed)
    assert re.search(r"(?m)^Attune +accuracy [01]\.\d{3} ", printed)
    assert re.search(r"(?m)^difference +[+-]\d\.\d{3} ", printed)


@pytest.mark.slow
@pytest.mark.torch
def test_an_encoder_of_ones_own(labelled: Path) -> None:
    run_example(labelled, "own_encoder.py", "labelled/images", "labelled/music", "my-network")
    library = labelled / "library"
    built = attune(
        "build-index", labelled / "labelled", "--network", labelled / "my-network", library=library
    )
    assert built.returncode == 0, built.stderr
    assert "12 images and 12 songs" in built.stdout
    assert list((library / "features").glob("color-grid-*.f16"))
