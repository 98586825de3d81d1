"""Builds with added, changed, moved, copied, deleted and skipped files, and readers during a build."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from sqlalchemy import Engine, event

from attune.core.errors import LibraryError, MediaError, UnreachableMedia, UsageError
from attune.core.library_address import DatabaseAddress, LibraryAddress
from attune.embedding import decode_pool
from attune.embedding.backbones import DEFAULT_BACKBONES
from attune.embedding.network import Network, open_network
from attune.indexer import build as build_module
from attune.indexer.build import BuildRequest, plan_build
from attune.indexer.library import LibraryReader, read_published_generation, read_status
from attune.indexer.library_store import open_store
from attune.indexer.sqlite_catalogue import APPLICATION, SCHEMA, SqliteCatalogue
from attune.tests.conftest import PHOTOS, SONGS, folder_of, only_in_a_folder, run_build
from attune.tests.media_factory import damaged, photo


@pytest.fixture
def own_folder(tmp_path: Path, built: Path) -> Path:
    """A library in a folder that a test may change."""
    return Path(shutil.copytree(built, tmp_path / "library"))


def paths_in(library: LibraryAddress) -> set[str]:
    with LibraryReader(library) as opened:
        return {path for kind in ("image", "music") for _, path in opened.paths(kind)}  # type: ignore[arg-type]


def test_a_first_build_has_every_file(either_built: LibraryAddress, media: Path) -> None:
    status = read_status(either_built)
    assert status.generation is not None
    assert (status.generation.id, status.generation.images, status.generation.music) == (1, PHOTOS, SONGS)
    assert [root.path for root in status.roots] == [str(media)]
    assert status.skipped == []
    assert status.bytes > 0


def test_the_size_is_that_of_all_files_of_a_library(own_folder: Path) -> None:
    (own_folder / "damaged-1").mkdir()
    (own_folder / "damaged-1" / "catalogue.db").write_bytes(b"a catalogue that was repaired")
    catalogue = SqliteCatalogue.open(own_folder)
    assert catalogue is not None
    with catalogue:  # SQLite keeps two more files while a connection is open
        assert catalogue.current_generation() is not None
        expected = sum(file.stat().st_size for file in own_folder.rglob("*") if file.is_file())
        assert read_status(own_folder).bytes == expected


def test_the_status_reads_no_more_folders_where_others_put_files(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server reads the status for every request of it, and other files may lie below the library."""
    reads: list[object] = []
    real_scandir, real_stat = os.scandir, os.stat

    def count_scandir(*arguments: Any) -> Any:
        reads.append(arguments)
        return real_scandir(*arguments)

    def count_stat(*arguments: Any, **options: Any) -> os.stat_result:
        reads.append(arguments)
        return real_stat(*arguments, **options)

    monkeypatch.setattr(os, "scandir", count_scandir)
    monkeypatch.setattr(os, "stat", count_stat)
    before = read_status(own_folder)
    count_before = len(reads)
    for number in range(50):
        (own_folder / "photos" / str(number)).mkdir(parents=True)
        (own_folder / "photos" / str(number) / "photo.jpg").write_bytes(b"not of the library")
        (own_folder / "index" / f"photo-{number}.jpg").write_bytes(b"not of the library")
    reads.clear()
    assert read_status(own_folder) == before
    assert len(reads) == count_before <= 40


def test_nothing_to_do_publishes_nothing(own_library: LibraryAddress, network: Network) -> None:
    report = run_build(own_library, network)
    assert (report.unchanged, report.added, report.changed, report.removed) == (PHOTOS + SONGS, 0, 0, 0)
    assert report.generation is not None
    assert report.generation.id == 1


@pytest.mark.slow
def test_added_changed_deleted(library: LibraryAddress, own_media: Path, network: Network) -> None:
    run_build(library, network, own_media)
    photo(own_media / "new.jpg", 99)
    photo(own_media / "photo 00.jpg", 98, (300, 200))
    (own_media / "song 1.ogg").unlink()

    report = run_build(library, network)

    assert (report.added, report.changed, report.removed, report.renamed, report.copied) == (1, 1, 1, 0, 0)
    assert str(own_media / "new.jpg") in paths_in(library)
    assert str(own_media / "song 1.ogg") not in paths_in(library)
    with LibraryReader(library) as opened:
        assert (opened.generation.images, opened.generation.music) == (PHOTOS + 1, SONGS - 1)
        assert len(opened.search("image")) == PHOTOS + 1


@pytest.mark.slow
def test_a_moved_folder_and_a_copy_keep_their_embeddings(
    library: LibraryAddress, own_media: Path, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_build(library, network, own_media)
    with LibraryReader(library) as opened:
        before = _by_path(opened, own_media)
    (own_media / "below").rename(own_media / "elsewhere")
    shutil.copyfile(own_media / "photo 00.jpg", own_media / "copy.jpg")
    monkeypatch.setattr(build_module, "extract_all", _nothing_is_read)

    report = run_build(library, network)

    assert (report.renamed, report.copied, report.removed, report.added) == (PHOTOS // 2, 1, 0, 0)
    with LibraryReader(library) as opened:
        after = _by_path(opened, own_media)
    for path, vector in after.items():
        origin = path.replace("elsewhere", "below").replace("copy", "photo 00")
        np.testing.assert_array_equal(vector, before[origin])


def _by_path(library: LibraryReader, folder: Path) -> dict[str, np.ndarray]:
    paths = (os.path.relpath(path, folder) for _, path in library.paths("image"))
    return dict(zip(paths, library.vectors(_ids(library)), strict=True))


def _ids(library: LibraryReader) -> list[int]:
    return [item for item, _ in library.paths("image")]


def _nothing_is_read(jobs: Iterator[decode_pool.ExtractionJob], *_: object) -> Iterator[MediaError]:
    assert list(jobs) == []
    yield from ()


@pytest.mark.slow
def test_damaged_files_are_skipped_remembered_and_tried_again_when_they_change(
    library: LibraryAddress, own_media: Path, network: Network
) -> None:
    damaged(own_media / "broken.jpg", "truncated")
    (own_media / "clip.mp4").write_bytes(b"video")
    (own_media / "notes.txt").write_text("no media")
    report = run_build(library, network, own_media)
    assert {Path(skip.path).name for skip in report.skipped} == {"broken.jpg", "clip.mp4"}
    assert all(skip.reason for skip in report.skipped)
    assert report.generation is not None
    assert report.generation.images == PHOTOS

    again = plan_build(BuildRequest(library))
    assert again.read == []
    assert [Path(skip.path).name for skip in again.known_failures] == ["broken.jpg"]

    photo(own_media / "broken.jpg", 5, (64, 48))
    report = run_build(library, network)
    assert report.added == 1
    assert {Path(skip.path).name for skip in report.skipped} == {"clip.mp4"}


@only_in_a_folder
@pytest.mark.slow
def test_a_file_that_becomes_damaged_leaves_the_library(
    library: LibraryAddress, own_media: Path, network: Network
) -> None:
    run_build(library, network, own_media)
    damaged(own_media / "photo 00.jpg", "text")
    report = run_build(library, network)
    assert str(own_media / "photo 00.jpg") not in paths_in(library)
    assert [Path(skip.path).name for skip in report.skipped] == ["photo 00.jpg"]


@only_in_a_folder
@pytest.mark.slow
def test_a_missing_root_is_kept(
    tmp_path: Path, library: LibraryAddress, own_media: Path, network: Network
) -> None:
    run_build(library, network, own_media)
    own_media.rename(tmp_path / "unplugged")
    report = run_build(library, network)
    assert report.missing.keys() == {str(own_media)}
    assert len(paths_in(library)) == PHOTOS + SONGS


@only_in_a_folder
@pytest.mark.slow
def test_exclude_is_kept_for_later_builds(library: LibraryAddress, own_media: Path, network: Network) -> None:
    run_build(library, network, own_media, exclude=("below",))
    assert len(paths_in(library)) == PHOTOS // 2 + SONGS
    run_build(library, network)
    run_build(library, network, own_media)
    assert len(paths_in(library)) == PHOTOS // 2 + SONGS


def test_a_dry_run_writes_nothing(tmp_path: Path, media: Path) -> None:
    plan = plan_build(BuildRequest(tmp_path / "library", (str(media),)))
    assert (len(plan.read), plan.added) == (PHOTOS + SONGS, PHOTOS + SONGS)
    assert not (tmp_path / "library").exists()


def test_another_network_embeds_again_without_reading_media(
    own_library: LibraryAddress, other_network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_module, "extract_all", _nothing_is_read)
    report = run_build(own_library, other_network)
    assert report.re_embedded == PHOTOS + SONGS
    with LibraryReader(own_library) as opened:
        assert opened.generation.network == other_network.id
        item = _ids(opened)[0]
        features = opened.features(opened.items([item])[item], DEFAULT_BACKBONES["image"])
        expected = other_network.embed("image", features).vectors[0]
        np.testing.assert_allclose(opened.vectors([item])[0], expected, atol=1e-6)


@pytest.mark.slow
def test_an_interrupted_build_shows_the_old_generation_and_continues(
    library: LibraryAddress, own_media: Path, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_build(library, network, own_media)
    for seed in range(5):
        photo(own_media / f"new {seed}.jpg", 100 + seed)
    real = build_module.extract_all

    def interrupted(jobs: Iterator[decode_pool.ExtractionJob], *rest: Any) -> Iterator[object]:
        for index, outcome in enumerate(real(jobs, *rest)):
            if index == 3:
                raise KeyboardInterrupt
            yield outcome

    monkeypatch.setattr(build_module, "extract_all", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_build(library, network)
    generation = read_published_generation(library)
    assert generation is not None
    assert (generation.id, len(paths_in(library))) == (1, PHOTOS + SONGS)

    monkeypatch.setattr(build_module, "extract_all", real)
    report = run_build(library, network)
    assert (report.added, report.unchanged) == (2, PHOTOS + SONGS + 3)
    assert len(paths_in(library)) == PHOTOS + SONGS + 5


@pytest.mark.slow
def test_a_reader_keeps_its_generation_while_others_are_published(
    library: LibraryAddress, own_media: Path, network: Network
) -> None:
    run_build(library, network, own_media)
    with LibraryReader(library) as reader:
        for round_ in range(4):
            (own_media / f"photo {round_ * 3:02d}.jpg").unlink(missing_ok=True)
            (own_media / "below" / f"photo {round_ * 3:02d}.jpg").unlink(missing_ok=True)
            run_build(library, network)
        ids = _ids(reader)
        assert len(ids) == len(reader.items(ids)) == len(reader.search("image")) == PHOTOS
    assert len(paths_in(library)) == PHOTOS + SONGS - 4


@pytest.mark.parametrize("damage", ["deleted", "cut", "folder"])
def test_lost_index_files_are_made_again(own_folder: Path, damage: str) -> None:
    folder = own_folder / "index" / "1"
    with LibraryReader(own_folder) as opened:
        before = opened.search("image").sample(1 << 40)
    if damage == "folder":
        shutil.rmtree(folder)
    elif damage == "cut":
        (folder / "images.faiss").write_bytes((folder / "images.faiss").read_bytes()[:500])
    else:
        (folder / "images.faiss").unlink()
    with LibraryReader(own_folder) as opened:
        np.testing.assert_array_equal(opened.search("image").sample(1 << 40), before)
    with LibraryReader(own_folder) as opened:
        np.testing.assert_array_equal(np.sort(opened.search("image").sample(1 << 40)), np.sort(before))
    assert (folder / "images.faiss").exists()


@pytest.mark.slow
def test_lost_features_are_computed_again(own_library: LibraryAddress, network: Network) -> None:
    for file in (folder_of(own_library) / "features").iterdir():
        file.unlink()
    report = run_build(own_library, network)
    assert report.added == PHOTOS + SONGS
    with LibraryReader(own_library) as opened:
        item = _ids(opened)[0]
        features = opened.features(opened.items([item])[item], DEFAULT_BACKBONES["image"])
        assert features.shape == (1, 2528)
        assert features.any()


@pytest.mark.slow
def test_lost_features_below_an_unplugged_root_are_never_zeros(
    tmp_path: Path, library: LibraryAddress, own_media: Path, network: Network, other_network: Network
) -> None:
    run_build(library, network, own_media)
    for file in (folder_of(library) / "features").iterdir():
        os.truncate(file, 100)
    own_media.rename(tmp_path / "unplugged")
    run_build(library, other_network)
    (tmp_path / "unplugged").rename(own_media)
    report = run_build(library, other_network)
    assert report.added == PHOTOS + SONGS
    with LibraryReader(library) as opened:
        assert len(np.unique(opened.vectors(_ids(opened)), axis=0)) == PHOTOS


@pytest.mark.slow
def test_rebuild_reads_every_file_again(own_library: LibraryAddress, network: Network) -> None:
    with LibraryReader(own_library) as opened:
        before = {path: item for item, path in opened.paths("image")}
    report = run_build(own_library, network, rebuild=True)
    assert (report.changed, report.added, report.removed) == (PHOTOS + SONGS, 0, 0)
    with LibraryReader(own_library) as opened:
        after = {path: item for item, path in opened.paths("image")}
        assert after.keys() == before.keys()
        assert set(after.values()).isdisjoint(before.values())


def test_a_database_can_be_written_as_soon_as_another_writer_has_ended(database: str) -> None:
    """The server notices the end of a connection only a moment later."""
    store = open_store(DatabaseAddress(database))
    with psycopg.connect(database, autocommit=True) as other:
        for _ in range(50):
            with store.lock():
                pass
            held = other.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone()
            assert held == (0,)


def test_a_second_writer_is_told_who_writes(
    own_library: LibraryAddress, network: Network, media: Path
) -> None:
    told = f"another build.*{os.getpid()}|attune .*:{os.getpid()}.* is writing it"
    with open_store(own_library).lock(), pytest.raises(LibraryError, match=told):
        run_build(own_library, network, media)


def test_a_newer_catalogue_is_refused(own_folder: Path, network: Network) -> None:
    with sqlite3.connect(own_folder / "catalogue.db") as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA + 1}")
        connection.execute(f"PRAGMA application_id = {APPLICATION | SCHEMA + 1}")
    connection.close()
    with pytest.raises(LibraryError, match="newer Attune"):
        LibraryReader(own_folder)
    with pytest.raises(LibraryError, match="newer Attune"):
        run_build(own_folder, network)


@pytest.mark.slow
@pytest.mark.parametrize("left", ["empty file", "half the tables"])
def test_a_first_build_that_was_killed_early_is_continued(
    tmp_path: Path, own_media: Path, network: Network, left: str
) -> None:
    library = tmp_path / "library"
    library.mkdir()
    if left == "empty file":
        (library / "catalogue.db").touch()
    else:

        def kill(*arguments: Any) -> None:
            if arguments[2].startswith("CREATE INDEX"):
                raise KeyboardInterrupt

        event.listen(Engine, "before_cursor_execute", kill)
        with pytest.raises(KeyboardInterrupt):
            run_build(library, network, own_media)
        event.remove(Engine, "before_cursor_execute", kill)
    assert read_published_generation(library) is None
    assert read_status(library).generation is None
    assert len(plan_build(BuildRequest(library, (str(own_media),))).read) == PHOTOS + SONGS
    assert run_build(library, network, own_media).added == PHOTOS + SONGS


def test_a_library_that_cannot_be_written_still_answers(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: path.read_bytes() for path in own_folder.glob("catalogue.db*")}
    monkeypatch.setattr(
        os, "access", lambda *_: False
    )  # simulates a read-only disk, since root may write everywhere else
    assert len(paths_in(own_folder)) == PHOTOS + SONGS
    assert {path: path.read_bytes() for path in own_folder.glob("catalogue.db*")} == before


def test_wrong_paths_are_usage_errors(tmp_path: Path, library: LibraryAddress, network: Network) -> None:
    with pytest.raises(UsageError, match="no such file"):
        run_build(library, network, tmp_path / "nowhere")
    with pytest.raises(UsageError, match="no library yet"):
        run_build(library, network)
    with pytest.raises(LibraryError, match="no library here"):
        LibraryReader(library)


def test_odd_names_come_through(tmp_path: Path, library: LibraryAddress, network: Network) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    names = [b"not utf-8 \xff.jpg", b"new\nline.jpg", b"emoji \xf0\x9f\x8c\x85.jpg"]
    for seed, name in enumerate(names):
        plain = photo(tmp_path / "plain.jpg", seed)
        plain.rename(folder / os.fsdecode(name))
    run_build(library, network, folder)
    assert paths_in(library) == {str(folder / os.fsdecode(name)) for name in names}


@only_in_a_folder
@pytest.mark.slow
def test_links_are_followed_only_when_asked(
    tmp_path: Path, library: LibraryAddress, own_media: Path, network: Network
) -> None:
    (own_media / "loop").symlink_to(own_media)
    outside = tmp_path / "outside"
    outside.mkdir()
    photo(outside / "linked.jpg", 50)
    (own_media / "link").symlink_to(outside)
    run_build(library, network, own_media)
    assert len(paths_in(library)) == PHOTOS + SONGS
    assert run_build(library, network, follow_links=True).added == 1
    assert run_build(library, network).removed == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a?q", "a#h", "a%41b", "sp ace", "x\udcff"])
def test_a_library_may_have_any_name(tmp_path: Path, own_media: Path, network: Network, name: str) -> None:
    library = tmp_path / name
    run_build(library, network, own_media)
    assert len(paths_in(library)) == PHOTOS + SONGS
    assert {path.name for path in tmp_path.iterdir()} == {name, "media"}


@only_in_a_folder
@pytest.mark.slow
def test_a_picture_named_as_music_is_not_taken_for_its_twin(
    library: LibraryAddress, own_media: Path, network: Network
) -> None:
    shutil.copyfile(own_media / "photo 00.jpg", own_media / "twin.mp3")
    run_build(library, network, own_media)
    report = run_build(library, network)
    assert [Path(skip.path).name for skip in report.skipped] == ["twin.mp3"]
    assert report.generation is not None
    assert report.generation.id == 1


@pytest.mark.slow
def test_what_could_not_be_reached_is_tried_again_and_its_old_row_stays(
    library: LibraryAddress, own_media: Path, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_build(library, network, own_media)
    photo(own_media / "photo 00.jpg", 98, (300, 200))
    real = build_module.extract_all

    def unreachable(jobs: Iterator[decode_pool.ExtractionJob], *_: object) -> Iterator[MediaError]:
        for job in jobs:
            yield UnreachableMedia(job.path, "no permission to read it")

    monkeypatch.setattr(build_module, "extract_all", unreachable)
    report = run_build(library, network)
    assert [skip.reason for skip in report.skipped] == ["no permission to read it"]
    assert str(own_media / "photo 00.jpg") in paths_in(library)
    monkeypatch.setattr(build_module, "extract_all", real)
    report = run_build(library, network)
    assert (report.changed, report.skipped) == (1, [])


@pytest.mark.slow
def test_a_lease_outlives_an_index_that_is_made_again(
    tmp_path: Path, own_media: Path, network: Network
) -> None:
    library = tmp_path / "library"
    run_build(library, network, own_media)
    (library / "index" / "1" / "images.faiss").unlink()
    with LibraryReader(library) as reader:
        ids = reader.search("image").sample(1 << 40).tolist()
        for number in range(3):
            photo(own_media / "photo 00.jpg", 200 + number, (60 + number, 40))
            run_build(library, network)
        assert len(reader.items(ids)) == len(ids) == PHOTOS


@pytest.mark.slow
def test_a_network_that_moved_is_followed(
    tmp_path: Path, library: LibraryAddress, own_media: Path, network_folder: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    shutil.copytree(network_folder, first)
    run_build(library, open_network(str(first)), own_media)
    first.rename(second)
    run_build(library, open_network(str(second)))
    generation = read_published_generation(library)
    assert generation is not None
    assert generation.network_source == str(second)


@only_in_a_folder
def test_a_deleted_file_that_was_a_root_goes(
    library: LibraryAddress, own_media: Path, network: Network
) -> None:
    run_build(library, network, own_media / "photo 00.jpg", own_media / "song 1.ogg")
    (own_media / "photo 00.jpg").unlink()
    report = run_build(library, network)
    assert (report.removed, report.missing) == (1, {})
