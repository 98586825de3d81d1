"""Ways of losing a folder for a while: whatever happens to its disk, what the library held is kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from attune.core.library_address import LibraryAddress
from attune.core.progress import SilentProgress
from attune.core.settings import Settings
from attune.embedding.network import Network
from attune.indexer import scan as scan_module
from attune.indexer.build import BuildReport, BuildRequest, build
from attune.indexer.library import LibraryReader, read_status
from attune.indexer.verify import verify
from attune.tests.conftest import folder_of, only_in_a_folder, run_build
from attune.tests.faults.mounts import small_disk, stalled_disk

HELD = 24


def small_pictures(folder: Path, count: int, seed: int = 0) -> list[Path]:
    """Write pictures of different content that take no time to read."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    paths = [folder / f"{number:03d}.png" for number in range(count)]
    for path in paths:
        Image.fromarray(random.integers(0, 256, (12, 16, 3), np.uint8)).save(path)
    return paths


def paths_in(library: LibraryAddress) -> set[str]:
    with LibraryReader(library) as opened:
        return {path for kind in ("image", "music") for _, path in opened.paths(kind)}  # type: ignore[arg-type]


def read_nothing(library: LibraryAddress, network: Network, *paths: Path, **options: object) -> BuildReport:
    """Build, and fail if a file is to be read."""

    def refuse(jobs: Iterator[object], *_: object) -> Iterator[object]:
        assert list(jobs) == []
        yield from ()

    request = BuildRequest(library, tuple(map(str, paths)), **options)  # type: ignore[arg-type]
    return build(request, network, Settings(workers=1), SilentProgress(), refuse)  # type: ignore[arg-type]


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    small_pictures(tmp_path / "disk" / "2019", HELD - 4)
    small_pictures(tmp_path / "disk", 4, seed=1)
    return tmp_path / "disk"


@pytest.fixture
def followed(library: LibraryAddress, tmp_path: Path, disk: Path, network: Network) -> LibraryAddress:
    """A library of the disk and of a folder that stays."""
    small_pictures(tmp_path / "home", 3, seed=2)
    run_build(library, network, disk, tmp_path / "home")
    return library


def unmount(disk: Path) -> None:
    disk.rename(disk.with_name("away"))
    disk.mkdir()


def rename(disk: Path) -> None:
    disk.rename(disk.with_name("away"))


def lose_more_than_half(disk: Path) -> None:
    (disk / "2019").rename(disk.with_name("away"))


def empty_one_by_one(disk: Path) -> None:
    (disk.with_name("away")).mkdir()
    for path in sorted(disk.rglob("*.png"))[: HELD // 2 + 1]:
        path.rename(disk.with_name("away") / f"{path.parent.name} {path.name}")


def leave_only_folders(disk: Path) -> None:
    unmount(disk)
    (disk / "2019").mkdir()
    (disk / "lost+found").mkdir()


@pytest.mark.parametrize("lose", [unmount, rename, lose_more_than_half, empty_one_by_one, leave_only_folders])
def test_everything_is_kept_over_four_refreshes(
    lose: Callable[[Path], None], followed: LibraryAddress, disk: Path, network: Network
) -> None:
    before = paths_in(followed)
    features = {path: path.read_bytes() for path in (folder_of(followed) / "features").iterdir()}
    shutil.copytree(disk, disk.with_name("copy"))
    lose(disk)

    for _ in range(4):
        report = read_nothing(followed, network)
        assert report.missing.keys() == {str(disk)}
        assert report.removed == 0
        assert paths_in(followed) == before
        [root] = [root for root in read_status(followed).roots if root.unreachable]
        assert root.path == str(disk)

    assert {path: path.read_bytes() for path in features} == features
    shutil.rmtree(disk, ignore_errors=True)
    disk.with_name("copy").rename(disk)
    report = read_nothing(followed, network)
    assert (report.missing, report.unchanged) == ({}, len(before))
    assert [root.unreachable for root in read_status(followed).roots] == [None, None]
    assert verify(followed, SilentProgress()).damage == []


@only_in_a_folder
def test_both_roots_at_once(followed: LibraryAddress, disk: Path, network: Network) -> None:
    before = paths_in(followed)
    home = disk.with_name("home")
    unmount(disk)
    home.rename(disk.with_name("away home"))
    home.mkdir()  # it held fewer than twenty files, but now it holds none
    for _ in range(4):
        assert read_nothing(followed, network).missing.keys() == {str(disk), str(home)}
        assert paths_in(followed) == before


def test_a_change_of_the_network_while_a_disk_is_away(
    followed: LibraryAddress, disk: Path, network: Network, other_network: Network
) -> None:
    before = paths_in(followed)
    unmount(disk)
    for used in (other_network, network, other_network):
        read_nothing(followed, used)
        assert paths_in(followed) == before


def test_a_few_deleted_files_are_gone(followed: LibraryAddress, disk: Path, network: Network) -> None:
    before = paths_in(followed)
    lost = sorted((disk / "2019").iterdir())[: HELD // 2]
    for path in lost:
        path.unlink()
    report = read_nothing(followed, network)
    assert (report.removed, report.missing) == (HELD // 2, {})
    assert paths_in(followed) == before - {str(path) for path in lost}


@only_in_a_folder
def test_a_small_root_counts_only_when_it_is_empty(
    tmp_path: Path, library: LibraryAddress, network: Network
) -> None:
    paths = small_pictures(tmp_path / "few", 19)
    run_build(library, network, tmp_path / "few")
    for path in paths[1:]:
        path.unlink()
    report = read_nothing(library, network)
    assert (report.removed, report.missing) == (18, {})
    paths[0].unlink()
    report = read_nothing(library, network)
    assert (report.removed, report.missing.keys()) == (0, {str(tmp_path / "few")})


@only_in_a_folder
@pytest.mark.parametrize("lose", [unmount, rename, lose_more_than_half])
def test_it_can_be_said_to_be_meant(
    lose: Callable[[Path], None], followed: LibraryAddress, disk: Path, network: Network
) -> None:
    lose(disk)
    home = disk.with_name("home")
    report = read_nothing(followed, network, home, accept_empty=True)
    assert (report.removed, report.missing.keys()) == (0, {str(disk)})  # it was said of another root
    report = read_nothing(followed, network, disk, accept_empty=True)
    assert report.missing == {}
    assert report.removed == (HELD - 4 if lose is lose_more_than_half else HELD)
    assert [root.unreachable for root in read_status(followed).roots] == [None, None]


def test_a_disk_back_at_another_path(followed: LibraryAddress, disk: Path, network: Network) -> None:
    before = paths_in(followed)
    elsewhere = disk.with_name("elsewhere")
    disk.rename(elsewhere)
    report = read_nothing(followed, network, elsewhere)
    assert (report.renamed, report.removed, report.copied, report.added) == (HELD, 0, 0, 0)
    moved = {path.replace(str(disk), str(elsewhere)) for path in before}
    assert paths_in(followed) == moved
    elsewhere.rename(disk)
    report = read_nothing(followed, network)
    assert (report.restored + report.renamed, report.removed) == (HELD, 0)
    assert paths_in(followed) == before


@only_in_a_folder
def test_a_root_whose_case_changed(followed: LibraryAddress, disk: Path, network: Network) -> None:
    upper = disk.with_name("DISK")
    disk.rename(upper)
    assert read_nothing(followed, network).missing.keys() == {str(disk)}
    report = read_nothing(followed, network, upper)
    assert (report.renamed, report.added) == (HELD, 0)
    assert len(paths_in(followed)) == HELD + 3


def test_files_moved_to_another_root_are_not_lost(
    followed: LibraryAddress, disk: Path, network: Network
) -> None:
    (disk / "2019").rename(disk.with_name("home") / "2019")
    report = read_nothing(followed, network)
    assert (report.renamed, report.removed, report.missing) == (HELD - 4, 0, {})
    assert len(paths_in(followed)) == HELD + 3


def test_copies_that_are_known_elsewhere_may_be_deleted(
    tmp_path: Path, library: LibraryAddress, disk: Path, network: Network
) -> None:
    shutil.copytree(disk, tmp_path / "backup")
    run_build(library, network, disk, tmp_path / "backup")
    shutil.rmtree(disk)
    disk.mkdir()
    report = read_nothing(library, network)
    assert (report.removed, report.missing) == (HELD, {})
    assert len(paths_in(library)) == HELD
    shutil.rmtree(disk)
    shutil.copytree(tmp_path / "backup", disk)  # the disk was only away
    assert read_nothing(library, network).restored == HELD


@only_in_a_folder
def test_a_backup_of_an_absent_disk_does_not_replace_what_was_known_twice(
    tmp_path: Path, library: LibraryAddress, disk: Path, network: Network
) -> None:
    shutil.copytree(disk, tmp_path / "backup")
    run_build(library, network, disk, tmp_path / "backup")
    disk.rename(tmp_path / "away")
    assert read_nothing(library, network).removed == 0
    assert len(paths_in(library)) == 2 * HELD


@only_in_a_folder
def test_a_deleted_file_that_was_a_root_is_gone(
    library: LibraryAddress, disk: Path, network: Network
) -> None:
    run_build(library, network, disk / "000.png", disk / "001.png")
    (disk / "000.png").unlink()
    report = read_nothing(library, network)
    assert (report.removed, report.missing) == (1, {})
    unmount(disk)
    report = read_nothing(library, network)
    assert (report.removed, report.missing.keys()) == (0, {str(disk / "001.png"), str(disk / "000.png")})


@only_in_a_folder
def test_a_link_into_a_disk_that_is_away(
    tmp_path: Path, library: LibraryAddress, disk: Path, network: Network
) -> None:
    root = tmp_path / "links"
    small_pictures(root, 2, seed=3)
    (root / "to disk").symlink_to(disk)
    (root / "one.png").symlink_to(disk / "001.png")
    run_build(library, network, root, follow_links=True)
    before = paths_in(library)
    assert len(before) == HELD + 3
    rename(disk)
    report = read_nothing(library, network)
    assert report.missing.keys() == {str(root / "to disk"), str(root / "one.png")}
    assert paths_in(library) == before


@only_in_a_folder
@pytest.mark.mount
def test_a_disk_that_is_mounted_below_a_root(
    tmp_path: Path, library: LibraryAddress, network: Network
) -> None:
    root = tmp_path / "root"
    small_pictures(root, 30)
    with small_disk(root / "nas", 4) as mounted:
        if mounted is None:
            pytest.skip("mounting is not allowed here")
        small_pictures(mounted / "photos", 5, seed=4)
        run_build(library, network, root)
        before = paths_in(library)
        assert len(before) == 35
    for _ in range(2):
        report = read_nothing(library, network)
        assert report.missing.keys() == {str(root / "nas")}
        assert paths_in(library) == before
    assert read_nothing(library, network, accept_empty=True).removed == 5


@only_in_a_folder
@pytest.mark.mount
def test_a_network_disk_without_a_reply(
    followed: LibraryAddress, disk: Path, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan_module, "_LISTING_TIMEOUT_S", 0.3)
    before = paths_in(followed)
    rename(disk)
    with stalled_disk(disk) as stalled:
        if stalled is None:
            pytest.skip("mounting is not allowed here")
        report = read_nothing(followed, network)
        assert report.missing == {str(disk): "no answer within 0.3 seconds"}
        assert paths_in(followed) == before
