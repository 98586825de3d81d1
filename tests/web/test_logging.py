"""Log records of the server: failures, refusals and requests, without secrets."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from attune.core.errors import ArtefactError
from attune.embedding.network import Network
from attune.retrieval.web.auth import COOKIE, derive_session_cookie
from attune.retrieval.web.library_holder import LibraryHolder
from attune.retrieval.web.preview_cache import trim_cache
from attune.retrieval.web.server_config import UploadLimits
from attune.retrieval.web.uploads import UploadStore
from attune.tests.conftest import run_build
from attune.tests.media_factory import photo
from attune.tests.web.test_api import API, items, refused
from attune.tests.web.test_library_holder import wait_until
from attune.tests.web.test_safety import TOKEN, RecordingReaders

REQUESTS = "attune.retrieval.web.requests"


@pytest.fixture
def records() -> Iterator[list[logging.LogRecord]]:
    """All records of the logger `attune`, of every level."""
    collected: list[logging.LogRecord] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            collected.append(record)

    logger, handler = logging.getLogger("attune"), Collect()
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    yield collected
    logger.removeHandler(handler)
    logger.setLevel(level)


def at_level(records: list[logging.LogRecord], level: int) -> list[logging.LogRecord]:
    return [record for record in records if record.levelno == level and record.name != REQUESTS]


def text(records: list[logging.LogRecord]) -> str:
    formatter = logging.Formatter("%(name)s %(message)s")
    return "\n".join(formatter.format(record) for record in records)


@pytest.mark.parametrize("error", [RuntimeError("/home/ann/secret"), ArtefactError("network is damaged")])
def test_a_failure_is_logged_once_with_its_traceback_and_without_its_query(
    client: TestClient,
    records: list[logging.LogRecord],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    def broken(*_: object) -> None:
        raise error

    item = items(client, "image")[0]["id"]
    monkeypatch.setattr("attune.retrieval.web.query_routes.estimate_moods", broken)
    answer = client.get(f"{API}/mood?like={item}&note=a-query-value")
    assert "secret" not in refused(answer, 500, "failed")
    assert answer.headers["content-security-policy"]
    [record] = at_level(records, logging.ERROR)
    assert record.getMessage() == f"GET {API}/mood failed"
    assert record.exc_info is not None
    assert record.exc_info[1] is error
    assert "in broken" in text([record])
    assert "a-query-value" not in text(records)


def test_refusals_are_logged_at_info_by_their_code(
    serve: Callable[..., TestClient], built: Path, records: list[logging.LogRecord]
) -> None:
    client = serve(built, token=TOKEN)
    known = {"Authorization": f"Bearer {TOKEN}"}
    client.get(f"{API}/status")
    client.get("/", headers={"Host": "evil.example"})
    client.get(f"{API}/images?like=/home/ann/private.jpg", headers=known)
    client.get(f"{API}/images?limit=0", headers=known)
    client.get(f"{API}/items/999999", headers=known)
    client.post(f"{API}/uploads", files={"file": ("private.exe", b"x")}, headers=known)
    assert [record.getMessage() for record in at_level(records, logging.INFO)] == [
        f"GET {API}/status refused: 401 token_missing",
        "GET / refused: 421 foreign_host",
        f"GET {API}/images refused: 400 bad_request",
        f"GET {API}/images refused: 422 bad_request",
        f"GET {API}/items/999999 refused: 404 not_found",
        f"POST {API}/uploads refused: 400 bad_request",
    ]
    assert "private" not in text(records)
    assert not at_level(records, logging.ERROR)


def test_each_request_is_logged_at_debug_on_a_logger_of_its_own(
    client: TestClient, records: list[logging.LogRecord]
) -> None:
    client.get(f"{API}/status?note=a-query-value")
    client.get("/", headers={"Host": "evil.example"})
    client.get("/nothing%0aGET%20/forged")
    lines = [(record.levelno, record.getMessage()) for record in records if record.name == REQUESTS]
    assert {level for level, _ in lines} == {logging.DEBUG}
    starts = [f"GET {API}/status 200", "GET / 421", "GET /nothing\\nGET /forged 404"]
    assert [line.rsplit(" ", 2)[0] for _, line in lines] == starts
    assert all(line.endswith(" ms") for _, line in lines)
    assert "a-query-value" not in text(records)


def test_no_secret_is_logged(
    serve: Callable[..., TestClient], built: Path, tmp_path: Path, records: list[logging.LogRecord]
) -> None:
    client = serve(built, token=TOKEN)
    client.get("/", params={"token": TOKEN}, follow_redirects=False)
    client.get(f"{API}/status", headers={"Authorization": f"Bearer {TOKEN}"})
    cookie = derive_session_cookie(TOKEN)
    client.get(f"{API}/images?like=1", headers={"Cookie": f"{COOKIE}={cookie}"})
    with photo(tmp_path / "private.png", 1).open("rb") as file:
        upload = client.post(f"{API}/uploads", files={"file": file}).json()["uploads"][0]
    assert client.get(upload["thumbnail"]).status_code == 200
    logged = text(records)
    assert f"GET {API}/uploads/up-…/thumbnail 200" in logged
    for secret in (TOKEN, TOKEN.replace(" ", "+"), cookie, upload["id"], "private"):
        assert secret not in logged


def test_an_unexpected_failure_of_the_refresh_is_logged_and_the_next_one_is_tried(
    serve: Callable[..., TestClient],
    built: Path,
    records: list[logging.LogRecord],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[LibraryHolder] = []

    def broken(holder: LibraryHolder) -> bool:
        calls.append(holder)
        raise OSError("disk unplugged")

    serve(built, poll_interval_s=0.01)
    monkeypatch.setattr(LibraryHolder, "refresh", broken)
    wait_until(lambda: len(calls) >= 3)
    [record] = at_level(records, logging.ERROR)  # the same failure is logged once, not at every look
    assert str(built) in record.getMessage()
    assert "disk unplugged" in text([record])


@pytest.mark.slow
def test_a_library_that_cannot_be_opened_is_logged_once_and_its_problem_ends(
    own_media: Path,
    tmp_path: Path,
    network: Network,
    records: list[logging.LogRecord],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from attune.core.errors import LibraryError
    from attune.retrieval.web import library_holder

    library = tmp_path / "library"
    run_build(library, network, own_media)
    holder = LibraryHolder(library, None)
    holder.refresh()

    def locked(_path: Path) -> None:
        raise LibraryError("the catalogue is locked")

    with monkeypatch.context() as patch:
        patch.setattr(library_holder, "read_published_generation", locked)
        assert not holder.refresh()
        assert not holder.refresh()
    [record] = at_level(records, logging.WARNING)
    assert "the catalogue is locked" in record.getMessage()
    assert holder.problem == "the catalogue is locked"
    holder.refresh()
    assert holder.problem is None
    holder.close()


@pytest.mark.slow
def test_a_generation_that_cannot_be_read_is_closed_again(
    own_media: Path, tmp_path: Path, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    from attune.core.errors import LibraryError
    from attune.indexer.library import LibraryReader
    from attune.retrieval.web.library_holder import LibrarySnapshot

    closed: list[LibraryReader] = []
    close = LibraryReader.close

    def note_close(library: LibraryReader) -> None:
        closed.append(library)
        close(library)

    def broken(*_: object) -> None:
        raise LibraryError("an index file is missing")

    library = tmp_path / "library"
    run_build(library, network, own_media)
    monkeypatch.setattr(LibraryReader, "close", note_close)
    monkeypatch.setattr(LibrarySnapshot, "warm", broken)
    holder = LibraryHolder(library, None)
    assert not holder.refresh()
    assert len(closed) == 1


def test_previews_that_cannot_be_written_or_removed_are_logged(
    serve: Callable[..., TestClient],
    built: Path,
    tmp_path: Path,
    records: list[logging.LogRecord],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "cache").write_text("a file, no folder")
    client = serve(built)
    for shown in items(client, "image")[:2]:
        assert client.get(shown["thumbnail"]).status_code == 200
    [unwritable] = at_level(records, logging.WARNING)
    assert str(tmp_path / "cache") in unwritable.getMessage()
    records.clear()

    def denied(*_: object, **__: object) -> None:
        raise PermissionError("not permitted")

    old = tmp_path / "old" / "aa" / "preview"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"content")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", denied)
        trim_cache(tmp_path / "old", 0)
    [kept] = at_level(records, logging.WARNING)
    assert "not permitted" in kept.getMessage()


def test_an_unexpected_failure_of_the_preview_cleanup_is_logged(
    serve: Callable[..., TestClient],
    built: Path,
    records: list[logging.LogRecord],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no such disk")

    monkeypatch.setattr("attune.retrieval.web.service.trim_cache", broken)
    client = serve(built)
    wait_until(lambda: bool(at_level(records, logging.ERROR)))
    assert "no such disk" in text(at_level(records, logging.ERROR))
    assert client.get("/healthz").status_code == 200


def test_uploads_that_cannot_be_removed_are_logged(
    records: list[logging.LogRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    uploads = UploadStore(UploadLimits(), RecordingReaders())

    def denied(*_: object, **__: object) -> None:
        raise PermissionError("not permitted")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", denied)
        uploads.close()
    [record] = at_level(records, logging.WARNING)
    assert str(uploads._folder) in record.getMessage()
    uploads.close()
    assert not uploads._folder.exists()
