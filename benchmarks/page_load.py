"""Loading time of the web page in Chromium: first content, long tasks while scrolling, bytes."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page, Response

ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_TIMEOUT_MS: Final = 120_000
_SCREENS: Final = 30
_RUNS: Final = 5
_LONG_TASKS = """
    window.longTasks = [];
    new PerformanceObserver((list) => list.getEntries().forEach((one) => window.longTasks.push(one.duration)))
        .observe({type: "longtask", buffered: true});
"""
_FIRST_CONTENT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


@dataclass(frozen=True, slots=True)
class PageTimings:
    """Measurements of the page in a browser.

    Attributes:
        first_content_ms: First contentful paint of the page, median of five loads.
        first_pictures_ms: Time until the first picture for a song is on screen, one load.
        pictures: Number of pictures in the gallery after scrolling.
        long_tasks: Number of tasks of more than 50 ms while scrolling.
        longest_task_ms: Length of the longest of them, 0 if there was none.
        page_bytes: Size of HTML, CSS, scripts and icon.
    """

    first_content_ms: float
    first_pictures_ms: float
    pictures: int
    long_tasks: int
    longest_task_ms: float
    page_bytes: int


def find_chromium() -> str | None:
    """Return the path of Chromium, None if it is not installed."""
    named = os.environ.get("ATTUNE_CHROMIUM")
    return (
        named or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    )


def measure_page(address: str, song: str) -> PageTimings | None:
    """Measure the page and the gallery of a song; return None if playwright or Chromium is not installed."""
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        return None
    if find_chromium() is None:
        return None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS))
        paints = []
        for _ in range(_RUNS):
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.set_default_timeout(_TIMEOUT_MS)
            response_sizes: list[int] = []
            page.on("response", _make_byte_counter(response_sizes))
            page.goto(address, wait_until="networkidle")
            paints.append(float(page.evaluate(_FIRST_CONTENT)))
            page.close()
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(_TIMEOUT_MS)
        page.add_init_script(_LONG_TASKS)
        page.goto(f"{address}/?like={song}")
        page.wait_for_selector("#gallery img:not(.waiting)")
        pictures_ms = float(page.evaluate("performance.now()"))
        tasks = _scroll(page)
        count = page.locator("#gallery figure").count()
        browser.close()
    return PageTimings(
        first_content_ms=sorted(paints)[len(paints) // 2],
        first_pictures_ms=pictures_ms,
        pictures=count,
        long_tasks=len(tasks),
        longest_task_ms=max(tasks, default=0.0),
        page_bytes=sum(response_sizes),
    )


def _make_byte_counter(response_sizes: list[int]) -> Callable[[Response], None]:
    def count_bytes(answer: Response) -> None:
        if "/api/" not in answer.url and "/healthz" not in answer.url:
            response_sizes.append(len(answer.body()))

    return count_bytes


def _scroll(page: Page) -> list[float]:
    """Scroll the gallery screen by screen; return the lengths of the long tasks in milliseconds."""
    page.evaluate("window.longTasks.length = 0")
    for _ in range(_SCREENS):
        page.mouse.wheel(0, 700)
        page.wait_for_timeout(120)
    tasks: list[float] = page.evaluate("window.longTasks")
    return tasks
