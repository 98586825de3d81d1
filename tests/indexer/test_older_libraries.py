"""Libraries of an older version of Attune: one sentence, and a rebuild that keeps folders and features."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from attune.core.errors import LibraryError, MediaError
from attune.core.progress import SilentProgress
from attune.embedding.network import Network
from attune.indexer import build as build_module
from attune.indexer.build import BuildRequest, plan_build
from attune.indexer.library import LibraryReader, read_status
from attune.indexer.verify import verify
from attune.tests.conftest import PHOTOS, SONGS, run_build
from attune.tests.e2e.command import attune
from attune.tests.media_factory import damaged, photo

OLDER_TABLES = """
CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO alembic_version VALUES ('0003');
CREATE TABLE state (id INTEGER NOT NULL, generation INTEGER NOT NULL, PRIMARY KEY (id));
CREATE TABLE generations (
    id INTEGER NOT NULL, network VARCHAR(16) NOT NULL, network_source TEXT NOT NULL, images INTEGER NOT NULL,
    music INTEGER NOT NULL, published_at FLOAT NOT NULL, PRIMARY KEY (id)
);
CREATE TABLE roots (
    path BLOB NOT NULL, exclude TEXT NOT NULL, follow_links BOOLEAN NOT NULL, PRIMARY KEY (path)
);
CREATE TABLE items (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, kind VARCHAR(5) NOT NULL, path BLOB NOT NULL,
    size BIGINT NOT NULL, mtime_ns BIGINT NOT NULL, content BLOB NOT NULL, duration_s FLOAT, width INTEGER,
    height INTEGER, title TEXT, artist TEXT, backbone VARCHAR(64) NOT NULL, feature_row BIGINT NOT NULL,
    feature_rows INTEGER NOT NULL, added INTEGER NOT NULL, removed INTEGER, taken TEXT, features_crc BIGINT,
    seal BIGINT
);
CREATE INDEX items_path ON items (path);
CREATE INDEX items_content ON items (content);
CREATE INDEX items_size ON items (size);
CREATE INDEX items_removed ON items (removed);
CREATE TABLE embeddings (
    item INTEGER NOT NULL, network VARCHAR(16) NOT NULL, vector BLOB NOT NULL, valence FLOAT NOT NULL,
    arousal FLOAT NOT NULL, positive FLOAT NOT NULL, neutral FLOAT NOT NULL, negative FLOAT NOT NULL,
    moments BLOB, seal BIGINT, PRIMARY KEY (item, network),
    FOREIGN KEY(item) REFERENCES items (id) ON DELETE CASCADE
);
CREATE TABLE skipped (
    path BLOB NOT NULL, size BIGINT NOT NULL, mtime_ns BIGINT NOT NULL, reader TEXT NOT NULL,
    reason TEXT NOT NULL, PRIMARY KEY (path)
);
"""
"""Schema 0003, the last one before there was a single schema."""


def make_older(library: Path) -> None:
    """Give a library the tables and rows that the older version would have written."""
    path = library / "catalogue.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path.rename(library / "newer.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(OLDER_TABLES)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("ATTACH ? AS newer", (str(library / "newer.db"),))
        for table in ("state", "generations", "roots", "items", "embeddings", "skipped"):
            names = ", ".join(row[1] for row in connection.execute(f"PRAGMA main.table_info({table})"))
            connection.execute(f"INSERT INTO main.{table} ({names}) SELECT {names} FROM newer.{table}")
        connection.execute("UPDATE roots SET exclude = '[\"*.gif\"]'")
        # Networks of that time gave less, and have another id.
        connection.execute("UPDATE generations SET network = 'of that time'")
        connection.execute("UPDATE embeddings SET network = 'of that time'")
        connection.execute("UPDATE items SET taken = '' WHERE kind = 'image' AND taken IS NULL")
        connection.commit()
    for left in library.glob("newer.db*"):
        left.unlink()


def left_out(library: Path) -> list[str]:
    return [one.pattern for one in read_status(library).exclusions]


@pytest.fixture
def older(tmp_path: Path, own_media: Path, network: Network) -> Path:
    damaged(own_media / "broken.jpg", "truncated")
    (own_media / "left out.gif").write_bytes(b"GIF89a")
    run_build(tmp_path / "library", network, own_media, exclude=("*.gif",))
    make_older(tmp_path / "library")
    return tmp_path / "library"


def contents(library: Path) -> dict[str, tuple[object, ...]]:
    with LibraryReader(library) as opened:
        ids = [item for kind in ("image", "music") for item, _ in opened.paths(kind)]  # type: ignore[arg-type]
        items = opened.items(ids)
        vectors = opened.vectors(ids)
        return {
            item.path: (item.title, item.duration_s, item.taken, item.width, item.content, vector.tobytes())
            for item, vector in zip((items[one] for one in ids), vectors, strict=True)
        }


def _nothing_is_read(jobs: Iterator[object], *_: object) -> Iterator[MediaError]:
    assert list(jobs) == []
    yield from ()


def test_a_rebuild_keeps_everything_and_reads_no_file(
    tmp_path: Path, own_media: Path, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "library"
    damaged(own_media / "broken.jpg", "truncated")
    run_build(library, network, own_media, exclude=("*.gif",))
    before = contents(library)
    derived = [path for part in ("features", "index") for path in (library / part).rglob("*.f*")]
    files = {path: path.read_bytes() for path in derived}
    assert len(files) == 4
    make_older(library)
    monkeypatch.setattr(build_module, "extract_all", _nothing_is_read)

    report = run_build(library, network, rebuild=True)

    assert (report.unchanged, report.re_embedded, report.added) == (PHOTOS + SONGS, PHOTOS + SONGS, 0)
    assert report.generation is not None
    assert (report.generation.id, report.generation.network) == (2, network.id)  # facts were read again
    assert [Path(skip.path).name for skip in report.skipped] == ["broken.jpg"]
    assert left_out(library) == ["*.gif"]
    assert contents(library) == before
    assert {path: path.read_bytes() for path in files} == files
    assert verify(library, SilentProgress()).damage == []


def test_what_changed_meanwhile_is_read(older: Path, own_media: Path, network: Network) -> None:
    photo(own_media / "photo 00.jpg", 98, (300, 200))
    report = run_build(older, network, rebuild=True)
    assert (report.changed, report.unchanged) == (1, PHOTOS + SONGS - 1)
    assert verify(older, SilentProgress()).damage == []


def test_damage_is_found_and_mended(older: Path, own_media: Path, network: Network) -> None:
    with closing(sqlite3.connect(older / "catalogue.db")) as connection:
        connection.execute("UPDATE items SET width = width + 1 WHERE id = 3")
        connection.execute("UPDATE items SET features_crc = features_crc + 1 WHERE id = 4")
        connection.commit()
    assert run_build(older, network, rebuild=True).changed == 2  # their files are read again
    assert verify(older, SilentProgress()).damage == []
    assert run_build(older, network).unchanged == PHOTOS + SONGS


@pytest.mark.parametrize("version", ["0001", "0002"])
def test_of_a_still_older_one_the_folders_are_kept(older: Path, network: Network, version: str) -> None:
    with closing(sqlite3.connect(older / "catalogue.db")) as connection:
        for column in ("taken", "features_crc", "seal"):
            connection.execute(f"ALTER TABLE items DROP COLUMN {column}")
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
        connection.commit()
    assert run_build(older, network, rebuild=True).added == PHOTOS + SONGS
    assert left_out(older) == ["*.gif"]


def test_without_a_rebuild_it_stays_as_it_is(older: Path, network: Network) -> None:
    before = (older / "catalogue.db").read_bytes()
    for use in (LibraryReader, read_status, lambda path: plan_build(BuildRequest(path, rebuild=True))):
        with pytest.raises(LibraryError, match=r"older version of Attune; `attune build-index --rebuild`"):
            use(older)
    with pytest.raises(LibraryError, match="older version"):
        run_build(older, network)
    assert (older / "catalogue.db").read_bytes() == before


def test_a_kill_during_the_rebuild_leaves_the_older_tables(
    older: Path, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    from attune.indexer import sqlite_writer

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sqlite_writer, "_convert_row", killed)
    with pytest.raises(KeyboardInterrupt):
        run_build(older, network, rebuild=True)
    monkeypatch.undo()
    with pytest.raises(LibraryError, match="older version"):
        LibraryReader(older)
    assert run_build(older, network, rebuild=True).unchanged == PHOTOS + SONGS


@pytest.mark.slow
def test_every_command_says_it_in_one_line(older: Path, own_media: Path) -> None:
    song = next(own_media.glob("song*"))
    for command in (
        ["status"],
        ["find-images", song],
        ["build-index"],
        ["build-index", "--dry-run"],
        ["verify"],
    ):
        done = attune(*command, library=older)
        assert done.returncode == 1, command
        assert "made by an older version of Attune" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    shutil.rmtree(own_media / "below")
    built = attune("build-index", "--rebuild", library=older)
    assert built.returncode == 0, built.stderr
    assert "7 gone" in built.stdout
    assert os.path.exists(older / "features")  # noqa: PTH110
