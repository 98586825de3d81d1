"""A library that is built alternately by networks with different backbones keeps the features of each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from attune.core.errors import MediaError
from attune.core.library_address import LibraryAddress
from attune.embedding import decode_pool
from attune.embedding.network import Network, open_network
from attune.indexer import build as build_module
from attune.indexer.build import BuildRequest, open_build, plan_build
from attune.indexer.library import LibraryReader
from attune.indexer.library_store import open_store
from attune.retrieval.seeds import QueryResolver
from attune.tests.conftest import PHOTOS, SONGS, only_in_a_folder, run_build
from attune.tests.e2e.command import attune
from attune.tests.media_factory import photo
from attune.tests.networks import write_image_backbone, write_network


@pytest.fixture(scope="module")
def slower_network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    folder = tmp_path_factory.mktemp("slower_network")
    return open_network(str(write_network(folder, seed=5, image_backbone=write_image_backbone(folder))))


def _nothing_is_read(jobs: Iterator[decode_pool.ExtractionJob], *_: object) -> Iterator[MediaError]:
    assert list(jobs) == []
    yield from ()


def _count_missing_features(library: LibraryAddress, network: Network) -> int:
    with open_build(BuildRequest(library)) as session:
        return session.count_missing_features(network.backbones)


def _rows(library: LibraryAddress, name: str = "") -> int:
    catalogue = open_store(library).open_catalogue()
    assert catalogue is not None
    with catalogue:
        return sum(os.fsdecode(row["path"]).endswith(name) for row in catalogue.item_rows())


def _vectors(library: LibraryAddress, network: Network) -> dict[str, np.ndarray]:
    """Return each picture's embedding by path, after checking it against its stored features."""
    with LibraryReader(library) as opened:
        found = {}
        for item, path in opened.paths("image"):
            features = opened.features(opened.items([item])[item], network.backbones["image"])
            vector = opened.vectors([item])[0]
            np.testing.assert_allclose(vector, network.embed("image", features).vectors[0], atol=1e-6)
            found[path] = vector
        return found


@pytest.mark.slow
def test_another_backbone_reads_again_and_going_back_does_not(
    own_library: LibraryAddress, network: Network, slower_network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _vectors(own_library, network)
    assert _count_missing_features(own_library, network) == 0
    assert _count_missing_features(own_library, slower_network) == PHOTOS
    plan = plan_build(BuildRequest(own_library), slower_network.backbones)
    assert (len(plan.read), len(plan.other_backbone), len(plan.kept), plan.unchanged) == (
        PHOTOS,
        PHOTOS,
        0,
        SONGS,
    )

    report = run_build(own_library, slower_network)
    assert (report.read_again, report.re_embedded, report.unchanged) == (PHOTOS, SONGS, SONGS)
    assert (report.added, report.changed, report.copied, report.removed) == (0, 0, 0, 0)
    by_slower = _vectors(own_library, slower_network)
    assert by_slower.keys() == before.keys()

    monkeypatch.setattr(build_module, "extract_all", _nothing_is_read)
    for _ in range(3):
        assert _count_missing_features(own_library, network) == 0
        plan = plan_build(BuildRequest(own_library), network.backbones)
        assert (len(plan.other_backbone), len(plan.kept)) == (PHOTOS, PHOTOS)
        report = run_build(own_library, network)
        assert (report.kept, report.unchanged, report.read_again, report.copied) == (PHOTOS, SONGS, 0, 0)
        again = _vectors(own_library, network)
        for path, vector in before.items():
            np.testing.assert_allclose(again[path], vector, atol=1e-6)
        run_build(own_library, slower_network)
        assert run_build(own_library, slower_network).unchanged == PHOTOS + SONGS
    assert (
        _rows(own_library) <= 3 * PHOTOS + SONGS
    )  # of this generation, of the previous one, and stored features
    for path, vector in _vectors(own_library, slower_network).items():
        np.testing.assert_allclose(vector, by_slower[path], atol=1e-6)


@pytest.mark.slow
def test_features_of_both_go_with_the_file(
    library: LibraryAddress, own_media: Path, network: Network, slower_network: Network
) -> None:
    run_build(library, network, own_media)
    run_build(library, slower_network)
    photo(own_media / "photo 00.jpg", 77, (200, 150))
    (own_media / "below" / "photo 01.png").unlink()
    for number in range(3):  # rows that no generation sees are purged
        photo(own_media / "new.jpg", 90 + number, (200, 150 + number))
        run_build(library, slower_network)
    assert _rows(library, "photo 01.png") == 0
    assert _rows(library, "photo 00.jpg") == 1
    assert _rows(library, "photo 02.webp") == 2
    report = run_build(library, network)
    assert (report.read_again, report.added, report.removed) == (2, 0, 0)
    assert (report.kept, report.re_embedded) == (PHOTOS - 2, PHOTOS - 2 + SONGS)
    assert len(_vectors(library, network)) == PHOTOS


def test_an_interrupted_change_of_backbone_goes_on_or_back(
    own_library: LibraryAddress, network: Network, slower_network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _vectors(own_library, network)
    real = build_module.extract_all

    def interrupted(jobs: Iterator[decode_pool.ExtractionJob], *rest: object) -> Iterator[object]:
        for index, outcome in enumerate(real(jobs, *rest)):  # type: ignore[arg-type]
            if index == 5:
                raise KeyboardInterrupt
            yield outcome

    monkeypatch.setattr(build_module, "extract_all", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_build(own_library, slower_network)
    assert _vectors(own_library, network).keys() == before.keys()
    monkeypatch.setattr(build_module, "extract_all", _nothing_is_read)
    run_build(own_library, network)
    after = _vectors(own_library, network)
    for path, vector in before.items():
        np.testing.assert_allclose(after[path], vector, atol=1e-6)
    monkeypatch.setattr(build_module, "extract_all", real)
    assert run_build(own_library, slower_network).read_again == PHOTOS - 5


@only_in_a_folder
def test_questions_are_read_by_the_library_s_backbone(
    own_library: LibraryAddress, slower_network: Network, tmp_path: Path, media: Path
) -> None:
    run_build(own_library, slower_network)
    with LibraryReader(own_library) as opened:
        seeds = QueryResolver(opened, slower_network)
        known = seeds.seed(str(media / "photo 00.jpg"))
        copy = shutil.copyfile(media / "photo 00.jpg", tmp_path / "elsewhere.jpg")
        np.testing.assert_allclose(
            QueryResolver(None, slower_network).seed(str(copy)).vector, known.vector, atol=1e-6
        )
        stranger = seeds.seed(str(photo(tmp_path / "stranger.jpg", 123)))
        assert np.linalg.norm(stranger.vector) == pytest.approx(1, abs=1e-5)


@only_in_a_folder
@pytest.mark.slow
def test_the_command_says_what_it_reads_again(
    own_library: LibraryAddress, network: Network, slower_network: Network
) -> None:
    dry = attune("build-index", "--network", slower_network.folder, "--dry-run", "--library", own_library)
    assert f"Would read {PHOTOS} files (0 new, 0 changed, {PHOTOS} for another backbone)" in dry.stdout
    built = attune("build-index", "--network", slower_network.folder, "--library", own_library)
    assert f"{PHOTOS} files must be read again, because the network" in built.stderr
    assert f"{PHOTOS} read again for another backbone" in built.stdout
    dry = attune("build-index", "--network", network.folder, "--dry-run", "--library", own_library)
    assert f"Would read 0 files (0 new, 0 changed), embed {PHOTOS} from stored features" in dry.stdout
    back = attune("build-index", "--network", network.folder, "--library", own_library)
    assert "read again" not in back.stdout + back.stderr
    assert f"{PHOTOS} from stored features, {SONGS} unchanged" in back.stdout
