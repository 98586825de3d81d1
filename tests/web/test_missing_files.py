"""Files that vanish and come back while the server runs."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from starlette.testclient import TestClient

from attune.embedding.network import Network, open_network
from attune.tests.conftest import PHOTOS, run_build
from attune.tests.faults.mounts import stalled_disk
from attune.tests.media_factory import photo
from attune.tests.web.browser import Server
from attune.tests.web.test_api import API, get, items, refused

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture
def library(tmp_path: Path, own_media: Path, network: Network) -> Path:
    run_build(tmp_path / "library", network, own_media)
    return tmp_path / "library"


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Path:
    """A folder that tests take away and bring back."""
    return Path(shutil.copytree(samples, tmp_path_factory.mktemp("mnt") / "disk"))


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory, disk: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("own-server")
    run_build(folder / "library", open_network(), disk)
    with Server(folder / "library", folder / "serve") as running:
        yield running


def fetch(server: Server, path: str, **parameters: object) -> Any:
    with urlopen(f"{server.address}{API}{path}?{urlencode(parameters)}", timeout=60) as answer:
        return json.load(answer)


def missing(answer: Any) -> list[bool]:
    return [one["missing"] for one in answer["results"]]


@pytest.mark.slow
def test_a_disk_goes_and_comes_back_while_the_server_runs(own_server: Server, disk: Path) -> None:
    song = fetch(own_server, "/items", kind="music")["items"][0]
    before = fetch(own_server, "/images", like=song["id"], limit=8)
    assert song["missing"] is False and not any(missing(before))

    disk.rename(disk.with_name("away"))
    gone = fetch(own_server, "/images", like=song["id"], limit=8)
    assert [one["id"] for one in gone["results"]] == [one["id"] for one in before["results"]]
    assert all(missing(gone)) and gone["query"][0]["missing"]
    for path in ("/mood", "/music"):
        assert fetch(own_server, path, like=song["id"])
    assert all(one["missing"] for one in fetch(own_server, "/items", kind="image")["items"])
    assert all(missing(fetch(own_server, "/browse", valence=0, arousal=0)))
    assert fetch(own_server, "/status")["problem"] is None
    for address in (before["results"][0]["thumbnail"], song["media"]):
        with pytest.raises(HTTPError) as refusal:
            urlopen(own_server.address + address, timeout=60)
        assert refusal.value.code == 404
        assert json.load(refusal.value)["error"]["code"] == "missing_file"

    disk.with_name("away").rename(disk)
    again = fetch(own_server, "/images", like=song["id"], limit=8)
    assert again["results"] == before["results"] and again["query"] == before["query"]
    with urlopen(own_server.address + before["results"][0]["thumbnail"], timeout=60) as answer:
        assert answer.headers["Content-Type"] == "image/webp"


@pytest.mark.slow
def test_a_page_shows_placeholders_for_what_is_gone(browser: Browser, own_server: Server, disk: Path) -> None:
    song = fetch(own_server, "/items", kind="music")["items"][0]
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    try:
        (disk / "photos").rename(disk / "away")
        page.goto(f"{own_server.address}/?like={song['id']}")
        page.wait_for_selector("#gallery figure.missing")
        assert page.locator("#gallery figure.missing .gone").first.inner_text() == "Not there now"
        assert page.locator("#gallery img").count() == 0
        assert not [url for url in asked if "/thumbnail" in url]
        page.locator("#gallery .open").first.click()
        assert "not there now" in page.locator("#picture").inner_text()
    finally:
        (disk / "away").rename(disk / "photos")
        page.close()


def test_refreshes_while_the_disk_is_away_and_after_it_is_back_lose_nothing(
    serve: Callable[..., TestClient], library: Path, own_media: Path, tmp_path: Path, network: Network
) -> None:
    (tmp_path / "home").mkdir()
    photo(tmp_path / "home" / "at home.jpg", 77)
    run_build(library, network, tmp_path / "home")
    client = serve(library, poll_interval_s=0.05)
    song = items(client, "music")[0]
    before = get(client, "/images", like=song["id"], limit=2 * PHOTOS, all_alike=True)["results"]
    assert len(before) == PHOTOS + 1
    own_media.rename(own_media.with_name("away"))
    own_media.mkdir()  # the mount point
    for _ in range(4):
        run_build(library, network)
        now = get(client, "/images", like=song["id"], limit=2 * PHOTOS, all_alike=True)
        assert [one["path"] for one in now["results"]] == [one["path"] for one in before]
        assert missing(now).count(False) == 1
    assert get(client, "/status")["unreachable"] == [str(own_media)]
    own_media.rmdir()
    own_media.with_name("away").rename(own_media)
    run_build(library, network)
    assert get(client, "/images", like=song["id"], limit=2 * PHOTOS, all_alike=True)["results"] == before
    assert get(client, "/status")["unreachable"] == []


@pytest.mark.slow
@pytest.mark.mount
def test_a_disk_that_does_not_reply_blocks_no_page(
    serve: Callable[..., TestClient], library: Path, own_media: Path
) -> None:
    client = serve(library)
    song = items(client, "music")[0]
    pictures = items(client, "image")
    with stalled_disk(own_media) as mounted:
        if mounted is None:
            pytest.skip("needs /dev/fuse and the right to mount")
        began = time.monotonic()
        assert all(missing(get(client, "/images", like=song["id"], limit=PHOTOS)))
        for one in pictures:
            assert "does not reply" in refused(client.get(one["thumbnail"]), 404, "missing_file")
        assert "does not reply" in refused(client.get(song["media"]), 404, "missing_file")
        assert get(client, "/mood", like=song["id"])["files"][0]["missing"] is True
        assert time.monotonic() - began < 20.0
