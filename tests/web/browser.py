"""Chromium of the system, and `attune serve` in a process, for tests of the page."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

from attune.benchmarks.page_load import ARGUMENTS, find_chromium
from attune.tests.e2e.command import ATTUNE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[2]
NO_CHROMIUM = "no Chromium here: `make chromium` installs it on Debian, or set ATTUNE_CHROMIUM to one"
PATIENCE_MS = 120_000  # long, so that a busy machine makes no test fail
_SOUND = "--autoplay-policy=no-user-gesture-required"


@contextlib.contextmanager
def launch_chromium() -> Iterator[Browser]:
    """Start Chromium; it is closed when the block ends."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=[*ARGUMENTS, _SOUND])
        try:
            yield browser
        finally:
            browser.close()


def wait_until_true(page: Page, script: str, arg: object = None) -> None:
    """Wait until a script returns something true.

    Playwright's own function needs a page whose security policy allows `eval`.
    """
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not page.evaluate(script, arg):
        assert time.monotonic() < deadline, f"never true: {script}"
        page.wait_for_timeout(50)


class Server:
    """`attune serve` in a process of its own.

    Args:
        library: The library's folder.
        cache: Folder for the user's cache, and for the process's output.
        arguments: Further options of the command.
        port: Port to listen on; None: any free one.
    """

    def __init__(self, library: Path, cache: Path, *arguments: str, port: int | None = None) -> None:
        self.port = port or free_port()
        environment = os.environ | {"XDG_CACHE_HOME": str(cache)}
        environment.pop("ATTUNE_TOKEN", None)
        command = [str(ATTUNE), "serve", "--library", str(library), "--port", str(self.port), *arguments]
        self._log = cache / f"serve-{self.port}.log"
        cache.mkdir(parents=True, exist_ok=True)
        with self._log.open("w") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=cache)
        self._wait()

    @property
    def output(self) -> str:
        """What the process has printed."""
        return self._log.read_text()

    @property
    def address(self) -> str:
        """Address of the page, without a token."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        """The token that the process has printed."""
        found = re.search(r"token=(\S+)", self.output)
        assert found, self.output
        return found[1]

    def stop(self) -> None:
        """Stop the process as Ctrl-C does."""
        if self.process.poll() is None:
            self.process.send_signal(2)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _wait(self) -> None:
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.output
            # The server answers once the library is open; until then, a connection waits.
            with contextlib.suppress(OSError), urlopen(f"{self.address}/healthz", timeout=PATIENCE_MS / 1000):
                return
            time.sleep(0.05)
        raise AssertionError(f"the server did not start: {self.output}")


def free_port() -> int:
    """Return a port on which no process listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
