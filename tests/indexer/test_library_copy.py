"""Copying a whole library, also after kills, on full disks and beside readers; and removing one."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attune.cli import run
from attune.core.errors import LibraryError, NothingPublished, ReadOnlyLibrary, UsageError
from attune.core.progress import SilentProgress
from attune.core.settings import Settings
from attune.embedding.network import DEFAULT_NETWORK, open_network
from attune.indexer import library_copy
from attune.indexer.build import BuildRequest, build
from attune.indexer.folder_store import FolderStore
from attune.indexer.library import LibraryReader, read_status
from attune.indexer.library_copy import CopyReport, copy_library
from attune.indexer.locks import acquire_write_lock
from attune.indexer.records import Stamp
from attune.indexer.sqlite_catalogue import APPLICATION
from attune.indexer.sqlite_writer import WritableSqliteCatalogue
from attune.indexer.verify import verify
from attune.tests.faults import killed_build
from attune.tests.faults.kill_rounds import build_quietly, examine, read_contents
from attune.tests.faults.killed_build import KilledBuildSpec, change_media, make_media, read_content
from attune.tests.faults.mounts import grow, read_only, small_disk

BATCH = 64
TABLES = ("state", "generations", "roots", "exclusions", "omissions", "items", "embeddings", "skipped")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A library with something in each table, and its media files; treat both as read-only."""
    folder = tmp_path_factory.mktemp("base")
    library, media = folder / "library", folder / "media"
    make_media(media, 140)
    (media / os.fsdecode(b"\xff.jpg")).write_bytes(b"its name is not UTF-8")
    build_quietly(library, media, DEFAULT_NETWORK)
    change_media(media)
    request = BuildRequest(library, exclude=("13*.jpg",))
    build(request, open_network(DEFAULT_NETWORK), Settings(workers=1), SilentProgress(), read_content)
    with WritableSqliteCatalogue.create(library) as catalogue, catalogue.transaction():
        catalogue.write_skip(Stamp(str(media / "broken.jpg"), 3, 1), "it is broken", "reader")
        catalogue.remove([100], 3)  # by a build that was interrupted
    return library, media


@pytest.fixture
def library(base: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of the library that a test may change."""
    return Path(shutil.copytree(base[0], tmp_path / "library"))


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library_copy, "_PAGE", BATCH)


def copy(source: Path, target: Path) -> CopyReport:
    return copy_library(source, target, SilentProgress())


def read_tables(library: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables; columns are ordered by name."""
    tables = {}
    with closing(sqlite3.connect(library / "catalogue.db")) as connection:
        for table in TABLES:
            names = sorted(row[1] for row in connection.execute(f"PRAGMA table_info({table})"))
            tables[table] = sorted(connection.execute(f"SELECT {','.join(names)} FROM {table}"), key=repr)
    return tables


def read_features(library: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (library / "features").iterdir()}


def hash_files(folder: Path) -> dict[str, str]:
    """The files of a folder, without those that a reader or a lock may leave."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("lock", "catalogue.db-shm", "catalogue.db-wal", "2")
    }


def require_equal(source: Path, target: Path) -> None:
    assert read_tables(target) == read_tables(source)
    assert read_features(target) == read_features(source)
    assert examine(target, must_answer=True) == []
    assert verify(target, SilentProgress()).damage == []


@pytest.mark.usefixtures("small_batches")
def test_a_copy_and_the_copy_of_it_are_the_library(base: tuple[Path, Path], tmp_path: Path) -> None:
    library, _ = base
    there = copy(library, tmp_path / "there")
    back = copy(tmp_path / "there", tmp_path / "back")
    for target, report in ((tmp_path / "there", there), (tmp_path / "back", back)):
        require_equal(library, target)
        assert (report.findings.damage, report.was_complete) == ([], False)
        assert report.rows == sum(len(read_tables(library)[name]) for name in ("items", "embeddings"))
        assert report.feature_bytes == sum(map(len, read_features(library).values()))
        before, after = read_status(library), read_status(target)
        assert (after.generation, after.roots, after.exclusions, after.omissions, after.skipped) == (
            *(before.generation, before.roots, before.exclusions, before.omissions, before.skipped),
        )
        with LibraryReader(library) as one, LibraryReader(target) as other:
            query = np.random.default_rng(1).normal(size=128).astype(np.float32)
            for found, expected in zip(
                other.nearest("image", query, 20), one.nearest("image", query, 20), strict=True
            ):
                assert np.array_equal(found, expected)


def test_a_copy_is_built_on_as_the_library_is(base: tuple[Path, Path], tmp_path: Path) -> None:
    library, _ = base
    original, copied = Path(shutil.copytree(library, tmp_path / "original")), tmp_path / "copied"
    copy(library, copied)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "new.jpg").write_bytes(b"a new one")
    reports = [build_quietly(place, tmp_path / "new", DEFAULT_NETWORK) for place in (original, copied)]
    assert reports[0].added == reports[1].added == 1
    assert read_contents(original) == read_contents(copied)
    assert max(row[0] for row in ids(copied)) == max(row[0] for row in ids(original))


def ids(library: Path) -> list[tuple[int]]:
    with closing(sqlite3.connect(library / "catalogue.db")) as connection:
        return list(connection.execute("SELECT id FROM items"))


def test_a_complete_copy_is_left_alone(base: tuple[Path, Path], tmp_path: Path) -> None:
    copy(base[0], tmp_path / "copy")
    before = hash_files(tmp_path / "copy")
    with LibraryReader(tmp_path / "copy") as reader:
        report = copy(base[0], tmp_path / "copy")
        assert (report.was_complete, report.rows, report.feature_bytes) == (True, 0, 0)
        assert len(reader.search("image")) == reader.generation.images
    assert hash_files(tmp_path / "copy") == before


def test_another_library_is_refused_and_untouched(base: tuple[Path, Path], tmp_path: Path) -> None:
    library, _ = base
    other = tmp_path / "other"
    make_media(tmp_path / "media", 20)
    build_quietly(other, tmp_path / "media", DEFAULT_NETWORK)
    later = Path(shutil.copytree(library, tmp_path / "later"))
    build_quietly(later, tmp_path / "media", DEFAULT_NETWORK)
    lost = Path(shutil.copytree(library, tmp_path / "lost"))
    for file in lost.glob("catalogue.db*"):
        file.unlink()
    for target in (other, later, lost):
        before = hash_files(target)
        with pytest.raises(LibraryError, match=r"holds another library.*`attune library remove` first"):
            copy(library, target)
        assert hash_files(target) == before


def test_a_first_build_that_was_interrupted_is_another_library(library: Path, tmp_path: Path) -> None:
    with WritableSqliteCatalogue.create(library) as catalogue, catalogue.transaction():
        catalogue._tables.exec_driver_sql("DELETE FROM state")
        catalogue._tables.exec_driver_sql("DELETE FROM generations")
    copied = tmp_path / "copied"
    with pytest.raises(NothingPublished, match="its first build was not finished"):
        copy(library, copied)
    assert not copied.exists()
    make_media(tmp_path / "media", 20)
    build_quietly(tmp_path / "other", tmp_path / "media", DEFAULT_NETWORK)
    before = hash_files(library)
    with pytest.raises(LibraryError, match="holds another library"):
        copy(tmp_path / "other", library)
    assert hash_files(library) == before


def test_places_of_the_library_itself_are_refused(library: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(library)
    for target in (library, tmp_path / "link", library / "index" / "copy"):
        with pytest.raises(UsageError, match="name another place"):
            copy(library, target)
    with pytest.raises(LibraryError, match="no library here"):
        copy(tmp_path / "none", tmp_path / "copy")
    assert not (tmp_path / "none").exists()
    assert not (library / "index" / "copy").exists()


def test_both_libraries_are_locked(library: Path, tmp_path: Path) -> None:
    class Watcher(SilentProgress):
        def start(self, description: str, total: int | None) -> None:
            if description == "copying rows":
                for locked in (library, tmp_path / "copy"):
                    with pytest.raises(LibraryError, match="another build"), acquire_write_lock(locked):
                        pass
                    with pytest.raises(LibraryError, match="another build"):
                        FolderStore(locked).remove()
                with pytest.raises(NothingPublished, match="run the same `attune library copy` again"):
                    LibraryReader(tmp_path / "copy")
                seen.append(description)

    seen: list[str] = []
    copy_library(library, tmp_path / "copy", Watcher())
    assert seen
    for locked in (library, tmp_path / "copy"):
        with acquire_write_lock(locked), pytest.raises(LibraryError, match="another build"):
            copy(library, tmp_path / "copy")


class Stopper(SilentProgress):
    """Raises an error after some steps."""

    def __init__(self, steps: int, error: type[BaseException] = KeyboardInterrupt) -> None:
        self._left = steps
        self._error = error

    def advance(self, steps: int = 1) -> None:
        self._left -= 1
        if self._left == 0:
            raise self._error


@pytest.mark.usefixtures("small_batches")
def test_an_interrupted_copy_continues_and_nothing_else_uses_it(
    base: tuple[Path, Path], tmp_path: Path
) -> None:
    library, media = base
    target = tmp_path / "copy"
    with pytest.raises(KeyboardInterrupt):
        copy_library(library, target, Stopper(3))
    kept = len(ids(target))
    assert kept == 3 * BATCH
    with pytest.raises(NothingPublished, match="copy into it was not finished"):
        LibraryReader(target)
    with pytest.raises(LibraryError, match="copy into it was not finished"):
        build_quietly(target, media, DEFAULT_NETWORK)
    assert "unfinished copy" in verify(target, SilentProgress()).damage[0].detail
    report = copy(library, target)
    assert report.rows == sum(len(read_tables(library)[name]) for name in ("items", "embeddings")) - kept
    require_equal(library, target)


@pytest.mark.usefixtures("small_batches")
def test_an_unfinished_copy_of_another_state_is_refused(library: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    with pytest.raises(KeyboardInterrupt):
        copy_library(library, target, Stopper(3))
    with WritableSqliteCatalogue.create(library) as catalogue, catalogue.transaction():
        catalogue.remove([1], 3)
    before = read_tables(target)
    with pytest.raises(LibraryError, match="another state of this one"):
        copy(library, target)
    assert read_tables(target) == before


def test_features_that_a_power_cut_damaged_are_written_again(library: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    copy(library, target)
    with WritableSqliteCatalogue.create(target) as catalogue, catalogue.transaction():
        catalogue._tables.exec_driver_sql("DELETE FROM state")
    files = sorted((target / "features").iterdir())
    files[0].write_bytes(bytes(files[0].stat().st_size))  # of a hole that was never filled
    files[1].write_bytes(files[1].read_bytes() + b"too long")
    report = copy(library, target)
    assert (report.rows, report.was_complete) == (0, False)
    require_equal(library, target)


@pytest.fixture(scope="module")
def steps(base: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names of the steps of a copy that is not disturbed."""
    folder = tmp_path_factory.mktemp("steps")
    spec = KilledBuildSpec(folder / "copy", folder / "copy", base[0], "", folder / "steps")
    assert _run_copy(spec) == 0
    return spec.log.read_text().splitlines()


def _run_copy(spec: KilledBuildSpec) -> int | None:
    context = get_context("forkserver")
    context.set_forkserver_preload(
        ["attune.tests.faults.killed_build", "attune.indexer.library_copy", "faiss", "sqlalchemy"]
    )
    process = context.Process(target=killed_build.run_copy, args=(spec, BATCH))
    process.start()
    process.join(120)
    return process.exitcode


def _choose_kills(steps: list[str]) -> Iterator[tuple[int, bool]]:
    """Yield the first and last of the steps of each name, for a kill and for a power cut."""
    for name in sorted(set(steps)):
        places = [place for place, one in enumerate(steps, 1) if one == name]
        for place in sorted({places[0], places[-1]}):
            yield place, False
        yield places[len(places) // 2], True


@pytest.mark.slow
@pytest.mark.usefixtures("small_batches")
def test_a_copy_that_is_killed_continues(base: tuple[Path, Path], tmp_path: Path, steps: list[str]) -> None:
    library, _ = base
    assert {"commit", "rename", "insert rows", "before fsync", "switch the generation"} <= set(steps)
    for number, (place, power) in enumerate(_choose_kills(steps)):
        folder = tmp_path / str(number)
        folder.mkdir()
        mirror = folder / "mirror" if power else None
        spec = KilledBuildSpec(folder / "copy", folder / "copy", library, "", folder / "steps", place, mirror)
        assert _run_copy(spec) == -signal.SIGKILL
        target = spec.library if mirror is None else mirror / "library"
        published = _is_published(target)
        report = copy(library, target)
        assert report.was_complete == published, (steps[place - 1], place, power)
        require_equal(library, target)
        shutil.rmtree(folder)


def _is_published(library: Path) -> bool:
    """Whether a copy is visible; then it must be whole."""
    try:
        LibraryReader(library).close()
    except LibraryError:
        return False
    assert examine(library, must_answer=True) == []
    return True


class StepRecorder(SilentProgress):
    """Remembers which step was begun last."""

    step = ""

    def start(self, description: str, total: int | None) -> None:
        self.step = description


@pytest.mark.mount
@pytest.mark.parametrize(
    ("free_kilobytes", "step"),
    [(600, "copying rows"), (1500, "copying features"), (2050, "making the index")],
)
@pytest.mark.usefixtures("small_batches")
def test_on_a_full_disk_nothing_is_visible(
    base: tuple[Path, Path], tmp_path: Path, free_kilobytes: int, step: str
) -> None:
    library, _ = base
    with small_disk(tmp_path / "disk", 4) as disk:
        if disk is None:
            pytest.skip("mounting a disk is not allowed here")
        (disk / "ballast").write_bytes(bytes((4096 - free_kilobytes) * 1024))
        target, progress = disk / "copy", StepRecorder()
        with pytest.raises(LibraryError, match=r"full|No space"):
            copy_library(library, target, progress)
        assert progress.step.startswith(step)
        assert not _is_published(target)
        grow(disk, 64)
        assert not copy(library, target).was_complete
        require_equal(library, target)


@pytest.mark.mount
def test_a_library_that_cannot_be_written_is_copied(library: Path, tmp_path: Path) -> None:
    expected = read_tables(library)
    with read_only(library) as mounted:
        if not mounted:
            pytest.skip("mounting a disk is not allowed here")
        with pytest.raises(ReadOnlyLibrary), acquire_write_lock(library):
            pass
        assert copy(library, tmp_path / "copy").findings.damage == []
    assert read_tables(tmp_path / "copy") == expected
    require_equal(library, tmp_path / "copy")


@pytest.mark.parametrize("change", ["a build", "an unfinished build"])
def test_what_another_user_writes_meanwhile_is_noticed(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    class Changer(SilentProgress):
        def start(self, description: str, total: int | None) -> None:
            if description.startswith("copying features"):
                with monkeypatch.context() as patched:
                    patched.setattr(FolderStore, "lock", lock)
                    if change == "a build":
                        (tmp_path / "more").mkdir()
                        (tmp_path / "more" / "more.jpg").write_bytes(b"one more")
                        build_quietly(library, tmp_path / "more", DEFAULT_NETWORK)
                    else:
                        with WritableSqliteCatalogue.create(library) as catalogue, catalogue.transaction():
                            catalogue.remove([90], 3)

    lock = FolderStore.lock
    monkeypatch.setattr(FolderStore, "lock", _lock_all_but(library))
    with pytest.raises(LibraryError, match="another user changed it while it was copied; run it again"):
        copy_library(library, tmp_path / "copy", Changer())
    assert not (tmp_path / "copy").exists()
    assert copy(library, tmp_path / "copy").findings.damage == []
    require_equal(library, tmp_path / "copy")


def test_damage_is_copied_and_told(library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(sqlite3.connect(library / "catalogue.db")) as connection, connection:
        connection.execute("UPDATE items SET size = size + 1 WHERE id = 91")
    assert run(["library", "copy", str(library), str(tmp_path / "copy"), "-q"]) == 1
    assert "its row is damaged" in capsys.readouterr().out
    assert read_tables(tmp_path / "copy") == read_tables(library)
    with closing(sqlite3.connect(library / "catalogue.db")) as connection, connection:
        connection.execute("DELETE FROM embeddings WHERE item = 92")
    with pytest.raises(LibraryError, match=f"{library}: damaged.*`attune repair`"):
        copy(library, tmp_path / "another")
    with pytest.raises(NothingPublished):
        LibraryReader(tmp_path / "another")


@pytest.mark.parametrize("writable", [True, False])
def test_rows_that_do_not_arrive_are_told(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writable: bool
) -> None:
    with closing(sqlite3.connect(library / "catalogue.db")) as connection, connection:
        connection.execute("DELETE FROM items WHERE id = 100")  # what refers to it stays
    if not writable:
        monkeypatch.setattr(FolderStore, "lock", _lock_all_but(library))
    details = [one.detail for one in copy(library, tmp_path / "copy").findings.damage]
    assert f"its table embeddings is not the one of {library}" in details


def _lock_all_but(library: Path) -> Callable[[FolderStore], AbstractContextManager[None]]:
    """A lock that a library refuses, as to a user who may only read it."""
    lock = FolderStore.lock

    def refuse(store: FolderStore) -> AbstractContextManager[None]:
        if store.folder == library:
            raise ReadOnlyLibrary("as for another user")
        return lock(store)

    return refuse


def test_a_library_of_an_earlier_schema_is_copied_into_one_of_this(library: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(library / "catalogue.db")) as connection, connection:
        for column in ("q1", "q2", "q3", "q4", "place_valence", "place_arousal"):
            connection.execute(f"ALTER TABLE embeddings DROP COLUMN {column}")
        connection.execute("PRAGMA user_version = 2")
        connection.execute(f"PRAGMA application_id = {APPLICATION | 2}")
    before = read_tables(library)
    copy(library, tmp_path / "copy")
    after = read_tables(tmp_path / "copy")
    assert read_tables(library) == before
    assert after["items"] == before["items"]
    assert len(after["embeddings"]) == len(before["embeddings"])
    assert len(after["exclusions"]) == len(before["exclusions"]) == 1
    with LibraryReader(tmp_path / "copy") as opened:
        assert opened.generation.images == len(opened.search("image"))


def test_the_command_copies_and_says_so(
    base: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    library, target = str(base[0]), str(tmp_path / "copy")

    def interrupt(*_: object) -> int:
        signal.raise_signal(signal.SIGINT)
        return 0

    with monkeypatch.context() as patched:
        patched.setattr(library_copy, "copy_feature_file", interrupt)
        assert run(["library", "copy", library, target]) == 130
    assert "the same command continues" in capsys.readouterr().err
    assert run(["library", "copy", library, target]) == 0
    assert "MB of features were copied; nothing is damaged" in capsys.readouterr().out
    assert run(["library", "copy", library, target]) == 0
    assert "already; nothing is to be done" in capsys.readouterr().out
    assert run(["library", "copy", library, target, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["generation"], document["was_complete"], document["damage"]) == (2, True, [])
    assert run(["library", "copy", library, library]) == 2
    assert capsys.readouterr().err.count("\n") == 1


class Terminal(io.StringIO):
    """Input from a person."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def remove(monkeypatch: pytest.MonkeyPatch, library: Path) -> Callable[..., int]:
    def run_remove(*options: str, answer: str | None = None) -> int:
        monkeypatch.setattr(sys, "stdin", io.StringIO() if answer is None else Terminal(answer))
        return run(["library", "remove", "--library", str(library), *options])

    return run_remove


def test_removing_asks_first(
    library: Path, remove: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    before = hash_files(library)
    generation = read_status(library).generation
    assert generation is not None
    assert remove() == 2
    assert "say --yes" in capsys.readouterr().err
    assert remove(answer="n\n") == 1
    question = capsys.readouterr().err
    assert f"({generation.images} images and {generation.music} songs, " in question
    assert "Media files stay as they are" in question
    assert hash_files(library) == before
    assert remove(answer="y\n") == 0
    assert not library.exists()
    assert remove("--yes") == 1
    assert "no library here" in capsys.readouterr().err
    assert not library.exists()


def test_removing_keeps_what_attune_did_not_write(
    base: tuple[Path, Path], library: Path, remove: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    media = hash_files(base[1])
    foreign = [
        "photo.jpg",
        "index/photo.jpg",
        "index/1/photo.jpg",
        "features/song.mp3",
        "leases/a",
        "damaged-1/b",
    ]
    for name in foreign:
        (library / name).parent.mkdir(exist_ok=True)
        (library / name).write_bytes(b"somebody's")
    for name in ("index/.aside-x/manifest.json", "catalogue.new-wal", "damaged-1/catalogue.db"):
        (library / name).parent.mkdir(exist_ok=True)
        (library / name).write_bytes(b"Attune's")
    assert remove("--yes", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["path"] == str(library)
    assert document["images"] > 0
    assert sorted(hash_files(library)) == sorted(foreign)
    assert not (library / "lock").exists()
    assert hash_files(base[1]) == media


def test_what_is_being_written_is_not_removed(library: Path, remove: Callable[..., int]) -> None:
    before = hash_files(library)
    with acquire_write_lock(library):
        assert remove("--yes") == 1
    assert hash_files(library) == before


def test_what_cannot_be_read_can_be_removed(library: Path, remove: Callable[..., int]) -> None:
    (library / "catalogue.db").write_bytes(b"no database")
    assert remove("--yes") == 0
    assert not library.exists()


def test_after_removing_another_library_can_take_its_place(
    base: tuple[Path, Path], library: Path, tmp_path: Path
) -> None:
    make_media(tmp_path / "media", 20)
    build_quietly(tmp_path / "other", tmp_path / "media", DEFAULT_NETWORK)
    with LibraryReader(library) as reader:
        query = np.random.default_rng(1).normal(size=128).astype(np.float32)
        before = reader.nearest("image", query, 5)
        FolderStore(library).remove()
        copy(tmp_path / "other", library)
        assert np.array_equal(reader.nearest("image", query, 5)[0], before[0])  # its files are still open
    require_equal(tmp_path / "other", library)
