"""Shared by the fault tests of libraries in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from attune.core.library_address import DatabaseAddress
from attune.embedding.network import DEFAULT_NETWORK
from attune.tests.faults.kill_rounds import build_quietly
from attune.tests.faults.killed_build import make_media
from attune.tests.faults.library_places import DatabasePlace, SmallLibrary
from attune.tests.faults.tcp_proxy import TcpProxy
from attune.tests.postgres_server import PostgresServer


@pytest.fixture(scope="module")
def place(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabasePlace]:
    """Databases for the libraries of a module's tests, which have indexes although they are small."""
    with DatabasePlace(postgres, tmp_path_factory.mktemp("features")) as made:
        yield made


@pytest.fixture(scope="module")
def first_library(place: DatabasePlace, tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    """A library with one generation; treat it as read-only."""
    media = tmp_path_factory.mktemp("small") / "media"
    make_media(media, 140)
    address = place.new()
    build_quietly(address, media, DEFAULT_NETWORK)
    return SmallLibrary(address, media)


@pytest.fixture
def library(place: DatabasePlace, first_library: SmallLibrary) -> Iterator[DatabaseAddress]:
    """A copy of it that a test may change."""
    address = place.copy(first_library.address)
    yield address
    place.remove(address)


@pytest.fixture
def proxy(postgres: PostgresServer) -> Iterator[TcpProxy]:
    """A network between Attune and the server that can fail."""
    with TcpProxy("127.0.0.1", postgres.port) as running:
        yield running
