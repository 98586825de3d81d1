"""How often commands open the catalogue, and how much they ask it."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from attune.embedding.media_facts import MediaFacts
from attune.embedding.network import Network
from attune.indexer import sqlite_catalogue
from attune.indexer.catalogue_tables import items
from attune.retrieval.queries import find
from attune.retrieval.search import Filters
from attune.retrieval.seeds import QueryResolver, open_library
from attune.tests.media_factory import photo

COUNT_OPENINGS = """
import sys
opened = []
sys.addaudithook(lambda event, arguments: opened.append(arguments) if event == "sqlite3.connect" else None)
from attune import cli
code = cli.run(sys.argv[1:])
print("opened", len(opened), "sqlalchemy" in sys.modules)
sys.exit(code)
"""


def run_counted(*arguments: object) -> str:
    """Run a command; return the last line that it prints, with the number of openings of the catalogue."""
    command = [sys.executable, "-c", COUNT_OPENINGS, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.slow
def test_a_refresh_opens_the_catalogue_once(tmp_path: Path, own_media: Path, built: Path) -> None:
    library = Path(shutil.copytree(built, tmp_path / "library"))
    photo(own_media / "new.jpg", 99)
    assert run_counted("build-index", own_media, "--library", library, "--workers", 1) == "opened 1 True"
    assert run_counted("build-index", "--library", library, "--workers", 1) == "opened 1 True"


@pytest.mark.slow
def test_a_query_opens_the_catalogue_once_and_needs_no_sqlalchemy(
    media: Path, built: Path, network: Network
) -> None:
    song = media / "song 0.flac"
    assert run_counted("find-images", song, "--library", built) == "opened 1 False"
    assert run_counted("status", "--library", built) == "opened 1 False"
    assert run_counted("match", media / "photo 00.jpg", song, "--library", built) == "opened 1 False"


@pytest.mark.parametrize(
    ("file", "expected"), [("song 0.flac", 3), ("photo 00.jpg", 4)], ids=["find-images", "find-music"]
)
def test_a_query_for_a_known_file_asks_three_questions_and_one_for_moments(
    media: Path, built: Path, monkeypatch: pytest.MonkeyPatch, file: str, expected: int
) -> None:
    questions: list[str] = []
    connect = sqlite_catalogue.connect

    def connect_and_trace(path: Path, mode: str) -> sqlite3.Connection:
        connection = connect(path, mode)
        connection.set_trace_callback(questions.append)
        return connection

    monkeypatch.setattr(sqlite_catalogue, "connect", connect_and_trace)
    library, network = open_library(built, None)
    with library:
        seeds = QueryResolver(library, network)
        answer = find(library, network, seeds, [str(media / file)], Filters(limit=4))
    assert len(answer.results) == 4
    selects = [question for question in questions if question.lstrip().startswith("SELECT")]
    assert len(selects) == expected, selects
    assert len(questions) <= expected + 3  # and the number of the schema


def test_the_columns_are_the_facts() -> None:
    names = {field.name for field in fields(MediaFacts)}
    others = {
        *("id", "kind", "path", "size", "mtime_ns", "backbone", "feature_row", "feature_rows"),
        *("features_crc", "added", "removed", "left_out", "facts_version", "seal"),
    }
    assert {column.name for column in items.c} == names | others
