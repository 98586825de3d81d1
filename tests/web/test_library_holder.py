"""The server follows new generations of its library while it answers queries."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from attune.core.library_address import LibraryAddress
from attune.embedding.network import Network
from attune.retrieval.web.library_holder import LibraryHolder
from attune.tests.conftest import PHOTOS, run_build
from attune.tests.media_factory import photo
from attune.tests.web.test_api import API, get, items


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_a_new_generation_is_served_without_a_restart_and_without_an_error(
    serve: Callable[..., TestClient], own_media: Path, library: LibraryAddress, network: Network
) -> None:
    client = serve(library, poll_interval_s=0.05)
    assert client.get("/healthz").json()["generation"] == 0
    run_build(library, network, own_media)
    wait_until(lambda: client.get("/healthz").json()["generation"] == 1)
    like = items(client, "music")[0]["id"]
    statuses: list[int] = []
    counts: set[int] = set()
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            answer = client.get(f"{API}/images?like={like}&limit=100")
            statuses.append(answer.status_code)
            # An answer comes from one generation: it has as many results as that generation has pictures.
            counts.add(len(answer.json()["results"]) - answer.json()["library"]["images"])

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for more in range(3):
        photo(own_media / f"more {more}.png", 500 + more)
        run_build(library, network, own_media)
        wait_until(lambda seen=more + 2: client.get("/healthz").json()["generation"] == seen)
    ended.set()
    for thread in threads:
        thread.join()
    assert set(statuses) == {200}
    assert counts == {0}
    assert get(client, "/status")["images"] == PHOTOS + 3


@pytest.mark.slow
def test_what_is_in_use_stays_open_until_it_is_given_back(
    own_media: Path, library: LibraryAddress, network: Network
) -> None:
    run_build(library, network, own_media)
    holder = LibraryHolder(library, None)
    assert holder.refresh()
    assert not holder.refresh()
    with holder.use() as old:
        photo(own_media / "new.png", 900)
        run_build(library, network, own_media)
        assert holder.refresh()
        assert old.library.generation.id == 1
        assert len(old.library.paths("image")) == PHOTOS
        with holder.use() as new:
            assert len(new.library.paths("image")) == PHOTOS + 1
    holder.close()


@pytest.mark.slow
def test_a_library_that_cannot_be_opened_leaves_the_old_one(
    own_media: Path, library: LibraryAddress, network: Network, other_network: Network
) -> None:
    run_build(library, network, own_media)
    holder = LibraryHolder(library, network.source)
    holder.refresh()
    run_build(library, other_network, own_media)
    assert not holder.refresh()
    assert holder.generation == 1
    assert holder.problem is not None
    assert "network" in holder.problem
    holder.close()
