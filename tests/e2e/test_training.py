"""Tests of training a network on folders of media, by the commands of docs/own-data.md."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attune.tests.e2e.command import attune, attune_json
from attune.tests.media_factory import photo, song

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("own")
    for place, word in enumerate(("positive", "negative")):
        for number in range(6):
            seed = 10 * place + number
            (root / "photos" / word).mkdir(parents=True, exist_ok=True)
            (root / "songs" / word).mkdir(parents=True, exist_ok=True)
            photo(root / "photos" / word / f"{seed}.jpg", seed)
            song(root / "songs" / word / f"{seed}.flac", seed, seconds=4.0)
    (root / "photos" / "negative" / "broken.jpg").write_bytes(b"not a picture")
    return root


def test_folders_become_a_network_that_a_library_uses(folders: Path, tmp_path: Path) -> None:
    network, library = tmp_path / "mine", tmp_path / "library"
    given = ("--images", folders / "photos", "--music", folders / "songs", "--cache", tmp_path / "cache")
    trained = attune("train", *given, "-o", network, "--workers", 2)
    assert trained.returncode == 0, trained.stderr
    assert "1 files were left out" in trained.stderr
    assert "broken.jpg" in trained.stderr
    assert "accuracy" in trained.stdout
    config = json.loads((network / "run" / "config.json").read_text())
    assert config["rows"]["image"] == {"all": 12, "with polarity": 12, "sets": {"photos": 12}}

    built = attune("build-index", folders, "--network", network, "--library", library)
    assert built.returncode == 0, built.stderr
    answer = attune_json("find-images", folders / "songs" / "positive" / "0.flac", library=library)
    assert len(answer["results"]) == 10

    report = attune_json("evaluate", *given[:4], "--system", network)
    assert report["protocol"]["images"] == 12


def test_too_little_is_one_line(folders: Path, tmp_path: Path) -> None:
    images = folders / "photos"
    result = attune(
        "train", "--images", images, "--music", folders / "songs" / "positive", "-o", tmp_path / "n"
    )
    assert result.returncode == 2
    assert len(result.stderr.strip().splitlines()) == 1
    assert "no known layout" in result.stderr
