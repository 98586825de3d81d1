"""Shared by all tests: a small folder of real media, a network, a library built of both."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from attune.core.progress import SilentProgress
from attune.core.settings import Settings
from attune.embedding.network import Network, open_network
from attune.indexer.build import BuildReport, BuildRequest, build
from attune.tests.media_factory import photo, song
from attune.tests.networks import write_network

PHOTOS = 14
SONGS = 4


MAY_BE_SKIPPED = {"gpu", "affect", "mount"}  # what these tests need is not everywhere
TEST_VARIABLES = {"ATTUNE_AFFECT", "ATTUNE_CHROMIUM", "ATTUNE_MOOD_PROTOCOL", "ATTUNE_UPDATE_SNAPSHOTS"}


def pytest_configure(config: pytest.Config) -> None:
    """Keep the settings and the terminal of whoever runs the tests out of them."""
    folder = tempfile.mkdtemp(prefix="attune-test-config-")
    config.add_cleanup(lambda: shutil.rmtree(folder))
    os.environ["XDG_CONFIG_HOME"] = folder
    os.environ.pop("COLUMNS", None)  # pytest-xdist sets it, and tables follow it
    for name in [one for one in os.environ if one.startswith("ATTUNE_") and one not in TEST_VARIABLES]:
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


def run_build(library: Path, network: Network, *paths: Path, **options: object) -> BuildReport:
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


@pytest.fixture
def own_media(tmp_path: Path, media: Path) -> Path:
    """A copy of `media` that a test may change."""
    return Path(shutil.copytree(media, tmp_path / "media"))
