"""Screenshots for docs/web, made with the shipped samples: `python -m attune.tests.web.screenshots`."""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from PIL import Image

from attune.embedding.network import open_network
from attune.tests.conftest import run_build
from attune.tests.web.browser import PATIENCE_MS, ROOT, Server, launch_chromium, wait_until_true

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIZES = {1440: 900, 390: 844}
_SAMPLES = ROOT / "samples"
_LOADED_IMAGE = "#gallery img:not(.waiting)"


@dataclass(frozen=True, slots=True)
class Scene:
    """One state of the page.

    Attributes:
        name: First part of the file names.
        reach: Brings a page, given the server's address, to this state.
        ready: Selector of an element that is there when the state is complete.
    """

    name: str
    reach: Callable[[Page, str], None]
    ready: str


def _open(page: Page, address: str) -> None:
    page.goto(address)


def _song(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_role("combobox").fill("minstrels")
    page.get_by_role("option").first.click()
    page.wait_for_selector(_LOADED_IMAGE)
    page.get_by_label("Position in the song").evaluate(
        "slider => { slider.value = 14; slider.dispatchEvent(new Event('input')); }"
    )
    wait_until_true(page, "document.querySelector('#dock .time').textContent.startsWith('0:14')")


def _photo(page: Page, address: str) -> None:
    page.goto(address)
    page.locator("#file").set_input_files(_SAMPLES / "photos" / "photo-051.jpg")
    page.wait_for_selector("#songs .song[data-id]")


def _search(page: Page, address: str) -> None:
    page.goto(f"{address}/?words=a calm evening by the sea")
    page.wait_for_selector(_LOADED_IMAGE)
    page.locator("#q").fill("sad")  # the title of a song, too


def _show(page: Page, address: str) -> None:
    _song(page, address)
    page.locator("#start-show").click()
    page.wait_for_selector("#show img.on:not(.blur)")


def _error(page: Page, address: str) -> None:
    page.goto(address)
    page.locator("#file").set_input_files(
        {"name": "holiday.jpg", "mimeType": "image/jpeg", "buffer": b"no picture" * 9}
    )


SCENES = (
    Scene("empty", _open, "#counts:not(:empty)"),
    Scene("song", _song, "canvas.curve"),
    Scene("photo", _photo, ".seed.big img"),
    Scene("plane", lambda page, address: _open(page, f"{address}/?v=0.50&a=0.35"), _LOADED_IMAGE),
    Scene(
        "journey",
        lambda page, address: _open(page, f"{address}/?from=calm&to=festive&via=-0.30,0.40&kind=music"),
        ".song",
    ),
    Scene(
        "words",
        lambda page, address: _open(page, f"{address}/?words=a calm evening by the sea"),
        _LOADED_IMAGE,
    ),
    Scene("search", _search, "#hits li:nth-child(3)"),
    Scene("slideshow", _show, "#show .caption"),
    Scene("error", _error, ".state"),
)


def take(browser: Browser, address: str, folder: Path, only: str) -> None:
    """Write every scene in both sizes and both colour schemes as WebP; `only` restricts the names."""
    for scene in SCENES:
        for width, height in SIZES.items():
            for colours in ("dark", "light"):
                name = f"{scene.name}-{colours}-{width}"
                if only not in name:
                    continue
                context = browser.new_context(
                    viewport={"width": width, "height": height}, color_scheme=colours, reduced_motion="reduce"
                )
                page = context.new_page()
                page.set_default_timeout(PATIENCE_MS)
                scene.reach(page, address)
                page.wait_for_selector(scene.ready)
                page.wait_for_load_state("networkidle")
                shot = Image.open(io.BytesIO(page.screenshot()))
                shot.save(folder / f"{name}.webp", quality=72, method=6)
                context.close()


def main() -> None:
    """Build a library of the samples, serve it and take the screenshots."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "docs" / "web")
    parser.add_argument("--only", default="", help="Take only the screenshots whose names contain this.")
    parser.add_argument("--library", type=Path, help="An existing library of the samples.")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as scratch:
        library = arguments.library or Path(scratch) / "library"
        if arguments.library is None:
            run_build(library, open_network(), _SAMPLES)
        with Server(library, Path(scratch) / "cache") as server, launch_chromium() as browser:
            take(browser, server.address, arguments.output, arguments.only)


if __name__ == "__main__":
    main()
