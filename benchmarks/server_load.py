"""Latency of the web server under an open-loop load, and loading time of its page, on this machine.

Requests are sent at fixed times whether the previous ones are answered or not, and latency counts from when a
request should have been sent, so that a stalled server cannot hide its delay (coordinated omission). The load
generator and the browser share the server's cores.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import local
from typing import Any, Final

import numpy as np

from attune.benchmarks.command_timing import ATTUNE
from attune.core.errors import AttuneError, UsageError, escape_path
from attune.core.library_address import LibraryAddress

_HOST: Final = "127.0.0.1"
_START_S: Final = 120.0
_CLIENT_THREADS: Final = 64
_WARM_S: Final = 5.0
_WARM_UP_SHARE: Final = 0.25  # start of the run whose memory is ignored, since caches and pools still fill


@dataclass(frozen=True, slots=True)
class LoadReport:
    """Result of a load test.

    Attributes:
        rate: Requests per second.
        seconds: Length of the test.
        asked: Number of requests.
        failed: Number of requests without an answer, or with a status other than 200.
        p50_ms: Median latency, from the time at which a request should have been sent.
        p95_ms: 95th percentile of the latency.
        p99_ms: 99th percentile of the latency.
        max_ms: Largest latency.
        rss_mb: Mean resident memory of the server's main process after the warm-up, MB.
        rss_drift: Relative change of that memory from the first to the last fifth of the time.
    """

    rate: float
    seconds: float
    asked: int
    failed: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    rss_mb: float
    rss_drift: float


def measure(folder: LibraryAddress, rate: float, seconds: float) -> dict[str, Any]:
    """Serve a library, send it queries, and measure its page if a browser is installed.

    Args:
        folder: Where the library is kept.
        rate: Requests per second.
        seconds: Length of the load test.

    Returns:
        The JSON document of `attune benchmark serve`.

    Raises:
        UsageError: The library has no music.
        AttuneError: The server did not start.
    """
    from attune.benchmarks.page_load import measure_page

    with TemporaryDirectory() as scratch, _run_server(folder, Path(scratch)) as (process, port):
        status = _get_json(port, "/api/v1/status")
        songs = _get_json(port, "/api/v1/items?kind=music&shuffle=1&limit=200")["items"]
        if not songs:
            raise UsageError(f"{escape_path(folder)}: has no music to query with")
        load = _run_load(process.pid, port, [song["id"] for song in songs], rate, seconds)
        page = measure_page(f"http://{_HOST}:{port}", songs[0]["id"])
    return {
        "images": status["images"],
        "music": status["music"],
        "load": asdict(load),
        "page": None if page is None else asdict(page),
    }


@contextlib.contextmanager
def _run_server(folder: LibraryAddress, scratch: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"XDG_CACHE_HOME": str(scratch)}
    environment.pop("ATTUNE_TOKEN", None)
    command = [str(ATTUNE), "serve", "--library", str(folder), "--port", str(port), "--quiet"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
    try:
        _wait_until_ready(process, port)
        yield process, port
    finally:
        process.terminate()
        process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError, http.client.HTTPException):
            _get_json(port, "/healthz")
            return
        time.sleep(0.05)
    error_output = (
        process.stderr.read().decode() if process.poll() is not None and process.stderr else "no answer"
    )
    raise AttuneError(f"the server did not start: {error_output.strip()}")


def _get_json(port: int, path: str) -> Any:
    connection = http.client.HTTPConnection(_HOST, port, timeout=_START_S)
    connection.request("GET", path)
    document = json.loads(connection.getresponse().read())
    connection.close()
    return document


def _run_load(pid: int, port: int, songs: list[str], rate: float, seconds: float) -> LoadReport:
    import psutil

    server = psutil.Process(pid)
    thread_state = local()

    def send_timed(leave_at: float, song: str) -> float | None:
        if not hasattr(thread_state, "connection"):
            thread_state.connection = http.client.HTTPConnection(_HOST, port, timeout=30)
        try:
            good = _send_query(thread_state.connection, song)
        except (OSError, http.client.HTTPException, ValueError):
            thread_state.connection.close()
            return None
        return 1000.0 * (time.perf_counter() - leave_at) if good else None

    with ThreadPoolExecutor(_CLIENT_THREADS) as loaders:
        for place in range(round(rate * _WARM_S)):
            loaders.submit(send_timed, 0.0, songs[place % len(songs)])
        loaders.submit(time.sleep, _WARM_S).result()
        began, memory, futures = time.perf_counter() + 0.05, [], []
        for place in range(round(rate * seconds)):
            leave_at = began + place / rate
            time.sleep(max(0.0, leave_at - time.perf_counter()))
            futures.append(loaders.submit(send_timed, leave_at, songs[place % len(songs)]))
            if place % max(1, round(rate)) == 0:
                memory.append(server.memory_info().rss / 1e6)
        times = [future.result() for future in futures]
    return _summarize(rate, seconds, times, memory)


def _send_query(connection: http.client.HTTPConnection, song: str) -> bool:
    """Send a query; return whether it was answered with results."""
    path = f"/api/v1/images?like={song}&limit=48"
    connection.request("GET", path)
    try:
        answer = connection.getresponse()
    except http.client.RemoteDisconnected:
        # The server closes connections that were idle for seconds; clients then send the request again.
        connection.close()
        connection.request("GET", path)
        answer = connection.getresponse()
    return answer.status == 200 and len(json.loads(answer.read())["results"]) > 0


def _summarize(rate: float, seconds: float, times: list[float | None], memory: list[float]) -> LoadReport:
    answered = [time_ms for time_ms in times if time_ms is not None] or [float("nan")]
    p50, p95, p99 = np.percentile(answered, [50, 95, 99])
    settled = memory[int(len(memory) * _WARM_UP_SHARE) :]
    fifth = max(1, len(settled) // 5)
    return LoadReport(
        rate=rate,
        seconds=seconds,
        asked=len(times),
        failed=sum(time_ms is None for time_ms in times),
        p50_ms=float(p50),
        p95_ms=float(p95),
        p99_ms=float(p99),
        max_ms=float(max(answered)),
        rss_mb=float(np.mean(settled)),
        rss_drift=float(np.mean(settled[-fifth:]) / np.mean(settled[:fifth]) - 1.0),
    )
