"""Full, failing and read-only disks; and that media files are never written."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attune.core.atomic_files import atomic_write
from attune.core.errors import LibraryError
from attune.embedding.backbones import DEFAULT_BACKBONES
from attune.embedding.network import DEFAULT_NETWORK
from attune.indexer.feature_store import FeatureStore
from attune.indexer.library import LibraryReader
from attune.tests.e2e.command import ATTUNE
from attune.tests.faults.kill_rounds import build_quietly, make_media, read_contents
from attune.tests.faults.mounts import grow, read_only, small_disk


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("base")
    make_media(folder / "media", 80)
    build_quietly(folder / "library", folder / "media", DEFAULT_NETWORK)
    for number in range(300):
        (folder / "media" / f"new-{number:03d}.jpg").write_bytes(b"new %d" % number)
    return folder / "library", folder / "media"


@pytest.mark.mount
def test_a_full_disk_costs_nothing_that_was_committed(base: tuple[Path, Path], tmp_path: Path) -> None:
    original, media = base
    with small_disk(tmp_path / "disk", 2) as disk:
        if disk is None:
            pytest.skip("mounting a disk is not allowed here")
        library = Path(shutil.copytree(original, disk / "library"))
        before = read_contents(library)
        with pytest.raises(LibraryError, match=r"full|No space"):
            build_quietly(library, media, DEFAULT_NETWORK)
        with LibraryReader(library) as opened:
            assert opened.generation.id == 1
        assert read_contents(library) == before
        assert not list(library.glob("index/.aside-*"))
        grow(disk, 64)
        assert build_quietly(library, media, DEFAULT_NETWORK).generation is not None
        assert len(read_contents(library)) == len(before) + 300


@pytest.mark.parametrize("kilobytes", [450, 700, 1300])
def test_files_that_cannot_grow_cost_nothing_either(
    base: tuple[Path, Path], tmp_path: Path, kilobytes: int
) -> None:
    original, media = base
    library = Path(shutil.copytree(original, tmp_path / "library"))
    _limited(library, media, kilobytes * 1024)


def _limited(library: Path, media: Path, size: int) -> None:
    before = read_contents(library)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        with pytest.raises(LibraryError):
            build_quietly(library, media, DEFAULT_NETWORK)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert read_contents(library) == before
    assert build_quietly(library, media, DEFAULT_NETWORK).generation is not None
    assert len(read_contents(library)) == len(before) + 300


class FailingFile(io.FileIO):
    """File on a disk that fails after a number of bytes."""

    def __init__(self, path: Path, room: int) -> None:
        super().__init__(path, "ab")
        self._room = room

    def write(self, data: Any) -> int:
        wanted = memoryview(data).nbytes
        if self._room < wanted:
            super().write(bytes(data)[: self._room])
            raise OSError(errno.EIO, "Input/output error")
        self._room -= wanted
        return super().write(data)


def test_a_store_whose_disk_fails_ends_where_it_did(tmp_path: Path) -> None:
    backbone = DEFAULT_BACKBONES["image"]
    rows = [np.full((1, backbone.width), number + 1, np.float16) for number in range(4)]
    store = FeatureStore(tmp_path, backbone)
    store.open_at(0)
    (first, crc), *_ = store.append(rows[:1])
    failing = FeatureStore(tmp_path, backbone, lambda path: FailingFile(path, 3 * backbone.width))
    with pytest.raises(OSError, match="Input/output"):
        failing.append(rows[1:])
    assert store.count() == 1
    (second, other), *_ = store.append(rows[3:])
    assert (first, second) == (0, 1)
    np.testing.assert_array_equal(store.read(first, 1, crc), rows[0])
    np.testing.assert_array_equal(store.read(second, 1, other), rows[3])
    assert store.read(second, 1, crc) is None


def test_what_cannot_be_written_aside_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(OSError), atomic_write(path) as aside, Path("/dev/full").open("wb") as full:
        aside.write_text("new")
        full.write(bytes(1 << 20))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def _state(folder: Path) -> dict[str, tuple[int, int, str]]:
    return {
        str(path): (
            path.stat().st_mtime_ns,
            path.stat().st_mode,
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _run_commands(media: Path, library: Path, network_folder: Path) -> None:
    """Run whole commands with real workers on a media folder, which must be unchanged afterwards."""
    before = _state(media)
    for arguments in (["build-index", media, "--network", network_folder], ["build-index", "--rebuild"]):
        command = [str(ATTUNE), *map(str, arguments), "--library", str(library), "--workers", "1"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert result.returncode == 0, result.stderr
        assert "skipped" not in result.stderr
    song, picture = media / "song 1.ogg", media / "photo 00.jpg"
    for arguments in (["match", picture, song], ["mood", song]):
        command = [str(ATTUNE), *map(str, arguments), "--library", str(library)]
        assert subprocess.run(command, capture_output=True, timeout=300, check=False).returncode == 0
    assert _state(media) == before


@pytest.mark.slow
def test_media_are_unchanged_by_commands(own_media: Path, tmp_path: Path, network_folder: Path) -> None:
    _run_commands(own_media, tmp_path / "library", network_folder)


@pytest.mark.slow
@pytest.mark.mount
def test_media_on_a_read_only_disk_are_enough(own_media: Path, tmp_path: Path, network_folder: Path) -> None:
    """No command tries to write on the disk of the media, which even root cannot write."""
    with read_only(own_media) as mounted:
        if not mounted:
            pytest.skip("mounting a disk is not allowed here")
        with pytest.raises(OSError):
            (own_media / "new").touch()
        _run_commands(own_media, tmp_path / "library", network_folder)


_OPENS = """
import sys
from pathlib import Path
media = sys.argv[1]
def watch(event, arguments):
    if event == "open" and str(arguments[0]).startswith(media):
        assert not set(str(arguments[1] or "")) & set("wax+"), arguments
        assert not (arguments[2] or 0) & 3, arguments  # O_WRONLY, O_RDWR
sys.addaudithook(watch)
from attune.embedding.feature_extraction import extract
from attune.embedding.backbones import DEFAULT_BACKBONES, Backbones
backbones = Backbones(DEFAULT_BACKBONES)
for path in sorted(Path(media).iterdir()):
    if path.suffix in (".jpg", ".png", ".webp"):
        extract(path, "image", backbones)
    elif path.is_file():
        extract(path, "music", backbones)
"""


def test_media_are_opened_for_reading_alone(media: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", _OPENS, str(media)], capture_output=True, text=True, timeout=300, check=False
    )
    assert result.returncode == 0, result.stderr


def _check_read_only(library: Path, media: Path) -> None:
    """Check that a library that cannot be written is opened, and that a build of it is refused."""
    before = _state(library)
    with LibraryReader(library) as opened:
        assert len(opened.search("image").sample(1 << 40)) == opened.generation.images
    with pytest.raises(LibraryError, match="cannot be written"):
        build_quietly(library, media, DEFAULT_NETWORK)
    assert _state(library) == before


@pytest.mark.mount
def test_a_library_on_a_read_only_disk_answers(base: tuple[Path, Path], tmp_path: Path) -> None:
    library = Path(shutil.copytree(base[0], tmp_path / "library"))
    with read_only(library) as mounted:
        if not mounted:
            if os.getuid() == 0:  # the modes of files do not stop root
                pytest.skip("mounting a disk is not allowed here")
            library.chmod(0o555)
        _check_read_only(library, base[1])
