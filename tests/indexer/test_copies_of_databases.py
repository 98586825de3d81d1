"""Copying a library from a folder into a database and back, also after cuts and kills."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from attune.cli import run
from attune.core.errors import LibraryError, NothingPublished
from attune.core.library_address import DatabaseAddress, LibraryAddress
from attune.core.progress import SilentProgress
from attune.embedding.network import Network
from attune.indexer import library_copy
from attune.indexer.feature_store import list_feature_files
from attune.indexer.library import LibraryReader, read_status
from attune.indexer.library_copy import copy_library
from attune.indexer.library_store import open_store
from attune.indexer.records import KINDS
from attune.indexer.verify import verify
from attune.tests.conftest import run_build
from attune.tests.media_factory import photo


@pytest.fixture
def target(database: str) -> DatabaseAddress:
    return DatabaseAddress(database)


def check_same(one: LibraryAddress, other: LibraryAddress) -> None:
    """Both hold the same, down to ids and embeddings, and answer alike."""
    assert verify(other, SilentProgress()).damage == []
    before, after = read_status(one), read_status(other)
    for name in ("generation", "roots", "exclusions", "omissions", "skipped"):
        assert getattr(before, name) == getattr(after, name)
    with LibraryReader(one) as left, LibraryReader(other) as right:
        for kind in KINDS:
            ids = left.ids(kind)
            np.testing.assert_array_equal(right.ids(kind), ids)
            np.testing.assert_array_equal(right.vectors(ids.tolist()), left.vectors(ids.tolist()))
            assert right.items(ids.tolist()) == left.items(ids.tolist())
            for query in np.random.default_rng(0).standard_normal((20, 128)).astype(np.float32):
                found = [library.nearest(kind, query, 7) for library in (left, right)]
                np.testing.assert_array_equal(found[0][0], found[1][0])
                np.testing.assert_allclose(found[0][1], found[1][1], atol=1e-5)


def read_features(library: LibraryAddress) -> dict[str, bytes]:
    store = open_store(library)
    catalogue = store.open_catalogue()
    assert catalogue is not None
    with catalogue:
        return {name: path.read_bytes() for name, path in list_feature_files(store.folder).items()}


def test_a_library_goes_into_a_database_and_back(
    tmp_path: Path, built: Path, network: Network, own_media: Path, target: DatabaseAddress
) -> None:
    source = Path(shutil.copytree(built, tmp_path / "source"))
    run_build(source, network, own_media, exclude=("*.png",))
    assert not copy_library(source, target, SilentProgress()).was_complete
    check_same(source, target)
    assert copy_library(source, target, SilentProgress()).was_complete
    copy_library(target, tmp_path / "back", SilentProgress())
    check_same(source, tmp_path / "back")
    assert read_features(source) == read_features(target) == read_features(tmp_path / "back")


def test_a_copy_in_a_database_grows_on(
    tmp_path: Path, built: Path, network: Network, own_media: Path, target: DatabaseAddress
) -> None:
    copy_library(built, target, SilentProgress())
    photo(own_media / "new.jpg", 77)
    report = run_build(target, network, own_media)
    assert report.added == 1
    with LibraryReader(target) as opened:
        ids = opened.ids("image")
        assert len(set(ids.tolist())) == len(ids) == opened.generation.images
    assert verify(target, SilentProgress()).damage == []


@pytest.mark.parametrize("pages", [1, 3, 5])
def test_an_interrupted_copy_is_not_seen_and_goes_on(
    built: Path, target: DatabaseAddress, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    monkeypatch.setattr(library_copy, "_PAGE", 4)
    write = write_pages(pages)
    with monkeypatch.context() as patch:
        patch.setattr("attune.indexer.postgres.postgres_writer.WritablePostgresCatalogue.write_rows", write)
        with pytest.raises(KeyboardInterrupt):
            copy_library(built, target, SilentProgress())
    with pytest.raises(NothingPublished, match="library copy"):
        LibraryReader(target)
    report = copy_library(built, target, SilentProgress())
    assert 0 < report.rows < 2 * (report.generation.images + report.generation.music)
    check_same(built, target)


def write_pages(count: int) -> Callable[..., None]:
    """What writes some pages, and is then interrupted."""
    from attune.indexer.postgres.postgres_writer import WritablePostgresCatalogue

    write, left = WritablePostgresCatalogue.write_rows, [count + 1]  # the generations come first

    def write_some(*arguments: object) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        write(*arguments)  # type: ignore[arg-type]

    return write_some


def test_another_library_is_no_target(
    tmp_path: Path, built: Path, network: Network, target: DatabaseAddress
) -> None:
    (tmp_path / "other").mkdir()
    photo(tmp_path / "other" / "one.jpg", 5)
    run_build(target, network, tmp_path / "other")
    with pytest.raises(LibraryError, match="another library"):
        copy_library(built, target, SilentProgress())
    with LibraryReader(target) as opened:
        assert opened.generation.images == 1


def test_a_machine_without_the_features_says_where_they_are(
    tmp_path: Path,
    built: Path,
    media: Path,
    target: DatabaseAddress,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    copy_library(built, target, SilentProgress())
    monkeypatch.setenv("ATTUNE_FEATURES", str(tmp_path / "elsewhere"))
    place = f"its features are at {os.uname().nodename}:"
    assert run(["find-images", str(media / "song 0.flac"), "--library", str(target)]) == 0
    printed = capsys.readouterr()
    assert "feels" in printed.out
    assert "near-duplicates are not found" in printed.err
    assert place in printed.err
    assert run(["verify", "--library", str(target)]) == 0
    printed = capsys.readouterr()
    assert "nothing is damaged" in printed.out
    assert f"features were not checked: {place}" in printed.err
    for command in (["build-index"], ["exclude", "add", "*.gif"], ["library", "copy"]):
        places = (
            [str(target), str(tmp_path / "copy")] if command[0] == "library" else ["--library", str(target)]
        )
        assert run([*command, *places]) == 1
        assert capsys.readouterr().err.count(place) == 1
    with LibraryReader(target) as opened:
        assert opened.generation.id == 1


def test_a_library_in_a_database_is_removed_with_its_features(
    built: Path, target: DatabaseAddress, capsys: pytest.CaptureFixture[str]
) -> None:
    copy_library(built, target, SilentProgress())
    store = open_store(target)
    catalogue = store.open_catalogue()
    assert catalogue is not None
    catalogue.close()
    assert store.folder.is_dir()
    assert run(["library", "remove", "--yes", "--library", str(target)]) == 0
    assert "media files are untouched" in capsys.readouterr().out
    assert not store.folder.exists()
    assert read_status(target).generation is None


def test_a_library_that_somebody_has_open_is_not_removed(
    built: Path, target: DatabaseAddress, capsys: pytest.CaptureFixture[str]
) -> None:
    copy_library(built, target, SilentProgress())
    with LibraryReader(target) as opened:
        assert run(["library", "remove", "--yes", "--library", str(target)]) == 1
        error = capsys.readouterr().err
        assert f":{os.getpid()} (user attune) has it open" in error
        assert error.count("\n") == 1
        assert len(opened.ids("image")) == opened.generation.images
    assert run(["library", "remove", "--yes", "--library", str(target)]) == 0
