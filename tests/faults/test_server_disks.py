"""A full disk of the server: it costs nothing that was committed, and the same command continues."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from attune.core.errors import LibraryError, UnreachableServer
from attune.embedding.network import DEFAULT_NETWORK
from attune.indexer import reconnection
from attune.indexer.library import LibraryReader
from attune.tests.faults.disturbed_build import build_with
from attune.tests.faults.kill_rounds import build_quietly, examine, read_contents
from attune.tests.faults.killed_build import make_media
from attune.tests.faults.library_places import DatabasePlace
from attune.tests.faults.mounts import grow, small_disk
from attune.tests.postgres_server import PostgresServer, small_disk_server

_NEW = 600


def fill(disk: Path, left_bytes: int) -> None:
    """Leave so much room on a disk."""
    system = os.statvfs(disk)
    with (disk / "filler").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, system.f_bavail * system.f_frsize - left_bytes)


def add_media(media: Path) -> None:
    for new in range(_NEW):
        (media / f"new-{new:03d}.jpg").write_bytes(b"new %d" % new)


@pytest.mark.mount
@pytest.mark.parametrize("left_kb", [64, 700, 1400])
def test_a_full_disk_of_the_server_costs_nothing_that_was_committed(left_kb: int, tmp_path: Path) -> None:
    media = tmp_path / "media"
    make_media(media, 140)
    with small_disk_server(64) as server, DatabasePlace(server, tmp_path / "features") as place:
        disk = server.data_folder.parent
        library = place.new()
        build_quietly(library, media, DEFAULT_NETWORK)
        before = read_contents(library)
        add_media(media)
        server.execute("CHECKPOINT")
        with LibraryReader(library) as opened:
            fill(disk, left_kb << 10)
            with pytest.raises(LibraryError, match=r"the server's disk is full$") as raised:
                build_quietly(library, media, DEFAULT_NETWORK)
            assert str(raised.value).startswith(str(library))
            assert "\n" not in str(raised.value)
            assert len(opened.items(opened.ids("image").tolist())) == 130
        assert read_contents(library) == before
        assert examine(library, must_answer=True) == []
        grow(disk, 256)
        build_quietly(library, media, DEFAULT_NETWORK)
        assert len(read_contents(library)) == 140 + _NEW
        assert examine(library, must_answer=True) == []


@contextmanager
def _server_with_its_log_on(folder: Path, size_mb: int) -> Iterator[tuple[PostgresServer, Path]]:
    folder.chmod(0o755)
    for parent in folder.parents:
        if str(parent).startswith("/tmp/pytest"):
            parent.chmod(0o755)
    with small_disk(folder / "disk", size_mb) as disk:
        if disk is None:
            pytest.skip("mounting a disk is not allowed here")
        with PostgresServer(data_folder=disk / "data") as server:
            yield server, disk


@pytest.mark.mount
def test_a_server_that_cannot_write_its_log_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL ends itself then, and starts again when there is room."""
    monkeypatch.setattr(reconnection, "_BUILD_PAUSES_S", (0.1, 0.2, 0.4, 0.8))
    media = tmp_path / "media"
    make_media(media, 140)
    with (
        _server_with_its_log_on(tmp_path, 80) as (server, disk),
        DatabasePlace(server, tmp_path / "features") as place,
    ):
        library = place.new()
        build_quietly(library, media, DEFAULT_NETWORK)
        before = read_contents(library)
        add_media(media)

        def run_out() -> None:
            fill(disk, 64 << 10)
            server.execute("SELECT pg_switch_wal()")  # what follows needs another file of the log

        with pytest.raises(LibraryError) as raised:
            build_with(library, media, run_out, [200])
        assert "\n" not in str(raised.value)
        assert isinstance(raised.value, UnreachableServer) or "disk is full" in str(raised.value)
        server.stop()
        grow(disk, 512)
        server.start()
        assert read_contents(library) == before
        assert examine(library, must_answer=True) == []
        build_quietly(library, media, DEFAULT_NETWORK)
        assert len(read_contents(library)) == 140 + _NEW
        assert examine(library, must_answer=True) == []
