"""`attune benchmark pipeline` on real files, which leaves a real library."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attune import cli
from attune.embedding.network import DEFAULT_NETWORK
from attune.indexer.library import read_status
from attune.tests.media_factory import photo, song


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    for name in ("photos", "songs"):
        (tmp_path / name).mkdir()
    for place in range(3):
        photo(tmp_path / "photos" / f"{place}.jpg", place)
    song(tmp_path / "songs" / "one.wav", 1)
    folders = ["--images", str(tmp_path / "photos"), "--music", str(tmp_path / "songs")]
    return ["benchmark", "pipeline", *folders, "--workers", "1", "-q"]


@pytest.mark.slow
def test_phases_of_a_build_are_timed_beside_the_floor(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library = tmp_path / "library"
    assert cli.run([*command, "--library", str(library), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    generation = read_status(library).generation
    assert generation is not None
    assert (generation.images, generation.music) == (3, 1)
    assert [(phase["name"], phase["files"]) for phase in document["phases"]] == [
        ("images", 3),
        ("music", 1),
        ("refresh, nothing changed", 4),
        ("another network", 4),
    ]
    assert generation.network_source == DEFAULT_NETWORK
    for phase in document["phases"]:
        assert phase["files_per_s"] == pytest.approx(phase["files"] / phase["seconds"])
    assert document["library_bytes"] > 0
    for floor in document["floor"]:
        assert floor["decode_ms"] > 0
        assert floor["network_ms"] > 0


def test_a_library_that_exists_is_left_alone(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run([*command, "--library", str(tmp_path)]) == 2
    assert "exists" in capsys.readouterr().err


@pytest.mark.slow
def test_the_table_names_the_phases(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(command) == 0
    table = capsys.readouterr().out
    for words in ("decode ms", "share of floor", "refresh, nothing changed", "library on disk"):
        assert words in table
