"""`attune benchmark growth` with a real catalogue and real index files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attune import cli
from attune.benchmarks import vector_search


def test_publishing_is_timed_as_a_library_grows(
    built: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(vector_search, "_MIN_VECTORS", 2)
    command = ["benchmark", "growth", "--library", str(built), "--size", "2000", "--more", "30", "-q"]
    assert cli.run([*command, "--json"]) == 0
    phases = json.loads(capsys.readouterr().out)["phases"]
    assert [phase["pictures"] for phase in phases] == [2000, 30]
    assert all(phase["seconds"] > 0 for phase in phases)
    assert cli.run(command) == 0
    assert "new pictures in it" in capsys.readouterr().out
