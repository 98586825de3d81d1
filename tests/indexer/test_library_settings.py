"""Exclusions and roots: seen, changed and undone, by builds and by the commands for them."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import update

from attune import cli
from attune.core.library_address import LibraryAddress
from attune.core.progress import SilentProgress
from attune.embedding.affect import AFFECT_COLUMNS, Affect
from attune.embedding.network import Network
from attune.indexer.catalogue_tables import compute_embedding_checksum, items
from attune.indexer.folder_store import FolderStore
from attune.indexer.library import LibraryReader, read_status
from attune.indexer.library_store import open_store
from attune.indexer.postgres.postgres_store import PostgresStore
from attune.indexer.sqlite_catalogue import APPLICATION, FIRST_SCHEMA
from attune.indexer.verify import verify
from attune.tests.conftest import only_in_a_folder, run_build
from attune.tests.indexer.test_unreachable_roots import paths_in, read_nothing, small_pictures
from attune.tests.media_factory import scene

OUTSIDE = {"000.png", "001.png", "002.png"}
TRIP = {"2019/trip [a]/000.png", "2019/trip [a]/001.png"}
PRIVATE = {f"private/{number:03d}.png" for number in range(4)}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    small_pictures(folder, 3)
    small_pictures(folder / "private", 4, seed=1)
    small_pictures(folder / "2019" / "trip [a]", 2, seed=2)
    return folder


@pytest.fixture
def followed(library: LibraryAddress, photos: Path, network: Network) -> LibraryAddress:
    """A library of the photos."""
    run_build(library, network, photos)
    return library


@pytest.fixture
def in_folder(tmp_path: Path, photos: Path, network: Network) -> Path:
    """A library of the photos in a folder."""
    run_build(tmp_path / "library", network, photos)
    return tmp_path / "library"


def names_in(library: LibraryAddress, photos: Path) -> set[str]:
    return {os.path.relpath(path, photos) for path in paths_in(library)}


def affect_by_path(library: LibraryAddress) -> dict[str, Affect]:
    with LibraryReader(library) as opened:
        items = opened.items(opened.search("image").sample(1 << 40).tolist())
    return {item.path: item.affect for item in items.values()}


def run(library: LibraryAddress, *arguments: object) -> int:
    return cli.run([*map(str, arguments), "--library", str(library)])


@only_in_a_folder
def test_a_second_exclude_adds_to_the_first(followed: LibraryAddress, photos: Path, network: Network) -> None:
    run_build(followed, network, photos, exclude=("private",))
    run_build(followed, network, photos, exclude=("002.png",))
    run_build(followed, network)
    assert names_in(followed, photos) == {"000.png", "001.png", *TRIP}
    assert [one.pattern for one in read_status(followed).exclusions] == ["private", "002.png"]


def test_what_is_left_out_is_kept_and_back_at_once(
    followed: LibraryAddress, photos: Path, network: Network, capsys: pytest.CaptureFixture[str]
) -> None:
    with LibraryReader(followed) as opened:
        before = {
            item.path: item.affect
            for item in opened.items(opened.search("image").sample(1 << 40).tolist()).values()
        }
    assert run(followed, "exclude", "add", "private/", photos / "2019" / "trip [a]") == 0
    assert "6 files left the library" in capsys.readouterr().out
    assert names_in(followed, photos) == OUTSIDE
    for _ in range(3):  # generations that could be purged
        small_pictures(photos, 3, seed=9 + _)
        run_build(followed, network)
    assert run(followed, "exclude", "remove", "private") == 0
    assert "4 files came back" in capsys.readouterr().out
    assert names_in(followed, photos) == OUTSIDE | PRIVATE
    assert run(followed, "exclude", "remove", photos / "2019" / "trip [a]") == 0
    assert names_in(followed, photos) == OUTSIDE | PRIVATE | TRIP
    after = affect_by_path(followed)
    returned = {str(photos / name) for name in PRIVATE | TRIP}
    assert {path: after[path] for path in returned} == {path: before[path] for path in returned}
    assert read_nothing(followed, network).unchanged == 9
    assert verify(followed, SilentProgress()).damage == []


def test_a_root_can_be_forgotten_and_added_again(
    followed: LibraryAddress,
    photos: Path,
    tmp_path: Path,
    network: Network,
    capsys: pytest.CaptureFixture[str],
) -> None:
    small_pictures(tmp_path / "more", 2, seed=5)
    run_build(followed, network, tmp_path / "more")
    assert run(followed, "roots", "forget", photos) == 0
    assert "9 files left the library" in capsys.readouterr().out
    assert len(paths_in(followed)) == 2
    assert read_nothing(followed, network).removed == 0
    assert run(followed, "roots", "add", photos) == 0
    assert "9 files came back" in capsys.readouterr().out
    assert len(paths_in(followed)) == 11
    assert read_nothing(followed, network).unchanged == 11


def test_a_build_brings_back_what_was_left_out(
    followed: LibraryAddress, photos: Path, network: Network
) -> None:
    run(followed, "roots", "forget", photos)
    (photos / "private" / "000.png").unlink()
    report = read_nothing(followed, network, photos)
    assert (report.restored, report.added, report.copied) == (8, 0, 0)


def test_files_that_changed_while_they_were_left_out_are_read(
    followed: LibraryAddress, photos: Path, network: Network
) -> None:
    run(followed, "exclude", "add", "private")
    changed = small_pictures(photos / "private", 1, seed=7)
    run(followed, "exclude", "remove", "private")
    report = run_build(followed, network)
    assert (report.changed, report.unchanged) == (1, 8)
    assert str(changed[0]) in paths_in(followed)


def test_a_change_of_settings_while_another_network_is_used(
    followed: LibraryAddress, photos: Path, network: Network, other_network: Network
) -> None:
    run(followed, "exclude", "add", "private")
    read_nothing(followed, other_network)
    run(followed, "exclude", "remove", "private")
    assert names_in(followed, photos) == OUTSIDE | PRIVATE | TRIP
    assert verify(followed, SilentProgress()).damage == []


def test_an_ignore_file_travels_with_the_photos(
    followed: LibraryAddress, photos: Path, network: Network
) -> None:
    (photos / ".attuneignore").write_text("# not for others\nprivate/\n/2019/**/001.png\n")
    report = read_nothing(followed, network)
    assert (report.left_out, report.removed) == (5, 0)
    assert names_in(followed, photos) == OUTSIDE | {"2019/trip [a]/000.png"}
    run(followed, "exclude", "add", "002.png")
    run(followed, "exclude", "remove", "002.png")  # brings back nothing of what the file leaves out
    assert names_in(followed, photos) == OUTSIDE | {"2019/trip [a]/000.png"}
    (photos / ".attuneignore").unlink()
    assert read_nothing(followed, network).restored == 5
    assert names_in(followed, photos) == OUTSIDE | PRIVATE | TRIP


@only_in_a_folder
def test_what_is_left_out_by_default_can_be_lifted(
    followed: LibraryAddress, photos: Path, network: Network, capsys: pytest.CaptureFixture[str]
) -> None:
    small_pictures(photos / "@eaDir", 2, seed=6)
    small_pictures(photos / ".hidden", 2, seed=7)
    assert read_nothing(followed, network).added == 0
    run(followed, "exclude", "list")
    assert "@eaDir/  (by default)" in capsys.readouterr().out
    assert run(followed, "exclude", "remove", "@eaDir") == 0
    assert run_build(followed, network).added == 2
    run(followed, "exclude", "list")
    assert "!@eaDir/" in capsys.readouterr().out.splitlines()
    assert run(followed, "exclude", "add", "@eaDir/") == 0
    assert names_in(followed, photos) == OUTSIDE | PRIVATE | TRIP


def test_what_is_said(
    followed: LibraryAddress, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(followed, "exclude", "remove", "elsewhere") == 2
    assert "elsewhere: not left out" in capsys.readouterr().err
    assert run(followed, "roots", "forget", tmp_path) == 2
    assert "not followed" in capsys.readouterr().err
    assert run(tmp_path / "nothing", "exclude", "add", "private") == 1
    assert "no library here" in capsys.readouterr().err
    assert run(followed, "exclude", "add", "*.tiff") == 0
    out = capsys.readouterr().out
    assert "*.tiff: left out" in out and "no file of the library is concerned" in out
    run(followed, "exclude", "add", f"!{photos / 'private'}")
    assert f"!{photos / 'private'}: lifts the rule {photos / 'private'}" in capsys.readouterr().out
    run(followed, "exclude", "remove", f"!{photos / 'private'}")
    run(followed, "exclude", "add", photos / "private")
    run(followed, "roots", "list")
    run(followed, "exclude", "list", "--json")
    out = capsys.readouterr().out
    assert f"{photos}: 5 files" in out
    document = json.loads(out[out.index("{") :])
    assert document["exclusions"] == ["*.tiff", str(photos / "private")]
    run(followed, "status")
    out = capsys.readouterr().out
    assert f"excluded   {photos / 'private'}" in out
    run(followed, "status", "--json")
    assert json.loads(capsys.readouterr().out)["exclusions"] == ["*.tiff", str(photos / "private")]


def test_a_pattern_need_not_be_text(followed: LibraryAddress, photos: Path) -> None:
    name = os.fsdecode(b"odd \xff.png")
    (photos / "000.png").rename(photos / name)
    assert run(followed, "exclude", "add", os.fsdecode(b"*\xff*")) == 0
    assert run(followed, "build-index", "--quiet") == 0
    assert names_in(followed, photos) == {"001.png", "002.png"} | TRIP | PRIVATE
    assert run(followed, "exclude", "remove", os.fsdecode(b"*\xff*")) == 0
    assert run(followed, "build-index", "--quiet") == 0
    assert name in names_in(followed, photos)


@only_in_a_folder
def test_a_pattern_that_matches_nothing_is_said(followed: LibraryAddress, network: Network) -> None:
    report = run_build(followed, network, exclude=("*.tiff", "private"))
    assert [one.pattern for one in report.unused_exclusions] == ["*.tiff"]


SPELLINGS = (
    *("private", "private/", "./photos/private", "photos/private/", "{photos}/private", "{photos}/private//"),
    *(
        "../{here}/photos/private",
        "link/private",
        "PRIVATE",
        "**/private",
        "/private/",
        "file://{photos}/private",
    ),
)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_twelve_spellings_of_one_exclusion(
    spelling: str, tmp_path: Path, photos: Path, in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(photos)
    monkeypatch.chdir(tmp_path)
    text = spelling.format(photos=photos, here=tmp_path.name)
    assert run(in_folder, "build-index", "photos", "--exclude", text, "--quiet") == 0
    assert names_in(in_folder, photos) == OUTSIDE | TRIP
    assert run(in_folder, "exclude", "remove", text) == 0
    assert names_in(in_folder, photos) == OUTSIDE | TRIP | PRIVATE


def make_second_schema(library: Path) -> None:
    """Give a library the tables that the version before this one wrote, with a network of that time."""
    for manifest in (library / "index").glob("*/manifest.json"):
        content = json.loads(manifest.read_text())
        manifest.write_text(json.dumps(content | {"network": "of that time"}))
    with closing(sqlite3.connect(library / "catalogue.db")) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("UPDATE generations SET network = 'of that time'")
        connection.execute("UPDATE embeddings SET network = 'of that time'")
        later = dict.fromkeys(AFFECT_COLUMNS[5:])
        for row in connection.execute("SELECT * FROM embeddings").fetchall():
            seal = compute_embedding_checksum(dict(row) | later)
            connection.execute("UPDATE embeddings SET seal = ? WHERE item = ?", (seal, row["item"]))
        for column in later:
            connection.execute(f"ALTER TABLE embeddings DROP COLUMN {column}")
        connection.execute(f"PRAGMA application_id = {APPLICATION | 2}")
        connection.execute("PRAGMA user_version = 2")
        connection.commit()


def test_a_library_of_the_second_schema_is_embedded_again_from_its_features(
    in_folder: Path, photos: Path, network: Network
) -> None:
    run_build(in_folder, network)
    names = names_in(in_folder, photos)
    make_second_schema(in_folder)
    before = (in_folder / "catalogue.db").read_bytes()
    assert names_in(in_folder, photos) == names
    assert verify(in_folder, SilentProgress()).damage == []
    assert (in_folder / "catalogue.db").read_bytes() == before

    report = read_nothing(in_folder, network)
    assert (report.unchanged, report.re_embedded) == (len(names), len(names))
    assert verify(in_folder, SilentProgress()).damage == []
    assert all(0 < affect.q1 < 1 for affect in affect_by_path(in_folder).values())


def make_first_schema(library: Path, patterns: list[str]) -> None:
    """Give a library the tables of the first schema."""
    with closing(sqlite3.connect(library / "catalogue.db")) as connection:
        for table in ("exclusions", "omissions"):
            connection.execute(f"DROP TABLE {table}")
        for table, column in (
            *(("items", "rating"), ("items", "sidecar_mtime_ns"), ("items", "left_out")),
            *(("roots", "unreachable"), ("roots", "mounts")),
        ):
            connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        connection.execute("ALTER TABLE roots RENAME TO later_roots")
        columns = "path BLOB PRIMARY KEY, exclude TEXT NOT NULL, follow_links BOOLEAN NOT NULL"
        connection.execute(f"CREATE TABLE roots ({columns})")
        exclude = (json.dumps(patterns),)
        connection.execute("INSERT INTO roots SELECT path, ?, follow_links FROM later_roots", exclude)
        connection.execute("DROP TABLE later_roots")
        connection.execute(f"PRAGMA application_id = {APPLICATION | FIRST_SCHEMA}")
        connection.execute(f"PRAGMA user_version = {FIRST_SCHEMA}")
        connection.commit()


def test_a_library_of_the_first_schema_opens_and_is_brought_up_to_date(
    in_folder: Path, photos: Path, network: Network
) -> None:
    run_build(in_folder, network, exclude=("private", "**/2019/*"))
    make_second_schema(in_folder)
    make_first_schema(in_folder, ["private", "2019/*"])
    before = (in_folder / "catalogue.db").read_bytes()
    assert names_in(in_folder, photos) == OUTSIDE
    status = read_status(in_folder)
    assert [(one.pattern, one.root) for one in status.exclusions] == [
        ("private", str(photos)),
        ("**/2019/*", str(photos)),
    ]
    assert verify(in_folder, SilentProgress()).damage == []
    assert (in_folder / "catalogue.db").read_bytes() == before

    assert read_nothing(in_folder, network).unchanged == 3
    assert read_status(in_folder).exclusions == status.exclusions
    assert verify(in_folder, SilentProgress()).damage == []
    assert run(in_folder, "exclude", "remove", "private") == 0
    run_build(in_folder, network)
    assert names_in(in_folder, photos) == OUTSIDE | PRIVATE


def test_a_kill_in_the_middle_of_a_change(
    followed: LibraryAddress, photos: Path, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = names_in(followed, photos)
    with monkeypatch.context() as patch:
        patch.setattr(FolderStore, "make_index", _fail)
        patch.setattr(PostgresStore, "make_index", _fail)
        assert run(followed, "exclude", "add", "private") == 1
    assert names_in(followed, photos) == before  # the last complete generation
    assert verify(followed, SilentProgress()).damage == []
    assert read_nothing(followed, network).removed == 0
    assert names_in(followed, photos) == OUTSIDE | TRIP
    run(followed, "exclude", "remove", "private")
    assert names_in(followed, photos) == before


def _fail(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_the_facts_of_files_are_read_again_when_their_rules_change(
    followed: LibraryAddress, photos: Path, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    exif = Image.Exif()
    exif[0x9003] = "2019/07/04 12:30:00"
    Image.fromarray(scene(40, (16, 12))).save(photos / "dated.jpg", exif=exif)
    run_build(followed, network)
    store = open_store(followed)
    with store.lock(), store.create_catalogue() as catalogue, catalogue.transaction():
        catalogue._tables.execute(update(items).values(facts_version=None))
    damaged = verify(followed, SilentProgress()).damage
    report = read_nothing(followed, network)
    assert (report.unchanged, report.changed, report.copied) == (10, 0, 0)
    assert damaged == verify(followed, SilentProgress()).damage == []
    assert read_nothing(followed, network).generation.id == report.generation.id
