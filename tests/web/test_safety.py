"""Hostile requests, files and uploads, and limits of the server."""

from __future__ import annotations

import io
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from starlette.testclient import TestClient

from attune.core.errors import MediaError, UsageError
from attune.core.settings import Settings
from attune.embedding.backbones import DEFAULT_BACKBONES
from attune.embedding.decode_pool import DecodeService, Task
from attune.embedding.feature_extraction import Limits
from attune.embedding.image_geometry import MAX_PIXELS
from attune.retrieval.web.http_errors import Busy
from attune.retrieval.web.server_config import UploadLimits
from attune.retrieval.web.thread_pool import ThreadPool
from attune.retrieval.web.uploads import UploadStore
from attune.tests.e2e.command import attune
from attune.tests.media_factory import IMAGE_DAMAGE, MUSIC_DAMAGE, bomb, damaged, photo, song
from attune.tests.web.browser import Server
from attune.tests.web.test_api import API, get, items, refused

TOKEN = "correct horse battery"


def left_on_disk() -> list[Path]:
    folders = Path(tempfile.gettempdir()).glob("attune-uploads-*")
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.nip.io", "localhost.evil.example:8750"])
def test_a_foreign_host_is_refused_everywhere(client: TestClient, host: str) -> None:
    for path in ("/", "/healthz", f"{API}/status", "/static/js/main.js"):
        refused(client.get(path, headers={"Host": host}), 421, "foreign_host")


def test_pages_of_other_sites_may_not_ask(client: TestClient) -> None:
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        refused(client.get(f"{API}/status", headers=headers), 403, "foreign_origin")
        refused(client.post(f"{API}/uploads", headers=headers), 403, "foreign_origin")
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert client.get("/", headers=link).status_code == 200
    answer = client.get(f"{API}/status", headers={"Origin": "http://127.0.0.1"})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


def test_without_the_token_nothing_private_is_told(serve: Callable[..., TestClient], built: Path) -> None:
    client = serve(built, token=TOKEN)
    for path in (
        "/status",
        "/images?like=1",
        "/items",
        "/items/1/thumbnail",
        "/items/1/media",
        "/openapi.json",
    ):
        refused(client.get(API + path), 401, "token_missing")
    refused(client.get(f"{API}/status", headers={"Authorization": "Bearer wrong"}), 401, "token_missing")
    refused(client.post(f"{API}/uploads", files={"file": b"x"}), 401, "token_missing")
    for path in ("/", "/healthz", "/static/js/main.js"):
        assert client.get(path).status_code == 200
    known = {"Authorization": f"Bearer {TOKEN}"}
    assert client.get(f"{API}/status", headers=known).status_code == 200


def test_the_token_becomes_a_cookie_and_leaves_the_address(
    serve: Callable[..., TestClient], built: Path
) -> None:
    client = serve(built, token=TOKEN)
    wrong = client.get("/?token=wrong", follow_redirects=False)
    assert (wrong.headers["location"], "set-cookie" in wrong.headers) == ("/", False)
    right = client.get("/", params={"token": TOKEN}, follow_redirects=False)
    assert right.headers["location"] == "/"
    cookie = right.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert TOKEN not in cookie
    assert client.get(f"{API}/status").status_code == 200


def test_every_answer_carries_the_safe_headers(client: TestClient) -> None:
    for path in ("/", "/api", "/static/js/main.js", f"{API}/status", f"{API}/images?like=x", "/nothing"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "*" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "reference",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "%2e%2e%2fetc%2fpasswd",
        "1%2f..%2f2",
        "-1",
        "0",
        "1e3",
        "9" * 30,
        "\u0661",  # an Arabic digit: str.isdecimal accepts it
        "1\n",
    ],
)
def test_a_path_is_no_reference(client: TestClient, reference: str) -> None:
    assert client.get(f"{API}/images", params={"like": reference}).status_code in (400, 404)
    quoted = quote(reference, safe="/.%")
    for what in ("media", "thumbnail", "outline"):
        assert client.get(f"{API}/items/{quoted}/{what}").status_code in (400, 404)
    assert client.get(f"/static/{quoted}").status_code == 404


class RecordingReaders(DecodeService):
    """Readers that decode nothing and record the paths of their tasks."""

    def __init__(self) -> None:
        self.paths: list[Path] = []

    def read(self, task: Task[object], backbones: object) -> object:  # type: ignore[override]
        assert task.path.read_bytes() == b"content"
        self.paths.append(task.path)
        raise MediaError(task.path, "not read")


@given(st.text(max_size=30) | st.sampled_from(["../../x", "/etc/x", "..\\x", "a\0b", "~", "x" * 300]))
def test_the_name_of_an_upload_never_leaves_its_folder(name: str) -> None:
    readers = RecordingReaders()
    uploads = UploadStore(UploadLimits(), readers)
    try:
        with pytest.raises((UsageError, MediaError)):
            uploads.take(name + ".png", io.BytesIO(b"content"), DEFAULT_BACKBONES)
        assert all(path.parent == uploads._folder for path in readers.paths)
        assert not list(uploads._folder.iterdir())
    finally:
        uploads.close()


def test_static_files_stay_in_their_folder(client: TestClient) -> None:
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static//etc/passwd"):
        assert client.get(path).status_code == 404


@pytest.mark.slow
def test_an_item_that_was_excluded_is_served_no_longer(
    serve: Callable[..., TestClient], own_media: Path, tmp_path: Path, network: object
) -> None:
    from attune.tests.conftest import run_build

    library = tmp_path / "library"
    run_build(library, network, own_media)  # type: ignore[arg-type]
    first = serve(library)
    hidden = next(item for item in items(first, "image") if "/below/" in item["path"])
    run_build(library, network, own_media, exclude=("below",))  # type: ignore[arg-type]
    second = serve(library)
    for what in ("media", "thumbnail"):
        refused(second.get(f"{API}/items/{hidden['id']}/{what}"), 404, "unknown_item")
    refused(second.get(f"{API}/images?like={hidden['id']}"), 404, "unknown_item")


@pytest.mark.slow
def test_a_file_that_has_gone_is_told_in_words(
    serve: Callable[..., TestClient], own_media: Path, tmp_path: Path, network: object
) -> None:
    from attune.tests.conftest import run_build

    library = tmp_path / "library"
    run_build(library, network, own_media)  # type: ignore[arg-type]
    client = serve(library)
    shown = items(client, "image")[0]
    Path(shown["path"]).unlink()
    assert "gone" in refused(client.get(shown["thumbnail"]), 404, "missing_file")
    assert "gone" in refused(client.get(shown["media"]), 404, "missing_file")


@pytest.mark.parametrize("chunked", [False, True])
def test_an_upload_of_too_many_bytes_is_refused(
    serve: Callable[..., TestClient], built: Path, chunked: bool
) -> None:
    client = serve(built, uploads=UploadLimits(bytes=200_000))
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
    body = head + bytes(300_000) + b"\r\n--x--\r\n"
    content = (body[at : at + 10_000] for at in range(0, len(body), 10_000)) if chunked else body
    answer = client.post(
        f"{API}/uploads", content=content, headers={"Content-Type": "multipart/form-data; boundary=x"}
    )
    refused(answer, 413, "too_large")
    assert not left_on_disk()


def test_too_many_files_pixels_or_seconds_are_refused(
    serve: Callable[..., TestClient], built: Path, tmp_path: Path
) -> None:
    limits = UploadLimits(files=2, decode_limits=Limits(pixels=100_000, seconds=5.0))
    client = serve(built, uploads=limits)
    fits, large = photo(tmp_path / "a.png", 1, (300, 200)), photo(tmp_path / "b.png", 2, (400, 300))
    long = song(tmp_path / "c.ogg", 3, 8.0)
    files = [("file", fits.read_bytes())] * 3
    refused(client.post(f"{API}/uploads", files=[(n, ("a.png", b)) for n, b in files]), 413, "too_large")
    for path, word in ((large, "pixels"), (long, "s, more than")):
        answer = client.post(f"{API}/uploads", files={"file": (path.name, path.read_bytes())})
        assert word in refused(answer, 422, "unusable_file")
    sent = client.post(f"{API}/uploads", files={"file": (fits.name, fits.read_bytes())})
    assert sent.status_code == 200
    assert not left_on_disk()


@pytest.mark.slow
def test_the_page_reads_pictures_as_large_as_a_build_does(client: TestClient, tmp_path: Path) -> None:
    assert UploadLimits().decode_limits.pixels == MAX_PIXELS
    path = tmp_path / "large.jpg"
    Image.linear_gradient("L").resize((16_000, 12_500)).save(path)  # 200 megapixels
    sent = client.post(f"{API}/uploads", files={"file": (path.name, path.read_bytes())})
    assert sent.status_code == 200, sent.text
    shown = client.get(f"{API}/uploads/{sent.json()['uploads'][0]['id']}/thumbnail")
    assert Image.open(io.BytesIO(shown.content)).size == (480, 375)


@pytest.mark.parametrize("name", ["a.exe", "a", "", "a.svg", "a.mp4", "..", "a.jpg.html"])
def test_what_is_no_media_is_refused_by_its_name(client: TestClient, name: str) -> None:
    answer = client.post(f"{API}/uploads", files={"file": (name or "x", b"some bytes")})
    refused(answer, 400, "bad_request")


def test_hostile_files_cost_only_themselves(client: TestClient, tmp_path: Path) -> None:
    for kind in IMAGE_DAMAGE:
        path = damaged(tmp_path / f"{kind}.jpg", kind)
        refused(client.post(f"{API}/mood", files={"like": path.open("rb")}), 422, "unusable_file")
    for kind in MUSIC_DAMAGE:
        path = damaged(tmp_path / f"{kind}.ogg", kind)
        refused(client.post(f"{API}/mood", files={"like": path.open("rb")}), 422, "unusable_file")
    Image.new("RGB", (60, 40)).save(tmp_path / "lens cap.png")
    answer = client.post(f"{API}/mood", files={"like": (tmp_path / "lens cap.png").open("rb")})
    refused(answer, 422, "unusable_file")
    assert "nothing to see" in answer.text
    assert not left_on_disk()
    assert get(client, "/images", like=items(client, "music")[0]["id"])["results"]


@pytest.mark.slow
def test_a_file_that_takes_too_long_or_too_much_memory_ends_its_worker_not_the_server(
    serve: Callable[..., TestClient], built: Path, tmp_path: Path
) -> None:
    hurried = Settings(workers=1, image_timeout_s=0.001, music_timeout_s=0.001, memory_mb=3072)
    client = serve(built, readers=hurried)
    good = photo(tmp_path / "slow.png", 5, (3000, 2000))
    # The first request may pass, since a new worker gets time to start; the second has one millisecond.
    answers = [client.post(f"{API}/mood", files={"like": good.open("rb")}) for _ in range(2)]
    assert "took more than" in refused(answers[-1], 422, "unusable_file")
    huge = tmp_path / "huge.png"
    huge.write_bytes(bomb(9000, 9000))
    refused(client.post(f"{API}/mood", files={"like": huge.open("rb")}), 422, "unusable_file")
    assert client.get("/healthz").status_code == 200
    assert not left_on_disk()


@pytest.mark.slow
def test_uploads_are_forgotten_by_number_and_by_time(
    serve: Callable[..., TestClient], built: Path, tmp_path: Path
) -> None:
    picture = photo(tmp_path / "a.png", 1)
    few = serve(built, uploads=UploadLimits(kept=2))
    ids = [
        few.post(f"{API}/uploads", files={"file": picture.open("rb")}).json()["uploads"][0]["id"]
        for _ in range(3)
    ]
    refused(few.get(f"{API}/music?like={ids[0]}"), 410, "forgotten")
    assert few.get(f"{API}/music?like={ids[2]}").status_code == 200
    brief = serve(built, uploads=UploadLimits(kept_s=0.0))
    answer = brief.post(f"{API}/uploads", files={"file": picture.open("rb")})
    refused(answer, 410, "forgotten")


@pytest.mark.slow
def test_an_upload_that_is_used_outlives_an_unused_one(
    serve: Callable[..., TestClient], built: Path, tmp_path: Path
) -> None:
    picture = photo(tmp_path / "a.png", 1)
    client = serve(built, uploads=UploadLimits(kept=2))

    def send() -> str:
        answer = client.post(f"{API}/uploads", files={"file": picture.open("rb")})
        return str(answer.json()["uploads"][0]["id"])

    used, unused = send(), send()
    assert client.get(f"{API}/music?like={used}").status_code == 200
    send()
    assert client.get(f"{API}/music?like={used}").status_code == 200
    refused(client.get(f"{API}/music?like={unused}"), 410, "forgotten")


def test_the_pool_refuses_what_would_wait_too_long() -> None:
    import anyio

    async def fill() -> list[str]:
        pool, gate, outcomes = ThreadPool(threads=1, queue_size=1), threading.Event(), []

        async def ask() -> None:
            try:
                await pool.run(lambda: gate.wait(30))
                outcomes.append("answered")
            except Busy:
                outcomes.append("busy")
                gate.set()

        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(ask)
        return outcomes

    with ThreadPoolExecutor(1) as thread:  # other tests' browser runs an event loop in the main thread
        assert sorted(thread.submit(anyio.run, fill).result()) == ["answered", "answered", "busy"]


def test_an_error_of_ours_shows_nothing_of_the_inside(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("/home/ann/secret")

    monkeypatch.setattr("attune.retrieval.web.query_routes.estimate_moods", broken)
    answer = client.get(f"{API}/mood?like={items(client, 'image')[0]['id']}")
    assert "secret" not in refused(answer, 500, "failed")


@pytest.mark.slow
def test_another_address_needs_a_token_and_one_is_made(tmp_path: Path) -> None:
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    with Server(tmp_path / "none", tmp_path, "--host", "0.0.0.0") as server:
        with pytest.raises(HTTPError) as missing:
            urlopen(f"{server.address}{API}/status")
        assert missing.value.code == 401
        known = Request(f"{server.address}{API}/status", headers={"Authorization": f"Bearer {server.token}"})
        assert urlopen(known).status == 200


@pytest.mark.slow
def test_a_weak_token_and_a_taken_port_are_refused(tmp_path: Path) -> None:
    weak = attune("serve", "--token", "short", "--port", "0")
    assert (weak.returncode, weak.stderr.count("\n")) == (2, 1)
    assert "16" in weak.stderr
    with Server(tmp_path / "none", tmp_path) as server:
        taken = attune("serve", "--port", str(server.port))
        assert (taken.returncode, taken.stderr.count("\n")) == (1, 1)
        assert "--port" in taken.stderr


@pytest.mark.slow
def test_a_server_that_is_ended_leaves_nothing(tmp_path: Path) -> None:
    before = set(Path(tempfile.gettempdir()).glob("attune-uploads-*"))
    with Server(tmp_path / "none", tmp_path) as server:
        assert set(Path(tempfile.gettempdir()).glob("attune-uploads-*")) - before
    assert server.process.returncode == 0
    assert not set(Path(tempfile.gettempdir()).glob("attune-uploads-*")) - before
