"""Capture dates in the catalogue of new libraries and of libraries with the first schema."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from attune.embedding.network import Network
from attune.indexer.library import Library
from attune.tests.conftest import run_build
from attune.tests.e2e.command import attune
from attune.tests.media_factory import dated_photo, photo, song

TAKEN = {
    "old.jpg": "1999-12-31T23:59:59",
    "winter.jpg": "2023-01-01T00:00:00",
    "summer.jpg": "2023-07-14T18:20:05",
    "plain.jpg": None,
}


def make_album(folder: Path) -> Path:
    folder.mkdir()
    for seed, (name, taken) in enumerate(TAKEN.items()):
        if taken is None:
            photo(folder / name, seed)
        else:
            dated_photo(folder / name, seed, taken.replace("-", ":").replace("T", " "))
    song(folder / "song.flac", 0, seconds=8.0)
    return folder


def dates(library: Path) -> dict[str, str | None]:
    with Library(library) as opened:
        items = opened.items([item for item, _ in opened.paths("image")])
        return {Path(item.path).name: item.taken for item in items.values()}


def to_first_schema(library: Path) -> None:
    """Change a library to the first schema."""
    with closing(sqlite3.connect(library / "catalogue.db")) as connection:
        for column in ("taken", "features_crc", "seal"):
            connection.execute(f"ALTER TABLE items DROP COLUMN {column}")
        connection.execute("ALTER TABLE embeddings DROP COLUMN seal")
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
        connection.commit()


def test_a_build_keeps_dates_and_readers_find_by_them(tmp_path: Path, network: Network) -> None:
    library = tmp_path / "library"
    run_build(library, network, make_album(tmp_path / "album"))
    assert dates(library) == TAKEN
    with Library(library) as opened:
        names = {item: Path(path).name for item, path in opened.paths("image")}

        def taken(first: str | None, after: str | None) -> set[str]:
            return {names[item] for item in opened.ids_by_capture_date(first, after)}

        assert taken(None, None) == {"old.jpg", "winter.jpg", "summer.jpg"}
        assert taken("2023", None) == {"winter.jpg", "summer.jpg"}
        assert taken("2023", "2023-07-14") == {"winter.jpg"}
        assert taken(None, "2023") == {"old.jpg"}


def test_the_next_build_dates_an_older_library(tmp_path: Path, network: Network) -> None:
    library, album = tmp_path / "library", make_album(tmp_path / "album")
    run_build(library, network, album)
    to_first_schema(library)
    (album / "old.jpg").rename(tmp_path / "away.jpg")
    (tmp_path / "away.jpg").rename(album / "moved.jpg")

    report = run_build(library, network)
    assert report.unchanged == 4 and report.moved == 1 and report.added == report.changed == 0
    assert dates(library) == {("moved.jpg" if k == "old.jpg" else k): v for k, v in TAKEN.items()}


@pytest.mark.slow
def test_the_command_takes_an_older_library(tmp_path: Path, network: Network) -> None:
    library, album = tmp_path / "library", make_album(tmp_path / "album")
    run_build(library, network, album)
    to_first_schema(library)
    refused = attune("status", library=library)
    assert refused.returncode == 1
    assert "run `attune build-index` once" in refused.stderr
    assert "older" in attune("build-index", "--dry-run", library=library).stderr
    built = attune("build-index", library=library)
    assert built.returncode == 0, built.stderr
    assert "5 unchanged" in built.stdout
    assert dates(library) == TAKEN


def test_dates_are_looked_for_once(tmp_path: Path, network: Network) -> None:
    library, album = tmp_path / "library", make_album(tmp_path / "album")
    run_build(library, network, album)
    with closing(sqlite3.connect(library / "catalogue.db")) as connection:
        unknown = "SELECT count(*) FROM items WHERE kind = 'image' AND taken IS NULL"
        assert connection.execute(unknown).fetchone() == (0,)
