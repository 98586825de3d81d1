"""Journeys on the page, in a real browser with the shipped samples."""

from __future__ import annotations

import re
from typing import Literal

import pytest

pytest.importorskip("playwright")
from playwright.sync_api import Browser, Page, expect

from attune.tests.web.browser import PATIENCE_MS, Server, wait_until_true
from attune.tests.web.conftest import SONGS
from attune.tests.web.test_accessibility import violations
from attune.tests.web.test_page import PLAYING, open_song

expect.set_options(timeout=PATIENCE_MS)
EXPECTED = ["Failed to load resource: the server responded with a status of 400 (Bad Request)"]
POINTS = "document.querySelector('svg.trail polyline').getAttribute('points')"


def steps(page: Page) -> list[str]:
    """Return the ids of the listed songs, in order."""
    found: list[str] = page.eval_on_selector_all("#songs .song", "rows => rows.map(row => row.dataset.id)")
    return found


def drawn(page: Page, kind: str) -> list[list[float]]:
    """Return the places of the dots of a kind on the plane, valence and arousal."""
    found: list[list[float]] = page.eval_on_selector_all(
        f"svg.trail .{kind}",
        "dots => dots.map(dot => [dot.cx.baseVal.value / 50 - 1, 1 - dot.cy.baseVal.value / 50])",
    )
    return found


def test_a_journey_is_drawn_as_the_server_plans_it(page: Page, server: Server) -> None:
    page.goto(server.address)
    with page.expect_response(re.compile("/journey")) as answer:
        page.get_by_role("button", name="Take a journey").click()
    planned = answer.value.json()
    expect(page.get_by_role("heading", level=1)).to_contain_text("From calm to festive")
    expect(page.locator("#songs .song[data-id]")).to_have_count(len(planned["steps"]))
    assert steps(page) == [step["id"] for step in planned["steps"]]
    for kind, name in (("way", "waypoint"), ("file", "place")):
        wanted = [[step[name]["valence"], step[name]["arousal"]] for step in planned["steps"]]
        assert [pytest.approx(place, abs=0.001) for place in wanted] == drawn(page, kind)
    for note in planned["notes"]:
        expect(page.locator("#notes").get_by_text(note)).to_be_visible()
    expect(page.locator("#songs .score .unseen").first).to_have_text(
        re.compile(r"^step 1 of the journey, 0\.\d\d off the line")
    )


def test_the_line_is_bent_by_pointer_and_keys_and_stays_so(page: Page, server: Server) -> None:
    page.goto(f"{server.address}/?from=calm&to=festive&kind=music&steps=5")
    bend = page.get_by_role("button", name="Bend of the journey")
    expect(bend).to_be_visible()
    straight = page.evaluate(POINTS)
    plane, handle = page.locator("#pad-rail .pad").bounding_box(), bend.bounding_box()
    assert plane and handle
    page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
    page.mouse.down()
    assert page.evaluate(POINTS) == straight  # a mere press moves nothing
    page.mouse.move(plane["x"] + plane["width"] * 0.25, plane["y"] + plane["height"] * 0.25, steps=4)
    assert len(page.evaluate(POINTS).split()) == 3
    assert "via" not in page.url  # asked for when the handle is dropped
    with page.expect_response(re.compile(r"/journey\?.*via=-0\.5")):
        page.mouse.up()
    wait_until_true(page, "location.search.includes('via=-0.5')")
    dropped = page.url
    bend.focus()
    with page.expect_response(re.compile("/journey")) as answer:
        for key in ("ArrowRight", "ArrowRight", "ArrowUp"):
            page.keyboard.press(key)
    assert answer.value.json()["via"][0]["place"]["valence"] == pytest.approx(-0.4, abs=0.02)
    wait_until_true(page, "before => location.href !== before", arg=dropped)
    expect(page.locator("svg.trail .file").first).to_be_visible()
    expect(bend).to_be_focused()
    bent, listed = page.evaluate(POINTS), steps(page)
    page.reload()
    expect(page.locator("#songs .song[data-id]")).to_have_count(len(listed))
    assert (page.evaluate(POINTS), steps(page)) == (bent, listed)
    page.go_back()
    wait_until_true(page, f"bent => {POINTS} !== bent", arg=bent)
    assert page.url == dropped
    page.get_by_role("button", name="Straighten").click()
    wait_until_true(page, f"line => {POINTS} === line", arg=straight)


def test_ends_are_files_moods_and_places_and_errors_are_told_in_place(page: Page, server: Server) -> None:
    page.expected = EXPECTED  # type: ignore[attr-defined]
    open_song(page, server)
    page.locator("#tool-journey").click()
    expect(page.locator("#songs .song[data-id]")).to_have_count(SONGS)  # as many as the library has
    first = steps(page)[0]
    assert f"from={first}" in page.url
    expect(page.locator(".handle.from")).to_be_disabled()  # a file is where it is
    page.get_by_label("To", exact=True).fill("0.9, −0.8")
    page.get_by_label("To", exact=True).press("Enter")
    wait_until_true(page, "decodeURIComponent(location.search).includes('to=0.9,-0.8')")
    page.get_by_label("Steps", exact=True).fill("4")
    page.get_by_label("Steps", exact=True).press("Enter")
    expect(page.locator("#songs .song[data-id]")).to_have_count(4)
    page.locator("#songs .song").last.get_by_role("button", name="End here").click()
    expect(page.locator(".handle.to")).to_be_disabled()
    page.get_by_role("button", name="Swap start and end").click()
    wait_until_true(page, "end => location.search.includes(`to=${end}`)", arg=first)
    page.get_by_label("From", exact=True).fill("3,3")
    page.get_by_label("From", exact=True).press("Enter")
    expect(page.locator(".ends").get_by_role("alert")).to_contain_text("outside of the plane")
    page.get_by_label("From", exact=True).fill("sad")
    page.get_by_label("From", exact=True).press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("From sad to")
    expect(page.locator(".ends .wrong")).to_be_empty()


def test_songs_play_in_order_and_pictures_are_shown_in_order(page: Page, server: Server) -> None:
    page.goto(f"{server.address}/?from=calm&to=festive&kind=music&steps=4")
    page.get_by_role("button", name="Play in order").click()
    wait_until_true(page, PLAYING)
    first, second = steps(page)[:2]
    expect(page.locator('.song[aria-current="true"]')).to_have_attribute("data-id", first)
    expect(page.locator("svg.trail .playing")).to_have_count(1)
    page.get_by_label("Position in the song").evaluate(
        "slider => { slider.value = slider.max; slider.dispatchEvent(new Event('input')); }"
    )
    expect(page.locator(f'.song[data-id="{second}"]')).to_have_attribute("aria-current", "true")
    wait_until_true(page, PLAYING)
    page.get_by_role("button", name="Pictures", exact=True).click()
    expect(page.locator("#gallery figure[data-id]")).to_have_count(4)
    page.locator("#tool-show").click()
    order = page.eval_on_selector_all(
        "#gallery .open", "all => all.map(one => one.getAttribute('aria-label'))"
    )
    for label in order[:2]:
        shown = re.escape(label.split(":")[0])
        expect(page.locator("#show img.on:not(.blur)")).to_have_attribute("alt", re.compile(f"^{shown}: "))
        page.keyboard.press("ArrowRight")


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (390, "light")])
def test_a_journey_has_no_serious_violation(
    browser: Browser, server: Server, width: int, scheme: Literal["dark", "light"]
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        reduced_motion="reduce",
        has_touch=width < 500,
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    for kind, ready in (("music", "#songs .song[data-id]"), ("image", "#gallery figure[data-id]")):
        page.goto(f"{server.address}/?from=calm&to=festive&via=-0.30,0.40&kind={kind}")
        expect(page.locator(ready).first).to_be_visible()
        assert not violations(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    if width < 500:
        page.locator("#pad-rail .pad").tap(position={"x": 60, "y": 60})
        wait_until_true(page, "/via=-0.[67]\\d%2C0.[67]/.test(location.search)")
    context.close()
