"""Shared by all tests: a small folder of real media, a network, a library built of both."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from attune.core.library_address import DatabaseAddress, LibraryAddress
from attune.core.paths import features_home
from attune.core.progress import SilentProgress
from attune.core.settings import Settings
from attune.embedding.network import Network, open_network
from attune.indexer.build import BuildReport, BuildRequest, build
from attune.indexer.library_store import open_store
from attune.tests.media_factory import photo, song
from attune.tests.networks import write_network

if TYPE_CHECKING:
    from attune.tests.postgres_server import PostgresServer

PHOTOS = 14
SONGS = 4


MAY_BE_SKIPPED = {"gpu", "affect", "mount"}  # what these tests need is not everywhere
TEST_VARIABLES = {"ATTUNE_AFFECT", "ATTUNE_CHROMIUM", "ATTUNE_MOOD_PROTOCOL", "ATTUNE_UPDATE_SNAPSHOTS"}
TEST_VARIABLES |= {"ATTUNE_SEED", "ATTUNE_KILLS", "ATTUNE_CUTS", "ATTUNE_RESTARTS"}  # longer fault tests


def pytest_configure(config: pytest.Config) -> None:
    """Keep the settings and the terminal of whoever runs the tests out of them."""
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):  # the latter for the features of databases
        os.environ[name] = tempfile.mkdtemp(prefix="attune-test-home-")
        config.add_cleanup(partial(shutil.rmtree, os.environ[name]))
    os.environ.pop("COLUMNS", None)  # pytest-xdist sets it, and tables follow it
    for name in [one for one in os.environ if one.startswith("ATTUNE_") and one not in TEST_VARIABLES]:
        del os.environ[name]
    for name in [one for one in os.environ if one.startswith("PG")]:  # libpq's, such as PGSSLMODE
        del os.environ[name]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark the tests whose fixtures drive a browser or take long."""
    fixtures = set(getattr(item, "fixturenames", ()))
    if "browser" in fixtures:
        item.add_marker(pytest.mark.browser)
    if fixtures & {"checkout", "sample_libraries", "samples_library"}:
        item.add_marker(pytest.mark.slow)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """In CI a skipped test is a failure, unless what it needs is not everywhere."""
    skipped = forbidden_skips(terminalreporter)
    if skipped:
        terminalreporter.write_line(f"{len(skipped)} tests were skipped; in CI that is a failure", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if forbidden_skips(reporter) and exitstatus == 0:
        session.exitstatus = 1


def forbidden_skips(reporter: pytest.TerminalReporter) -> list[pytest.TestReport]:
    """The skipped tests that should have run; none outside CI."""
    if os.environ.get("CI") != "true":
        return []
    return [
        one
        for one in reporter.getreports("skipped")
        if MAY_BE_SKIPPED.isdisjoint(getattr(one, "keywords", ()))
    ]


def run_build(library: LibraryAddress, network: Network, *paths: Path, **options: object) -> BuildReport:
    """Build with two workers and without progress."""
    request = BuildRequest(library, tuple(str(path) for path in paths), **options)  # type: ignore[arg-type]
    return build(request, network, Settings(workers=2), SilentProgress())


@pytest.fixture(scope="session")
def network_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_network(tmp_path_factory.mktemp("network"), seed=0)


@pytest.fixture(scope="session")
def network(network_folder: Path) -> Network:
    return open_network(str(network_folder))


@pytest.fixture(scope="session")
def other_network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return open_network(str(write_network(tmp_path_factory.mktemp("other-network"), seed=1)))


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures and songs of several formats, some in a folder below."""
    folder = tmp_path_factory.mktemp("media")
    (folder / "below").mkdir()
    for seed in range(PHOTOS):
        suffix = ("jpg", "png", "webp")[seed % 3]
        photo(folder / ("below" if seed % 2 else ".") / f"photo {seed:02d}.{suffix}", seed)
    for seed in range(SONGS):
        suffix = ("flac", "ogg", "m4a", "mp3")[seed]
        song(folder / f"song {seed}.{suffix}", seed, seconds=8.0 + 4 * seed)
    return folder


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, media: Path, network: Network) -> Path:
    """A library of `media`; treat it as read-only."""
    library = tmp_path_factory.mktemp("built") / "library"
    run_build(library, network, media)
    return library


@pytest.fixture(scope="session", params=["folder", "postgres"])
def library_kind(request: pytest.FixtureRequest) -> str:
    """Where a library is kept: tests of what a library does run over both."""
    return str(request.param)


only_in_a_folder = pytest.mark.parametrize("library_kind", ["folder"], indirect=True)
"""Decorator of a test that uses `library` for what has nothing to do with its place."""


@pytest.fixture
def library(library_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> LibraryAddress:
    """A place for a library, in which there is none yet."""
    if library_kind == "folder":
        return tmp_path / "library"
    return DatabaseAddress(request.getfixturevalue("database"))


@pytest.fixture(scope="session")
def built_database(postgres: PostgresServer, media: Path, network: Network) -> str:
    """Name of a database with a library of `media`: a template for copies, never to be opened."""
    name = postgres.create_database()
    run_build(DatabaseAddress(postgres.address(name)), network, media)
    return name


@pytest.fixture(scope="session")
def either_built(library_kind: str, request: pytest.FixtureRequest) -> LibraryAddress:
    """A library of `media`, in a folder or in a database; treat it as read-only."""
    if library_kind == "folder":
        return Path(request.getfixturevalue("built"))
    return copy_database(request.getfixturevalue("postgres"), request.getfixturevalue("built_database"))


@pytest.fixture
def own_library(
    library_kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[LibraryAddress]:
    """A library of `media` that a test may change, in a folder or in a database."""
    if library_kind == "folder":
        yield Path(shutil.copytree(request.getfixturevalue("built"), tmp_path / "library"))
        return
    server = request.getfixturevalue("postgres")
    address = copy_database(server, request.getfixturevalue("built_database"))
    yield address
    server.drop_database(address.url.rpartition("/")[2])


def copy_database(server: PostgresServer, template: str) -> DatabaseAddress:
    """Copy a library to which nobody is connected, with its features; return the address of the copy."""
    name = server.create_database(template)
    [(old,)] = server.execute("SELECT id FROM attune.library", database=name)
    [(new,)] = server.execute("UPDATE attune.library SET id = gen_random_uuid() RETURNING id", database=name)
    shutil.copytree(features_home() / str(old), features_home() / str(new))
    return DatabaseAddress(server.address(name))


def folder_of(library: LibraryAddress) -> Path:
    """Return the folder of a library's features, and of all else of it that lies in files."""
    store = open_store(library)
    catalogue = store.open_catalogue()
    assert catalogue is not None
    catalogue.close()
    return store.folder


@pytest.fixture
def own_media(tmp_path: Path, media: Path) -> Path:
    """A copy of `media` that a test may change."""
    return Path(shutil.copytree(media, tmp_path / "media"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server with pgvector, shared by all tests of a process: do not stop it."""
    from attune.tests.postgres_server import PostgresServer  # not on every system

    with PostgresServer() as server:
        yield server


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[str]:
    """The address of an empty database of its own."""
    name = postgres.create_database()
    yield postgres.address(name)
    postgres.drop_database(name)
