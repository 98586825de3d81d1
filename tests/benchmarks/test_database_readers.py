"""Readers of a library in PostgreSQL beside a build."""

from __future__ import annotations

from pathlib import Path

import pytest

from attune.benchmarks.database_readers import measure, print_report
from attune.embedding.network import DEFAULT_NETWORK
from attune.indexer.library import LibraryReader
from attune.tests.faults.kill_rounds import build_quietly, examine
from attune.tests.faults.killed_build import make_media, read_content
from attune.tests.faults.library_places import DatabasePlace
from attune.tests.postgres_server import PostgresServer


@pytest.mark.slow
def test_fifty_readers_are_answered_while_a_build_publishes(
    postgres: PostgresServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_media(tmp_path / "media", 140)
    with DatabasePlace(postgres, tmp_path / "features") as place:
        library = place.new()
        build_quietly(library, tmp_path / "media", DEFAULT_NETWORK)
        document = measure(library, 50, 20.0, 5.0, generations=2, processes=2, reader=read_content)
        assert document["errors"] == document["mixed"] == []
        assert (document["asked"], document["failed"]) == (100, 0)
        assert document["published"] == 2
        assert len(document["seen"]) >= 2
        assert 0.0 < document["p50_ms"] <= document["p95_ms"]
        with LibraryReader(library) as opened:
            assert opened.generation.images == 130
            assert len(opened.roots()) == 1
        assert examine(library, must_answer=True) == []
        print_report(document)
        printed = capsys.readouterr().out.splitlines()
        assert printed[0].split() == [
            *("readers", "questions", "failed", "p50", "p95", "p99", "longest", "generations"),
        ]
        assert len(printed) == 2
