"""The page in a real browser with the shipped samples: every flow, by pointer and by keyboard alone."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

pytest.importorskip("playwright")
from playwright.sync_api import Browser, Page, expect

from attune.tests.conftest import run_build
from attune.tests.media_factory import bomb, photo
from attune.tests.web.browser import PATIENCE_MS, ROOT, Server, wait_until_true
from attune.tests.web.conftest import PICTURES, SONGS

expect.set_options(timeout=PATIENCE_MS)
SAMPLES = ROOT / "samples"
OTHER = """first => {
    const id = document.querySelector("#gallery figure")?.dataset.id;
    return id && id !== first;
}"""
ANOTHER_ORDER = """order => {
    const ids = [...document.querySelectorAll("#gallery figure")].map(figure => figure.dataset.id);
    return ids.length === order.length && ids.join() !== order.join();
}"""
EXPECTED = [
    f"Failed to load resource: the server responded with a status of {status}"
    for status in ("422 (Unprocessable Content)", "422 (Unprocessable Entity)", "410 (Gone)")
]
PLAYING = "document.querySelector('#dock .go').getAttribute('aria-label') === 'Pause'"


def drop(page: Page, path: Path) -> None:
    """Drop a file on the page, with the events that a file manager causes."""
    content = list(path.read_bytes())
    page.evaluate(
        """([content, name]) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(content)], name));
            for (const kind of ["dragenter", "dragover", "drop"]) {
                const init = {dataTransfer: data, bubbles: true, cancelable: true};
                document.body.dispatchEvent(new DragEvent(kind, init));
            }
        }""",
        [content, path.name],
    )


def open_song(page: Page, server: Server) -> None:
    """Search with the song `song-02`, chosen by its name."""
    page.goto(server.address)
    page.get_by_role("combobox").fill("song-02")
    page.get_by_role("option").first.click()
    expect(page.locator("#gallery figure[data-id]").first).to_be_visible()


def shown(page: Page) -> list[str]:
    found: list[str] = page.eval_on_selector_all(
        "#gallery figure", "figures => figures.map(figure => figure.dataset.id)"
    )
    return found


def test_a_dropped_song_shows_pictures_and_plays(page: Page, server: Server) -> None:
    page.goto(server.address)
    expect(page.get_by_text(f"{PICTURES} pictures and {SONGS} songs")).to_be_visible()
    drop(page, SAMPLES / "music" / "song-20.opus")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Pictures that feel like The Deep Path")
    expect(page.locator("#gallery img:not(.waiting)").first).to_be_visible()
    expect(page.locator("canvas.curve")).to_be_visible()
    expect(page.locator("#dock")).to_contain_text("The Deep Path")
    page.get_by_role("button", name="Play", exact=True).click()
    wait_until_true(page, PLAYING)
    wait_until_true(page, "Number(document.querySelector('#dock input').value) > 0")
    assert "like=up-" in page.url


def test_the_gallery_follows_the_playing_moment(page: Page, server: Server) -> None:
    open_song(page, server)
    page.get_by_role("button", name="Follow the music").click()
    expect(page.get_by_role("button", name="Follow the music")).to_have_attribute("aria-pressed", "true")
    assert "follow=1" in page.url
    with page.expect_request(re.compile(r"/images\?.*from=1\d")):
        page.get_by_label("Position in the song").evaluate(
            "slider => { slider.value = 18; slider.dispatchEvent(new Event('input')); }"
        )
    expect(page.locator("#small")).to_contain_text("Following the music")


def test_a_dropped_photo_ranks_songs_that_play_from_their_best_moment(page: Page, server: Server) -> None:
    page.goto(server.address)
    page.locator("#file").set_input_files(SAMPLES / "photos" / "photo-051.jpg")
    expect(page.locator("#songs .song")).to_have_count(SONGS)
    expect(page.locator(".seed.big img")).to_be_visible()
    play = page.locator("#songs .play").first
    label = play.get_attribute("aria-label") or ""
    minutes, seconds = re.search(r"best from (\d+):(\d+)", label).groups()  # type: ignore[union-attr]
    play.click()
    wait_until_true(page, PLAYING)
    moment_start = int(minutes) * 60 + int(seconds)
    wait_until_true(page, "Number(document.querySelector('#dock input').value) > 0")
    assert moment_start <= float(page.get_by_label("Position in the song").input_value()) + 0.5
    expect(page.locator('.song[aria-current="true"]')).to_have_count(1)


def test_the_plane_browses_both_kinds_and_keeps_its_place_in_the_address(page: Page, server: Server) -> None:
    page.goto(server.address)
    page.locator("#pad-welcome").get_by_role("button", name="festive").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("What feels festive")
    expect(page.locator("#songs .song")).to_have_count(5)
    expect(page.locator("#gallery figure[data-id]").first).to_be_visible()
    first = shown(page)
    box = page.locator("#pad-rail .pad").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.12, box["y"] + box["height"] * 0.9, steps=4)
    page.mouse.up()
    wait_until_true(page, "location.search.includes('v=-0.7')")
    wait_until_true(page, OTHER, arg=first[0])


def test_more_less_and_the_way_back(page: Page, server: Server) -> None:
    open_song(page, server)
    address, before = page.url, shown(page)
    page.get_by_role("button", name=re.compile("^Less like")).first.click()
    wait_until_true(page, "location.search.includes('unlike=')")
    expect(page.locator(".seed.less")).to_have_count(1)
    page.get_by_role("button", name=re.compile("^More like")).nth(1).click()
    expect(page.locator(".seed:not(.less)")).to_have_count(2)
    changed, shared = shown(page), page.url
    assert changed != before
    page.go_back()
    page.go_back()
    expect(page.locator(".seed")).to_have_count(1)
    assert (page.url, shown(page)) == (address, before)
    page.goto(shared)  # another person may open the address
    expect(page.locator(".seed")).to_have_count(3)
    wait_until_true(
        page, "all => document.querySelectorAll('#gallery figure').length === all", arg=len(changed)
    )
    assert shown(page) == changed
    page.locator(".seed.less").get_by_role("button", name=re.compile("^Remove")).click()
    expect(page.locator(".seed.less")).to_have_count(0)


def test_filters_and_shuffle(page: Page, server: Server) -> None:
    open_song(page, server)
    ordered = shown(page)
    page.get_by_role("button", name="Shuffle").click()
    wait_until_true(page, "location.search.includes('shuffle=')")
    wait_until_true(page, ANOTHER_ORDER, arg=ordered)  # the first picture may stay the first by chance
    assert sorted(shown(page)) == sorted(ordered)
    page.get_by_role("button", name="Best first").click()
    page.locator("#filters summary").click()
    page.get_by_label("Exclude files that match").fill("photo-00*")
    page.get_by_label("Exclude files that match").press("Enter")
    expect(page.locator("#gallery figure")).to_have_count(PICTURES - 9)
    page.get_by_label("Exclude files that match").fill("phoot")
    page.get_by_label("Exclude files that match").press("Enter")
    expect(
        page.locator("#notes").get_by_text("exclude phoot: matches nothing in this library")
    ).to_be_visible()
    expect(page.locator("#gallery figure")).to_have_count(PICTURES)
    page.get_by_label("Only in this folder").fill("/nowhere")
    page.get_by_label("Only in this folder").press("Enter")
    expect(page.get_by_text("No results")).to_be_visible()
    page.get_by_role("button", name="Remove the filters").click()
    expect(page.locator("#gallery figure")).to_have_count(PICTURES)


def test_a_picture_opens_large_and_leads_to_its_songs(page: Page, server: Server) -> None:
    open_song(page, server)
    page.locator("#gallery .open").first.click()
    dialog = page.locator("#picture")
    expect(dialog.locator("img")).to_be_visible()
    first = dialog.get_attribute("aria-label")
    page.keyboard.press("ArrowRight")
    wait_until_true(
        page, "before => document.getElementById('picture').getAttribute('aria-label') !== before", arg=first
    )
    dialog.get_by_role("button", name="Its songs").click()
    expect(page.locator("#songs .song").first).to_be_visible()
    assert "kind=music" in page.url


def read_numbers(page: Page, rows: str) -> list[tuple[float, str]]:
    """Return the length of each answer's ring or bar, and its percentage as it is written."""
    found = page.eval_on_selector_all(
        rows,
        """rows => rows.map(row => [
            Number(row.querySelector(".ring, .bar").style.getPropertyValue("--share")),
            row.querySelector("b.percent").textContent,
        ])""",
    )
    return [(float(share), str(text)) for share, text in found]


def assert_order_of_numbers(numbers: list[tuple[float, str]]) -> None:
    """Assert that numbers fall from the first answer on, and that only equal ones read the same."""
    shares = [share for share, _ in numbers]
    assert shares == sorted(shares, reverse=True) and shares
    for (share, text), (after, text_after) in pairwise(numbers):
        written = float(text.removesuffix("%"))
        assert written == pytest.approx(100 * share, abs=0.051 if "." in text else 0.51)
        assert text != text_after or f"{share:.1%}" == f"{after:.1%}"


def test_the_numbers_of_pictures_and_songs_are_those_of_their_order(page: Page, server: Server) -> None:
    open_song(page, server)
    numbers = read_numbers(page, "#gallery figure")
    assert len(numbers) == PICTURES
    assert_order_of_numbers(numbers)
    first = page.locator("#gallery .open").first
    assert f"{numbers[0][1]} chance of a shared mood, better than" in (
        first.get_attribute("aria-label") or ""
    )
    expect(first.locator(".fit")).to_have_css("opacity", "0")
    first.hover()
    expect(first.locator(".fit")).to_have_css("opacity", "1")
    expect(first.locator(".fit")).to_have_text("better than all others")
    likely = page.locator("#gallery .ring:not(.unlikely)")
    assert likely.count() == sum(share >= 0.5 for share, _ in numbers)
    first.click()
    about = page.locator("#picture .about")
    expect(about).to_contain_text(f"{numbers[0][1]} chance of a shared mood, better than all other pictures")
    expect(about).to_contain_text(re.compile(r"same polarity: \d+%"))
    page.locator("#picture").get_by_role("button", name="Its songs").click()
    expect(page.locator("#songs .song[data-id]")).to_have_count(SONGS)
    songs = read_numbers(page, "#songs .song")
    assert_order_of_numbers(songs)
    score = page.locator("#songs .score").first
    expect(score).to_contain_text("better than all others")
    expect(score.locator(".unseen")).to_have_text(
        f"{songs[0][1]} chance of a shared mood, better than all other songs"
    )
    page.locator(".help summary").click()
    expect(page.get_by_text("chance that picture and song share a mood")).to_be_visible()


def test_the_plane_tells_how_near_and_nothing_of_chances(page: Page, server: Server) -> None:
    page.goto(f"{server.address}/?v=0.5&a=-0.4")
    expect(page.locator("#gallery figure[data-id]").first).to_be_visible()
    for rows in ("#gallery figure", "#songs .song"):
        assert_order_of_numbers(read_numbers(page, rows))
    label = page.locator("#gallery .open").first.get_attribute("aria-label") or ""
    assert re.search(r"[\d.]+% near the point that you chose$", label)
    expect(page.locator("#gallery .fit")).to_have_count(0)
    expect(page.locator(".unlikely")).to_have_count(0)


def test_a_song_stands_at_its_place_and_is_told_its_estimates(page: Page, server: Server) -> None:
    open_song(page, server)
    seed = page.evaluate(
        "async () => (await (await fetch('/api/v1/mood' + location.search.split('&')[0])).json()).files[0]"
    )
    mark = page.locator("#pad-rail .at")
    at = mark.evaluate("mark => [mark.style.left, mark.style.top].map(Number.parseFloat)")
    valence, arousal = seed["place"]["valence"], seed["place"]["arousal"]
    assert at == [pytest.approx((1 + valence) * 50, abs=0.01), pytest.approx((1 - arousal) * 50, abs=0.01)]
    told = page.locator(".seed .feel em").inner_text().replace("−", "-")
    assert [float(number) for number in told.split("/")] == [
        pytest.approx(seed[name], abs=0.0051) for name in ("valence", "arousal")
    ]


def test_the_slideshow_follows_the_music(page: Page, server: Server) -> None:
    open_song(page, server)
    page.locator("#start-show").click()
    expect(page.locator("#show img.on:not(.blur)")).to_be_visible()
    wait_until_true(page, PLAYING)
    page.keyboard.press("ArrowRight")
    wait_until_true(page, "document.querySelectorAll('#show img:not(.blur)').length >= 1")
    page.keyboard.press("Escape")
    wait_until_true(page, "!document.fullscreenElement")
    page.evaluate("document.getElementById('show').close()")
    expect(page.locator("#show")).to_be_hidden()


def test_by_keyboard_alone(page: Page, server: Server) -> None:
    page.goto(server.address)
    page.keyboard.press("/")
    page.keyboard.type("song-02")
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#gallery figure[data-id]").first).to_be_visible()
    for _ in range(80):  # from the search box on to the first picture
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('#gallery .open')"):
            break
    assert page.evaluate("document.activeElement.matches('#gallery .open')")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.locator("#picture")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#picture")).to_be_hidden()
    assert page.evaluate("document.activeElement.matches('#gallery .open')")  # the focus returns
    page.locator("#pad-rail").get_by_role("slider", name="Lively").focus()
    for _ in range(6):
        page.keyboard.press("ArrowUp")
    expect(page.get_by_role("heading", level=1)).to_contain_text("What feels")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press(" ")
    wait_until_true(page, PLAYING)


def test_errors_are_told_in_words(page: Page, server: Server, tmp_path: Path) -> None:
    page.expected = EXPECTED  # type: ignore[attr-defined]
    broken = tmp_path / "broken.png"
    broken.write_bytes(bomb(40_000, 40_000))
    page.goto(server.address)
    drop(page, broken)
    expect(page.get_by_role("heading", name="This file cannot be used").last).to_be_visible()
    expect(page.locator(".state")).to_contain_text("million: not decoded")
    page.goto(f"{server.address}/?like=up-forgotten")
    expect(page.get_by_role("heading", name="This upload has expired").last).to_be_visible()
    page.get_by_role("button", name="Start over").click()
    expect(page.get_by_role("heading", name="Drop a song")).to_be_visible()


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Page]:
    """A browser page on which console errors are expected: its server stops, or needs a token."""
    context = browser.new_context(reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def test_a_server_that_goes_away_and_comes_back(visitor: Page, sample_library: Path, tmp_path: Path) -> None:
    with Server(sample_library, tmp_path) as first:
        open_song(visitor, first)
    visitor.get_by_role("button", name="Surprise me").click()
    expect(visitor.get_by_role("alert").first).to_contain_text("does not answer")
    with Server(sample_library, tmp_path, port=first.port):
        expect(visitor.locator("#banner")).to_be_hidden()
        expect(visitor.locator("#gallery figure[data-id]").first).to_be_visible()


def test_the_gate_asks_for_the_token(visitor: Page, sample_library: Path, tmp_path: Path) -> None:
    with Server(sample_library, tmp_path, "--token", "correct horse battery") as server:
        visitor.goto(server.address)
        visitor.get_by_label("Token").fill("not this one at all")
        visitor.get_by_label("Token").press("Enter")
        expect(visitor.get_by_text("That is not the token")).to_be_visible()
        visitor.get_by_label("Token").fill("correct horse battery")
        visitor.get_by_label("Token").press("Enter")
        expect(visitor.get_by_text(f"{PICTURES} pictures")).to_be_visible()


def test_the_page_notices_the_first_build(visitor: Page, tmp_path: Path) -> None:
    from attune.embedding.network import open_network

    media = tmp_path / "media"
    media.mkdir()
    for seed in range(3):
        photo(media / f"{seed}.png", seed)
    with Server(tmp_path / "library", tmp_path) as server:
        visitor.goto(server.address)
        expect(visitor.get_by_text("no library here yet")).to_be_visible()
        run_build(tmp_path / "library", open_network(), media)
        expect(visitor.get_by_text("3 pictures and 0 songs")).to_be_visible()


def test_a_picture_says_how_many_are_like_it(visitor: Page, tmp_path: Path) -> None:
    from attune.embedding.network import open_network

    media = tmp_path / "media"
    media.mkdir()
    for name in ("a.jpg", "again.jpg"):
        shutil.copy2(SAMPLES / "photos" / "photo-001.jpg", media / name)
    shutil.copy2(SAMPLES / "photos" / "photo-002.jpg", media / "other.jpg")
    run_build(tmp_path / "library", open_network(), media)
    with Server(tmp_path / "library", tmp_path) as server:
        visitor.goto(f"{server.address}/?v=0.4&a=-0.4")
        expect(visitor.locator("#gallery figure[data-id]")).to_have_count(2)
        told = visitor.locator("#gallery .alike")
        expect(told).to_have_text("+1 alike")
        expect(told).to_have_attribute("title", re.compile(r"(a|again)\.jpg$"))
