"""Builds whose server restarts, ends or drops the connection, and two builds at a time."""

from __future__ import annotations

import os
import random
import re
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from attune.core.errors import LibraryError, UnreachableServer
from attune.core.library_address import DatabaseAddress
from attune.embedding.network import DEFAULT_NETWORK
from attune.indexer import reconnection
from attune.indexer.library_store import open_store
from attune.indexer.postgres import pgvector_index
from attune.indexer.postgres.server_connection import connect
from attune.tests.e2e.command import attune, start_attune
from attune.tests.faults.disturbed_build import build_with
from attune.tests.faults.kill_rounds import build_quietly, examine, read_contents
from attune.tests.faults.killed_build import make_media
from attune.tests.faults.library_places import DatabasePlace, SmallLibrary, open_rows
from attune.tests.faults.tcp_proxy import TcpProxy
from attune.tests.postgres_server import PostgresServer

_PAUSES_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
_ROUNDS = int(os.environ.get("ATTUNE_RESTARTS", "6"))


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """One that tests may stop and kill."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="module")
def own_place(
    own_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DatabasePlace]:
    with DatabasePlace(own_server, tmp_path_factory.mktemp("own-features")) as made:
        yield made


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconnection, "_BUILD_PAUSES_S", _PAUSES_S)


def is_whole(library: DatabaseAddress, files: int) -> bool:
    """Whether a library has all files, none of them twice, and no damage."""
    assert examine(library, must_answer=True) == []
    with open_rows(library) as rows:
        assert rows.ask("SELECT count(*), count(DISTINCT path) FROM items") == [(files, files)]
    return len(read_contents(library)) == files


def test_a_build_goes_on_after_restarts_and_crashes_of_the_server(
    own_server: PostgresServer, own_place: DatabasePlace, tmp_path: Path, short_pauses: None
) -> None:
    make_media(tmp_path / "media", 140)
    library = own_place.new()

    def crash() -> None:
        own_server.kill()
        own_server.start()

    draw = random.Random(int(os.environ.get("ATTUNE_SEED", "1")))
    for number in range(_ROUNDS):
        for new in range(40):
            (tmp_path / "media" / f"{number}-{new}.jpg").write_bytes(b"%d %d" % (number, new))
        happen = (own_server.restart, crash)[number % 2]
        report = build_with(library, tmp_path / "media", happen, [draw.randint(1, 35)])
        assert report.generation is not None
        assert report.generation.id == number + 1
    assert is_whole(library, 140 + 40 * _ROUNDS)


@pytest.mark.parametrize("moment", ["while an index is made", "before the commit", "after the commit"])
def test_a_restart_while_a_generation_is_published_is_survived(
    moment: str,
    own_server: PostgresServer,
    own_place: DatabasePlace,
    tmp_path: Path,
    short_pauses: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from attune.indexer.postgres.postgres_store import PostgresStore
    from attune.indexer.postgres.postgres_writer import WritablePostgresCatalogue

    once = iter([True])
    restarts: list[threading.Timer] = []

    def disturb(owner: type | object, name: str, *, before: bool, later_s: float = 0.0) -> None:
        original = getattr(owner, name)

        def disturbed(*arguments: object) -> object:
            happens = next(once, False)
            if happens and before and later_s:
                restarts.append(threading.Timer(later_s, own_server.restart))
                restarts[0].start()
            elif happens and before:
                own_server.restart()
            done = original(*arguments)
            if happens and not before:
                own_server.restart()
            return done

        monkeypatch.setattr(owner, name, disturbed)

    if moment == "while an index is made":
        disturb(pgvector_index, "execute_literally", before=True, later_s=0.01)
    elif moment == "before the commit":
        disturb(WritablePostgresCatalogue, "write_generation", before=False)
    else:
        disturb(PostgresStore, "purge", before=True)
    make_media(tmp_path / "media", 140)
    library = own_place.new()
    report = build_quietly(library, tmp_path / "media", DEFAULT_NETWORK)
    for restart in restarts:
        restart.join()  # the build may have ended before
    assert next(once, None) is None
    assert report.generation is not None
    assert is_whole(library, 140)


def test_a_server_that_does_not_come_back_ends_the_build_with_one_line(
    own_server: PostgresServer, own_place: DatabasePlace, tmp_path: Path, short_pauses: None
) -> None:
    make_media(tmp_path / "media", 140)
    library = own_place.new()
    try:
        with pytest.raises(UnreachableServer, match="cannot be reached") as raised:
            build_with(library, tmp_path / "media", own_server.stop, [100])
        assert "\n" not in str(raised.value)
    finally:
        own_server.start()
    build_quietly(library, tmp_path / "media", DEFAULT_NETWORK)
    assert is_whole(library, 140)


def test_cuts_of_a_build_are_survived(
    library: DatabaseAddress, first_library: SmallLibrary, proxy: TcpProxy, tmp_path: Path, short_pauses: None
) -> None:
    """However little gets through before each cut, and wherever it falls."""
    media = tmp_path / "media"
    make_media(media, 140)
    for new in range(60):
        (media / f"new-{new}.jpg").write_bytes(b"new %d" % new)
    far = DatabaseAddress(proxy.through(library.url))
    draw = random.Random(int(os.environ.get("ATTUNE_SEED", "1")))
    for number in range(_ROUNDS):
        (media / f"more-{number}.jpg").write_bytes(b"more %d" % number)
        proxy.cut_after(round(10 ** draw.uniform(3.0, 4.5)), only_once=True)
        build_quietly(far, media, DEFAULT_NETWORK)
        proxy.cut_after(None)
    assert proxy.cuts
    build_quietly(library, media, DEFAULT_NETWORK)
    assert len(read_contents(library)) == 2 * 140 + 60 + _ROUNDS
    assert examine(library, must_answer=True) == []


def test_a_lost_connection_that_the_server_has_not_noticed_holds_up_nobody(
    place: DatabasePlace, proxy: TcpProxy, tmp_path: Path, short_pauses: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The build cuts its own connection while the server is busy with it, and continues at once."""
    make_media(tmp_path / "media", 140)
    library = place.new()
    held = []

    def lose(connection: object, statement: str) -> None:
        if not held:  # a statement that takes long, in place of the making of a large index
            held.append(statement)
            statement = "SELECT pg_sleep(60)"
            threading.Timer(0.3, proxy.cut).start()
        connection.execute(statement)  # type: ignore[attr-defined]

    monkeypatch.setattr(pgvector_index, "execute_literally", lose)
    began = time.monotonic()
    build_quietly(DatabaseAddress(proxy.through(library.url)), tmp_path / "media", DEFAULT_NETWORK)
    assert held
    assert time.monotonic() - began < 15.0
    assert is_whole(library, 140)


def test_the_second_writer_is_told_who_writes(library: DatabaseAddress, first_library: SmallLibrary) -> None:
    with open_store(library).lock():
        refused = attune("build-index", "--quiet", library=library)
    assert refused.returncode == 1
    assert re.fullmatch(
        rf"attune: {re.escape(library.url)}: attune \S+:{os.getpid()} \(user attune\) is writing it; "
        r"try again later\n",
        refused.stderr,
    )
    assert build_quietly(library, None, DEFAULT_NETWORK).generation is not None
    assert len(read_contents(library)) == 140


def test_a_writer_that_lost_the_lock_without_knowing_writes_nothing(
    library: DatabaseAddress, postgres: PostgresServer, tmp_path: Path, short_pauses: None
) -> None:
    """Its rows would come over the lost connection; the features in the folder have a lock of their own."""
    media = tmp_path / "media"
    media.mkdir()
    for new in range(140):
        (media / f"{new}.jpg").write_bytes(b"new %d" % new)
    refused: list[str] = []

    def lose_lock() -> None:
        postgres.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
            library.url.rpartition("/")[2],
        )
        with open_store(library).lock():  # which nobody has
            pass
        with pytest.raises(LibraryError, match="another build") as raised:
            build_quietly(library, media, DEFAULT_NETWORK)
        refused.append(str(raised.value))

    build_with(library, media, lose_lock, [70])
    assert len(refused) == 1
    assert len(read_contents(library)) == 280
    assert examine(library, must_answer=True) == []


def test_ctrl_c_ends_the_wait_for_a_server(
    place: DatabasePlace, postgres: PostgresServer, media: Path, network_folder: Path, proxy: TcpProxy
) -> None:
    library = place.new()
    far = DatabaseAddress(proxy.through(library.url))
    process = start_attune(
        "build-index", media, "--network", network_folder, "--workers", 1, "-v", library=far
    )
    writing = "SELECT 1 FROM pg_locks JOIN pg_database ON oid = database WHERE locktype = 'advisory'"
    writing += f" AND datname = '{library.url.rpartition('/')[2]}'"
    deadline = time.monotonic() + 30.0
    while not postgres.execute(writing):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    proxy.refuse()
    proxy.cut()
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if "trying again in" in line:
            break
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=30)
    assert process.returncode == 130
    assert rest.splitlines()[-1].startswith("attune: interrupted; what was finished is kept")
    proxy.accept()
    assert attune("build-index", media, "--network", network_folder, library=far).returncode == 0
    connect(library).close()


def test_pythons_build_goes_on_after_a_cut(
    place: DatabasePlace,
    proxy: TcpProxy,
    media: Path,
    network_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import attune as package

    monkeypatch.setattr(reconnection, "_BUILD_PAUSES_S", _PAUSES_S)
    library = place.new()
    proxy.cut_after(3_000, only_once=True)
    package.build(media, library=proxy.through(library.url), network=str(network_folder), quiet=True)
    assert proxy.cuts == 1
    assert examine(library, must_answer=True) == []
