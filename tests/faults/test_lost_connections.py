"""Connections to the server of a library that are cut, stall or are refused while a reader asks."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attune.core.errors import LibraryError, LostConnection, UnreachableServer
from attune.core.library_address import DatabaseAddress
from attune.embedding.network import DEFAULT_NETWORK, EMBEDDING_DIM
from attune.indexer.library import LibraryReader
from attune.indexer.library_settings import change_settings
from attune.indexer.postgres import pgvector_search, postgres_catalogue, server_connection
from attune.indexer.reconnection import keep_trying
from attune.indexer.records import Selection
from attune.tests.faults.kill_rounds import build_quietly, examine
from attune.tests.faults.library_places import SMALL_EXACT_ROWS, SmallLibrary
from attune.tests.faults.tcp_proxy import TcpProxy
from attune.tests.postgres_server import PostgresServer

_CUTS = int(os.environ.get("ATTUNE_CUTS", "20"))
_QUERY = np.random.default_rng(0).normal(size=EMBEDDING_DIM).astype(np.float32)


@pytest.fixture
def far(library: DatabaseAddress, proxy: TcpProxy) -> DatabaseAddress:
    """The library by way of the network that can fail."""
    return DatabaseAddress(proxy.through(library.url))


@pytest.fixture
def opened(far: DatabaseAddress, monkeypatch: pytest.MonkeyPatch) -> Iterator[LibraryReader]:
    """A reader of it, which searches by index."""
    monkeypatch.setattr(pgvector_search, "EXACT_ROWS", SMALL_EXACT_ROWS)
    with LibraryReader(far) as reader:
        yield reader


def ask_all(opened: LibraryReader) -> list[Any]:
    """Ask all kinds of questions; return comparable answers."""
    answers: list[Any] = [opened.roots(), opened.count_undated()]
    for kind in ("image", "music"):
        ids = opened.ids(kind)
        nearest, inner = opened.nearest(kind, _QUERY, 10)
        exact, _ = opened.nearest(kind, _QUERY, 10, Selection(below=(opened.roots()[0].path,)))
        paths = opened.paths(kind)
        answers += [ids.tolist(), nearest.tolist(), inner.tolist(), exact.tolist(), paths]
        answers += [opened.items(ids.tolist()), opened.vectors(ids.tolist()).tobytes()]
        answers += [opened.places(kind)[1].tobytes(), opened.item_at(paths[0][1]) is not None]
        answers += [sorted(opened.moments(ids.tolist())), opened.search(kind).sample(20).tolist()]
    return answers


def forget(opened: LibraryReader) -> LibraryReader:
    """Let a reader ask again what it keeps."""
    opened._places.clear()
    return opened


def test_a_question_whose_answer_is_cut_off_is_asked_again(
    opened: LibraryReader, proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_catalogue, "QUESTION_PAUSES_S", (0.01, 0.01))
    expected = ask_all(opened)
    draw = random.Random(int(os.environ.get("ATTUNE_SEED", "1")))
    while proxy.cuts < _CUTS:
        proxy.cut_after(round(10 ** draw.uniform(0.0, 5.0)), only_once=True)
        assert ask_all(forget(opened)) == expected
    assert opened.generation.id == 1


def test_idle_connections_may_be_ended_by_the_server(opened: LibraryReader, postgres: PostgresServer) -> None:
    expected = ask_all(opened)
    database = str(opened.path).rpartition("/")[2]
    for _ in range(5):
        ended = postgres.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", database
        )
        assert ended == [(True,)]
        assert ask_all(forget(opened)) == expected


def test_a_stalled_network_that_ends_in_a_cut_is_survived(opened: LibraryReader, proxy: TcpProxy) -> None:
    expected = ask_all(opened)
    for cut in (False, True, True):
        proxy.stall()
        waits = threading.Timer(0.5, lambda cut=cut: (proxy.cut() if cut else None, proxy.resume()))
        waits.start()
        assert ask_all(forget(opened)) == expected
        waits.join()


def test_a_question_on_a_connection_that_has_come_to_a_halt_is_asked_again(
    opened: LibraryReader, proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_catalogue, "_ANSWER_S", 0.5)
    expected = ask_all(opened)
    accepted = proxy.accepted
    proxy.stall()
    began = time.monotonic()
    halted = threading.Timer(1.0, proxy.resume)
    halted.start()
    assert ask_all(forget(opened)) == expected
    halted.join()
    assert time.monotonic() - began < 5.0
    assert proxy.accepted > accepted  # asked over another connection


def test_a_server_that_has_come_to_a_halt_is_said_in_one_line(
    opened: LibraryReader, proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_catalogue, "_ANSWER_S", 0.5)
    monkeypatch.setattr(postgres_catalogue, "QUESTION_PAUSES_S", (0.1,))
    monkeypatch.setitem(server_connection._PATIENCE, "connect_timeout", "2")
    proxy.stall()
    with pytest.raises(LibraryError, match=r"no answer|timeout") as raised:
        opened.ids("image")
    assert "\n" not in str(raised.value)
    proxy.resume()


def test_a_server_that_stays_away_is_said_in_one_line(
    opened: LibraryReader, proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses_s = (0.1, 0.2, 0.3)
    monkeypatch.setattr(postgres_catalogue, "QUESTION_PAUSES_S", pauses_s)
    expected = ask_all(opened)
    proxy.refuse()
    for _ in range(2):  # the second question begins without any connection
        proxy.cut()
        began = time.monotonic()
        with pytest.raises(UnreachableServer, match="cannot be reached") as raised:
            opened.ids("image")
        assert "\n" not in str(raised.value)
        assert sum(pauses_s) <= time.monotonic() - began < sum(pauses_s) + 2.0
    proxy.accept()
    assert ask_all(forget(opened)) == expected


def _publish_two_more(library: DatabaseAddress, media: Path) -> None:
    for pattern in ("*1.jpg", "*2.jpg"):
        _leave_out(library, pattern)


def _leave_out(library: DatabaseAddress, pattern: str) -> None:
    from attune.core.exclusions import Exclusion
    from attune.core.progress import SilentProgress
    from attune.core.settings import Settings
    from attune.embedding.network import open_network

    change_settings(
        library,
        lambda known: replace(known, exclusions=[Exclusion(pattern)]),
        lambda _: open_network(),
        Settings(workers=1),
        SilentProgress(),
    )


def test_a_lease_outlasts_a_cut_before_its_generation_would_be_purged(
    opened: LibraryReader, library: DatabaseAddress, proxy: TcpProxy
) -> None:
    expected = ask_all(opened)
    _leave_out(library, "*1.jpg")
    proxy.cut()
    assert ask_all(forget(opened)) == expected  # which takes the lease again
    _leave_out(library, "*2.jpg")
    _leave_out(library, "*3.jpg")
    assert ask_all(forget(opened)) == expected
    with LibraryReader(library) as newer:
        assert newer.generation.id == 4
    assert examine(library, must_answer=True) == []


def test_a_generation_that_was_purged_meanwhile_never_answers(
    opened: LibraryReader, library: DatabaseAddress, proxy: TcpProxy
) -> None:
    proxy.cut()
    for number in range(1, 4):
        _leave_out(library, f"*{number}.jpg")
    for _ in range(2):
        with pytest.raises(LibraryError, match=r"was replaced while the connection was lost; ask again$"):
            opened.ids("image")
    with LibraryReader(library) as newer:
        assert newer.generation.id == 4


def test_another_library_with_the_same_number_of_generation_never_answers(
    opened: LibraryReader, library: DatabaseAddress, first_library: SmallLibrary, proxy: TcpProxy
) -> None:
    from attune.indexer.library_store import open_store

    proxy.cut()
    open_store(library).remove()
    build_quietly(library, first_library.media, DEFAULT_NETWORK)
    with pytest.raises(LibraryError, match="was replaced"):
        opened.ids("image")


def test_a_reader_that_opens_while_generations_are_purged_takes_the_newest(
    far: DatabaseAddress, library: DatabaseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its question for the generation and its lease, three others are published."""
    take = postgres_catalogue.PostgresCatalogue._take_lease
    late = iter([True])

    def take_late(catalogue: Any, connection: Any, generation: Any) -> None:
        if next(late, False):
            for number in range(1, 4):
                _leave_out(library, f"*{number}.jpg")
        take(catalogue, connection, generation)

    monkeypatch.setattr(postgres_catalogue.PostgresCatalogue, "_take_lease", take_late)
    with LibraryReader(far) as opened:
        assert opened.generation.id == 4
        assert len(opened.ids("image")) == opened.generation.images


def test_the_pauses_of_a_build_begin_anew_after_a_long_time_without_a_loss() -> None:
    calls = []

    def build() -> str:
        calls.append(None)
        if len(calls) == 6:
            return "done"
        time.sleep(0.03)
        raise LostConnection("cut")

    assert keep_trying(build, (0.01, 0.02), renew_after_s=0.02) == "done"
    calls.clear()
    with pytest.raises(LostConnection):
        keep_trying(build, (0.01, 0.02))
    assert len(calls) == 3


def test_a_connection_whose_question_was_broken_off_is_not_used_again(
    opened: LibraryReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_catalogue, "QUESTION_PAUSES_S", (0.01, 0.01))
    catalogue = opened._catalogue
    assert isinstance(catalogue, postgres_catalogue.PostgresCatalogue)
    expected = ask_all(opened)

    def leave_busy(connection: Any) -> None:
        connection.pgconn.send_query(b"SELECT pg_sleep(0.2)")
        raise LostConnection("as if it were lost")

    with pytest.raises(LostConnection):
        catalogue.ask(leave_busy)
    assert ask_all(forget(opened)) == expected
