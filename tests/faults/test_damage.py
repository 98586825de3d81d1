"""Flipped bits, truncated and deleted files in every part of a library are found and repaired."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune.core.errors import DamagedLibrary, LibraryError
from attune.core.library_address import DatabaseAddress, LibraryAddress
from attune.core.progress import SilentProgress
from attune.core.settings import Settings
from attune.embedding.network import Network, open_network
from attune.indexer.build import BuildRequest, build
from attune.indexer.catalogue_tables import metadata
from attune.indexer.generations import KINDS
from attune.indexer.library import LibraryReader, read_published_generation
from attune.indexer.repair import RepairReport, repair
from attune.indexer.salvage import salvage
from attune.indexer.verify import verify
from attune.tests.conftest import copy_database, folder_of, run_build
from attune.tests.e2e.command import attune, attune_json
from attune.tests.faults.kill_rounds import examine, read_contents
from attune.tests.media_factory import photo, song
from attune.tests.postgres_server import PostgresServer

PARTS = ("catalogue.db", "index/1/images.faiss", "index/1/music.faiss", "index/1/manifest.json", "features")
PHOTOS = 40
SONGS = 2


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, network: Network) -> Path:
    """Folder with a library and real media files."""
    folder = tmp_path_factory.mktemp("base")
    (folder / "media" / "below").mkdir(parents=True)
    for seed in range(PHOTOS):
        photo(folder / "media" / ("below" if seed % 2 else ".") / f"{seed:02d}.jpg", seed, (48, 32))
    for seed in range(SONGS):
        song(folder / "media" / f"{seed}.flac", seed, seconds=4.0)
    run_build(folder / "library", network, folder / "media")
    return folder


@pytest.fixture
def library(base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(base / "library", tmp_path / "library"))


@pytest.fixture(scope="module")
def base_database(base: Path, network: Network, postgres: PostgresServer) -> str:
    """Name of a database with a library of the same media files, to be copied."""
    name = postgres.create_database()
    run_build(DatabaseAddress(postgres.address(name)), network, base / "media")
    return name


@pytest.fixture
def either_library(library_kind: str, request: pytest.FixtureRequest) -> LibraryAddress:
    """A copy of the library, in a folder or in a database."""
    if library_kind == "folder":
        return Path(request.getfixturevalue("library"))
    return copy_database(request.getfixturevalue("postgres"), request.getfixturevalue("base_database"))


def file_of(library: LibraryAddress, part: str) -> Path:
    if part == "features":
        return next((folder_of(library) / part).glob("eff*"))
    assert isinstance(library, Path)
    return library / part


def repair_library(library: LibraryAddress) -> RepairReport:
    return repair(library, None, Settings(workers=1), SilentProgress())


def test_a_sound_library_is_left_as_it_is(library: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in library.rglob("*.f*")}
    findings = verify(library, SilentProgress())
    assert (findings.damage, findings.images, findings.music) == ([], PHOTOS, SONGS)
    assert repair_library(library).report is None
    assert {path: path.stat().st_mtime_ns for path in library.rglob("*.f*")} == before


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("damage", ["flip", "cut", "delete"])
def test_damage_is_noticed_and_mended(library: Path, part: str, damage: str) -> None:
    before = read_contents(library)
    path = file_of(library, part)
    if damage == "delete":
        path.unlink()
    elif damage == "cut":
        os.truncate(path, path.stat().st_size // 2)
    else:
        data = bytearray(path.read_bytes())
        data[_somewhere(part, path, data)] ^= 4
        path.write_bytes(data)
    findings = verify(library, SilentProgress())
    damaged_part = "index" if part.startswith("index") else part.split(".")[0]
    assert {one.part for one in findings.damage} == {damaged_part}
    if damaged_part == "index":  # it is derived from the catalogue, so its damage must not make a search fail
        with LibraryReader(library) as opened:
            assert len(opened.search("image")) == PHOTOS
    repaired = repair_library(library)
    assert repaired.after.damage == []
    if not (part == "catalogue.db" and damage == "delete"):  # the followed folders are lost with it
        assert read_contents(library).keys() == before.keys()
        assert read_contents(library) == before
        assert examine(library, must_answer=True) == []


def _somewhere(part: str, path: Path, data: bytearray) -> int:
    """Return the position of a byte that is in use; a database file also has unused space."""
    if part != "catalogue.db":
        return len(data) // 2
    connection = sqlite3.connect(path)
    vector = connection.execute("SELECT vector FROM embeddings WHERE item = 7").fetchone()[0]
    connection.close()
    return data.index(vector) + 100


def test_every_flipped_bit_of_the_rows_is_noticed(library: Path) -> None:
    """SQLite does not notice a flipped bit inside an embedding or a path."""
    draw = random.Random(3)
    path = library / "catalogue.db"
    whole = path.read_bytes()
    with sqlite3.connect(path) as connection:
        vectors = [row[0] for row in connection.execute("SELECT vector FROM embeddings")]
        paths = [row[0] for row in connection.execute("SELECT path FROM items")]
    connection.close()
    for value in [*draw.sample(vectors, 5), *draw.sample(paths, 5)]:
        at = whole.index(value) + draw.randrange(len(value))
        data = bytearray(whole)
        data[at] ^= 1 << draw.randrange(8)
        path.write_bytes(data)
        assert verify(library, SilentProgress()).damage, at


@pytest.mark.slow
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_catalogue_damaged_anywhere_never_gives_a_wrong_answer_after_repair(
    base: Path, network_folder: Path, seed: int
) -> None:
    draw = random.Random(seed)
    library = base / f"damaged-{seed}"
    shutil.rmtree(library, ignore_errors=True)
    shutil.copytree(base / "library", library)
    path = library / "catalogue.db"
    data = bytearray(path.read_bytes())
    for _ in range(draw.choice((1, 5, 50))):
        at = draw.randrange(len(data))
        length = min(draw.choice((1, 16, 4096)), len(data) - at)
        data[at : at + length] = draw.randbytes(length)
    path.write_bytes(data)
    try:
        repaired = repair(library, str(network_folder), Settings(workers=1), SilentProgress())
        assert repaired.after.damage == []
        if read_published_generation(library) is not None and repaired.report is not None:
            whole, mended = read_contents(base / "library"), read_contents(library)
            if repaired.recovered is not None and repaired.recovered.roots:  # other roots may be lost
                whole = {path: seen for path, seen in whole.items() if path in mended}
            assert mended == whole
            assert examine(library, must_answer=True) == []
    finally:
        shutil.rmtree(library)


def test_rows_are_read_from_pages_that_no_tree_holds(library: Path) -> None:
    """The root page of every table is lost, but the pages with the rows are intact."""
    path = library / "catalogue.db"
    columns = _columns(path)
    data = bytearray(path.read_bytes())
    data[:4096] = bytes(4096)
    path.write_bytes(data)
    with pytest.raises(DamagedLibrary, match="attune repair"):
        LibraryReader(library)
    found = salvage(path, columns)
    assert len(found.items) == len(found.embeddings) == PHOTOS + SONGS
    assert len(found.roots) == 1
    repaired = repair_library(library)
    assert repaired.recovered is not None
    assert (repaired.recovered.items, repaired.recovered.roots) == (PHOTOS + SONGS, [])
    assert repaired.after.damage == []
    assert repaired.report is not None
    assert repaired.report.unchanged == PHOTOS + SONGS
    assert repaired.recovered.kept_at is not None
    assert (repaired.recovered.kept_at / "catalogue.db").read_bytes() == bytes(data)


def _columns(path: Path) -> dict[str, list[str]]:
    connection = sqlite3.connect(path)
    names = {
        table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        for table in metadata.tables
    }
    connection.close()
    return names


def test_rows_in_the_log_of_a_killed_build_are_salvaged(library: Path, base: Path) -> None:
    path = library / "catalogue.db"
    writer = sqlite3.connect(path)
    writer.execute("PRAGMA wal_autocheckpoint = 0")
    writer.execute("UPDATE items SET removed = 1 WHERE id = 1")
    writer.commit()
    log = path.with_name("catalogue.db-wal").read_bytes()
    data = bytearray(path.read_bytes())
    columns = _columns(path)
    writer.close()
    data[:100] = bytes(100)
    path.write_bytes(data)
    path.with_name("catalogue.db-wal").write_bytes(log)
    path.with_name("catalogue.db-shm").unlink(missing_ok=True)
    assert salvage(path, columns).items[1]["removed"] == 1


def test_items_whose_root_was_lost_are_not_taken_for_gone(library: Path) -> None:
    with sqlite3.connect(library / "catalogue.db") as connection:
        connection.execute("DELETE FROM roots")
    connection.close()
    data = bytearray((library / "catalogue.db").read_bytes())
    data[:100] = bytes(100)
    (library / "catalogue.db").write_bytes(data)
    repaired = repair_library(library)
    assert repaired.report is not None
    assert (repaired.report.removed, repaired.after.images) == (0, PHOTOS)


def test_damaged_features_of_missing_files_stay_and_are_reported(
    base: Path, either_library: LibraryAddress
) -> None:
    path = file_of(either_library, "features")
    data = bytearray(path.read_bytes())
    data[10] ^= 1
    path.write_bytes(data)
    (base / "media").rename(base / "unplugged")
    try:
        repaired = repair_library(either_library)
        with LibraryReader(either_library) as opened:
            assert [len(opened.ids(kind)) for kind in KINDS] == [PHOTOS, SONGS]
        assert [one.part for one in repaired.after.damage] == ["features"]
    finally:
        (base / "unplugged").rename(base / "media")
    assert repair_library(either_library).after.damage == []


def test_damaged_features_are_neither_embedded_again_nor_copied(
    base: Path, either_library: LibraryAddress, other_network: Network
) -> None:
    path = file_of(either_library, "features")
    data = bytearray(path.read_bytes())
    data[10] ^= 1
    path.write_bytes(data)
    progress = SilentProgress()
    report = build(BuildRequest(either_library), other_network, Settings(workers=1), progress)
    assert (report.changed, report.re_embedded) == (1, PHOTOS + SONGS - 1)
    report = build(BuildRequest(either_library), other_network, Settings(workers=1), progress)
    assert (report.added, report.changed) == (0, 0)
    assert verify(either_library, progress).damage == []


@pytest.mark.slow
def test_the_commands_say_what_is_wrong(library: Path) -> None:
    sound = attune("verify", library=library)
    assert (sound.returncode, f"{PHOTOS} images and {SONGS} songs" in sound.stdout) == (0, True)
    (library / "index" / "1" / "music.faiss").write_bytes(b"nothing")
    wrong = attune("verify", library=library)
    assert wrong.returncode == 1
    assert "index: the file for music is missing or damaged" in wrong.stdout
    document = json.loads(attune("verify", "--json", library=library).stdout)
    assert [one["part"] for one in document["damage"]] == ["index"]
    mended = attune_json("repair", library=library)
    assert (mended["damage"], len(mended["mended"])) == ([], 1)
    nothing = attune("verify", library=library / "nowhere")
    assert nothing.returncode == 1
    assert "no library here" in nothing.stderr


@pytest.mark.slow
def test_a_broken_catalogue_names_the_way_out(library: Path, network: Network) -> None:
    (library / "catalogue.db").write_bytes(b"not a database at all" * 1000)
    for command in (["find-images", "x.flac"], ["status"], ["build-index"]):
        output = attune(*command, library=library).stderr
        assert "attune repair" in output or "no such file" in output
        assert len(output.splitlines()) == 1
    with pytest.raises(LibraryError, match="attune repair"):
        run_build(library, network)


def test_values_that_are_no_numbers_do_not_enter_a_library(network: Network) -> None:
    from attune.core.errors import ArtefactError

    features = np.full((1, 2528), np.nan, np.float32)
    with pytest.raises(ArtefactError, match="not finite"):
        open_network(str(network.folder)).embed("image", features)
