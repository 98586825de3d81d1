"""`attune benchmark peers` on real files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attune import cli
from attune.tests.media_factory import photo, song


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    for name in ("photos", "songs"):
        (tmp_path / name).mkdir()
    for place in range(3):
        photo(tmp_path / "photos" / f"{place}.jpg", place)
        song(tmp_path / "songs" / f"{place}.wav", place)
    folders = ["--images", str(tmp_path / "photos"), "--music", str(tmp_path / "songs")]
    return ["benchmark", "peers", *folders, "--sample", "3", "--workers", "1", "-q"]


@pytest.mark.slow
def test_every_way_embeds_the_same_files(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([*command, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    files = {
        kind: [row["files"] for row in document["rows"] if row["kind"] == kind] for kind in ("image", "music")
    }
    assert files["image"] == [3, 3, 3]
    assert files["music"][:2] == [2, 2]
    attune_rates = {row["kind"]: row["files_per_s"] for row in document["rows"] if row["name"] == "Attune"}
    for row in document["rows"]:
        assert row["times"] == pytest.approx(attune_rates[row["kind"]] / row["files_per_s"])


@pytest.mark.slow
def test_the_table_names_the_peers(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(command) == 0
    table = capsys.readouterr().out
    for words in ("Attune", "OpenCLIP", "librosa", "files/s"):
        assert words in table
