"""Fixtures: a library of shipped samples, the application in this process, a server process and a browser."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

from attune.benchmarks.page_load import find_chromium
from attune.core.library_address import LibraryAddress
from attune.embedding.network import open_network
from attune.retrieval.web.app import create_app
from attune.retrieval.web.server_config import ServerConfig
from attune.tests.conftest import run_build
from attune.tests.web.browser import NO_CHROMIUM, PATIENCE_MS, ROOT, Server, launch_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

LOCAL = "http://127.0.0.1"
PICTURES, SONGS = 28, 8


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some of the shipped samples, enough for a gallery that scrolls."""
    folder = tmp_path_factory.mktemp("samples")
    for kind, count in (("photos", PICTURES), ("music", SONGS)):
        (folder / kind).mkdir()
        for path in sorted((ROOT / "samples" / kind).iterdir())[:count]:
            shutil.copy2(path, folder / kind)
    return folder


@pytest.fixture(scope="session")
def sample_library(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Path:
    library = tmp_path_factory.mktemp("sample-library") / "library"
    run_build(library, open_network(), samples)
    return library


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., TestClient]]:
    """Function that starts the application and returns a client: `serve(library, **configuration)`."""
    opened: list[TestClient] = []

    def start(library: LibraryAddress, base_url: str = LOCAL, **configuration: object) -> TestClient:
        config = ServerConfig(library=library, cache=tmp_path / "cache", **configuration)  # type: ignore[arg-type]
        client = TestClient(create_app(config), base_url=base_url, raise_server_exceptions=False)
        client.__enter__()
        opened.append(client)
        return client

    yield start
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture
def client(serve: Callable[..., TestClient], built: Path) -> TestClient:
    return serve(built)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, sample_library: Path) -> Iterator[Server]:
    with Server(sample_library, tmp_path_factory.mktemp("serve")) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if find_chromium() is None:
        pytest.skip(NO_CHROMIUM)
    with launch_chromium() as running:
        yield running


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """A browser page that fails the test on console errors and on requests to other servers.

    A test may list console errors that it expects in `page.expected`.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    opened = context.new_page()
    problems: list[str] = []
    opened.on("console", lambda entry: problems.append(entry.text) if entry.type == "error" else None)
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on(
        "request", lambda request: problems.append(request.url) if not _is_own(request.url, server) else None
    )
    yield opened
    context.close()
    assert not [problem for problem in problems if problem not in getattr(opened, "expected", [])]


def _is_own(url: str, server: Server) -> bool:
    return url.startswith((server.address, f"blob:{server.address}", "data:"))
