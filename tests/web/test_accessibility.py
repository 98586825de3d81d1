"""Accessibility of each state of the page, in both themes and sizes, by axe-core; size of the page."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest

pytest.importorskip("playwright")
from playwright.sync_api import Browser, Page, expect

from attune.tests.web.browser import PATIENCE_MS, Server
from attune.tests.web.test_page import open_song

MAX_BYTES = 200_000


def violations(page: Page) -> list[str]:
    """Return the violations that axe-core rates as serious or critical."""
    if not page.evaluate("'axe' in window"):
        # Evaluated rather than loaded, since the page's security policy allows no other scripts.
        page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {violation['help']}: {node['target']} {node['failureSummary']}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_no_state_has_a_serious_violation(browser: Browser, server: Server, width: int, scheme: str) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(server.address)
    expect(page.get_by_text("songs in your library")).to_be_visible()
    found = {"empty": violations(page)}
    open_song(page, server)
    expect(page.locator("#dock")).to_be_visible()
    found["song"] = violations(page)
    page.locator("#gallery .open").first.click()
    expect(page.locator("#picture img")).to_be_visible()
    found["picture"] = violations(page)
    page.locator("#picture").get_by_role("button", name="Its songs").click()
    expect(page.locator("#songs .song").first).to_be_visible()
    found["photo"] = violations(page)
    page.goto(f"{server.address}/?v=0.5&a=0.4")
    expect(page.locator("#gallery figure[data-id]").first).to_be_visible()
    found["plane"] = violations(page)
    page.locator("#tool-show").click()
    expect(page.locator("#show img.on:not(.blur)")).to_be_visible()
    found["slideshow"] = violations(page)
    page.goto(f"{server.address}/?like=up-forgotten")
    expect(page.get_by_role("heading", name="expired").last).to_be_visible()
    found["error"] = violations(page)
    page.goto(f"{server.address}/api")
    expect(page.get_by_role("heading", name="queries")).to_be_visible()
    found["api"] = violations(page)
    context.close()
    assert not {state: problems for state, problems in found.items() if problems}
    assert len(found) == 8


def test_the_page_is_light_and_shows_no_sideways_scroll(browser: Browser, server: Server) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    sizes: list[int] = []
    page.on(
        "response", lambda answer: sizes.append(len(answer.body())) if "/api/" not in answer.url else None
    )
    page.goto(server.address)
    expect(page.get_by_text("songs in your library")).to_be_visible()
    assert 0 < sum(sizes) <= MAX_BYTES
    for address in ("", "/?v=0.5&a=0.4", "/api"):
        page.goto(server.address + address)
        expect(page.get_by_role("heading").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
