"""Searches in words on the page, in a real browser with the shipped samples."""

from __future__ import annotations

import re
from typing import Literal

import pytest

pytest.importorskip("playwright")
from playwright.sync_api import Browser, Page, expect

from attune.tests.web.browser import PATIENCE_MS, Server, wait_until_true
from attune.tests.web.conftest import PICTURES, SONGS
from attune.tests.web.test_accessibility import violations
from attune.tests.web.test_page import assert_order_of_numbers, open_song, read_numbers, shown

expect.set_options(timeout=PATIENCE_MS)
SENTENCE = "a calm evening by the sea"
ORDER = "[...document.querySelectorAll('#gallery figure')].map(one => one.dataset.id).join()"
EXPECTED = ["Failed to load resource: the server responded with a status of 400 (Bad Request)"]


def quote(text: str) -> str:
    """Return words as the page quotes them."""
    return f"\N{LEFT SINGLE QUOTATION MARK}{text}\N{RIGHT SINGLE QUOTATION MARK}"


def test_a_sentence_is_a_feeling_and_a_name_is_a_name(page: Page, server: Server) -> None:
    page.goto(server.address)
    box = page.get_by_role("combobox")
    box.press_sequentially(SENTENCE, delay=15)
    feelings = page.get_by_role("option").filter(has_text=f"that feel like {quote(SENTENCE)}")
    expect(feelings).to_have_count(2)
    expect(page.get_by_role("option")).to_have_count(2)
    expect(feelings.first).to_contain_text(re.compile(r"^Pictures .*calm · shows: .*sea.*Feeling$"))
    expect(feelings.last).to_contain_text(re.compile(r"^Songs .*calm.*Feeling$"))
    box.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"Pictures that feel like {quote(SENTENCE)}")
    expect(page.locator("#gallery figure[data-id]")).to_have_count(PICTURES)
    assert_order_of_numbers(read_numbers(page, "#gallery figure"))
    label = page.locator("#gallery .open").first.get_attribute("aria-label") or ""
    assert label.endswith("near your words")
    expect(page.locator("#asked")).to_contain_text("feels calm")
    listed = shown(page)
    page.reload()
    expect(page.locator("#gallery figure[data-id]")).to_have_count(PICTURES)
    assert shown(page) == listed
    page.get_by_role("button", name="Songs", exact=True).click()
    expect(page.locator("#songs .song[data-id]")).to_have_count(SONGS)
    page.go_back()
    expect(page.locator("#gallery figure[data-id]")).to_have_count(PICTURES)
    box.fill("song-02")
    expect(page.get_by_role("option").first).to_contain_text(re.compile("Name$"))
    expect(page.get_by_role("option").filter(has_text="Feeling").first).to_be_visible()
    expect(page.get_by_role("option").first).to_contain_text("Name")


def test_enter_waits_for_the_answer_and_the_newest_text_wins(page: Page, server: Server) -> None:
    page.goto(server.address)
    box = page.get_by_role("combobox")
    box.fill("lonely and grey")
    box.press("Enter")  # before anything was found
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"feel like {quote('lonely and grey')}")
    box.fill("a wild party")
    box.fill("tired")
    expect(page.get_by_role("option").filter(has_text=quote("tired"))).to_have_count(2)
    expect(page.get_by_role("option").filter(has_text="party")).to_have_count(0)
    box.press("ArrowDown")
    box.press("ArrowDown")
    expect(box).to_have_attribute("aria-activedescendant", "hit-1")
    box.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"Songs that feel like {quote('tired')}")


def test_words_narrow_a_file_and_can_be_weighed_and_removed(page: Page, server: Server) -> None:
    open_song(page, server)
    before = shown(page)
    page.locator("#filters summary").click()
    page.get_by_label("In words").fill("sad, grey and lonely")
    page.get_by_label("In words").press("Enter")
    wait_until_true(page, "location.search.includes('words=')")
    expect(page.locator("#asked")).to_contain_text("sad, grey and lonely")
    wait_until_true(
        page,
        f"before => {ORDER} && {ORDER} !== before.join()",
        arg=before,
    )
    expect(page.locator(".unlikely")).to_have_count(0)  # a mean with a closeness is no chance
    with page.expect_request(re.compile(r"/images\?.*meaning=0(&|$)")):
        page.get_by_label("Mood or things").evaluate(
            "slider => { slider.value = 0; for (const name of ['input', 'change']) "
            "slider.dispatchEvent(new Event(name)); }"
        )
    expect(page.locator("#meaning-said")).to_have_text("mood 100%, things 0%")
    page.get_by_role("button", name="Let Attune choose").click()
    wait_until_true(page, "!location.search.includes('meaning')")
    page.get_by_role("button", name="Remove the words").click()
    wait_until_true(page, "!location.search.includes('words')")
    wait_until_true(
        page,
        f"before => {ORDER} === before.join()",
        arg=before,
    )


def test_words_that_say_nothing_are_told_in_one_line(page: Page, server: Server) -> None:
    page.expected = EXPECTED  # type: ignore[attr-defined]
    page.goto(server.address)
    page.get_by_role("combobox").fill("?!")
    expect(page.get_by_role("option")).to_have_text(re.compile("^No file has such a name"))
    page.goto(f"{server.address}/?words=happy&meaning=1")
    expect(page.locator(".state")).to_contain_text("names nothing by which pictures are known")
    page.get_by_role("button", name="Start over").click()
    expect(page.get_by_role("heading", name="Drop a song")).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_words_have_no_serious_violation(
    browser: Browser, server: Server, width: int, scheme: Literal["dark", "light"]
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(f"{server.address}/?words={SENTENCE}&kind=music&meaning=0.3")
    expect(page.locator("#songs .song[data-id]").first).to_be_visible()
    page.locator("#filters summary").click()
    page.locator("#q").fill(SENTENCE)
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    assert not violations(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()
