"""`attune benchmark libraries` with real libraries of both kinds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attune import cli
from attune.benchmarks import library_kinds, vector_search
from attune.core.library_address import DatabaseAddress
from attune.embedding.network import Network
from attune.indexer.library_store import open_store
from attune.tests.conftest import run_build


def test_both_kinds_are_measured_and_answer_alike(
    built: Path, database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(vector_search, "_MIN_VECTORS", 2)
    monkeypatch.setattr(library_kinds, "_RANDOM_QUERIES", 20)
    command = ["benchmark", "libraries", database, "--library", str(built), "--size", "2000", "-q"]
    assert cli.run([*command, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [row["library"] for row in document["rows"]] == [
        *("folder", "database", "database, FAISS in memory"),
    ]
    for row in document["rows"]:
        assert row["pictures"] == 2000
        assert [found["recall"] for found in row["queries"].values()] == [1.0, 1.0, 1.0]
    assert document["differing_exact_answers"] == {"2000": {"all": 0, "10 %": 0, "1 %": 0}}
    assert not open_store(DatabaseAddress(database)).exists()
    assert cli.run(command) == 0
    printed = capsys.readouterr().out
    assert "database, FAISS in memory" in printed
    assert "of 20 random queries, which both kinds answer exactly, 0 differ" in printed.replace("\n", " ")


def test_a_database_with_a_library_is_left_alone(
    built: Path, media: Path, database: str, network: Network, capsys: pytest.CaptureFixture[str]
) -> None:
    address = DatabaseAddress(database)
    run_build(address, network, media)
    assert cli.run(["benchmark", "libraries", database, "--library", str(built), "-q"]) == 1
    assert "has a library already" in capsys.readouterr().err
    assert open_store(address).exists()
