"""Tests of pages, maps, playlists and previews: complete, self-contained, escaped."""

from __future__ import annotations

import base64
import io
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from attune.core.errors import MediaError
from attune.core.progress import SilentProgress
from attune.embedding.audio_decoding import read_audio
from attune.embedding.network import Network
from attune.indexer.library import LibraryReader
from attune.retrieval import map_page
from attune.retrieval.answer_page import Section, write_page
from attune.retrieval.audio_clip import encode_mp3_clip
from attune.retrieval.html_parts import make_thumbnail
from attune.retrieval.library_map import load_layers
from attune.retrieval.m3u import Track, write_m3u
from attune.retrieval.map_page import write_map_page
from attune.retrieval.map_plot import write_map_plot
from attune.retrieval.mood import estimate_moods
from attune.retrieval.queries import browse, find
from attune.retrieval.query_parameters import BrowseParameters
from attune.retrieval.render_text import format_fit
from attune.retrieval.search import Filters
from attune.retrieval.seeds import QueryResolver
from attune.retrieval.terminal_image import COLUMNS, LINES, render_half_blocks
from attune.tests import camera_factory
from attune.tests.conftest import run_build
from attune.tests.media_factory import photo, scene, song

NASTY = '<b>{data} & {sections} "it\'s" <script>alert(1)'


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Media with names that would break a page or a playlist that does not escape them."""
    folder = tmp_path_factory.mktemp("odd") / NASTY
    folder.mkdir()
    for seed in range(3):
        photo(folder / f"{NASTY}{seed}.jpg", seed)
        song(folder / f"#{NASTY}{seed}.flac", seed, seconds=9.0)
    photo(Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9 100%.jpg")), 5)
    return folder


@pytest.fixture(scope="module")
def library(odd: Path, network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LibraryReader]:
    path = tmp_path_factory.mktemp("pages") / "library"
    run_build(path, network, odd)
    with LibraryReader(path) as opened:
        yield opened


def no_outside_host(page: str) -> bool:
    return not re.search(r"""(?:https?:)?//[a-z0-9-]+\.|<link|@import|fetch\(""", page, re.IGNORECASE)


@pytest.mark.parametrize("query_kind", ["song", "picture"])
def test_a_page_holds_everything_and_escapes_names(
    library: LibraryReader, network: Network, odd: Path, tmp_path: Path, query_kind: str
) -> None:
    query = str(odd / (f"#{NASTY}0.flac" if query_kind == "song" else f"{NASTY}0.jpg"))
    seeds = QueryResolver(library, network)
    answer = find(library, network, seeds, [query], Filters())
    write_page(tmp_path / "a.html", NASTY, NASTY, [Section(NASTY, answer, estimate_moods(seeds, [query]))])
    page = (tmp_path / "a.html").read_text()
    assert no_outside_host(re.sub(r"base64,[\w+/=]+", "", page))
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page
    assert page.count("<script>") == page.count("</script>") == 1
    assert page.count("<img ") == (len(answer.results) if query_kind == "song" else 1)
    assert page.count("<audio ") == (1 if query_kind == "song" else len(answer.results))
    assert page.count('<circle class="answer"') == len(answer.results)
    assert page.count('<svg class="curve"') == (query_kind == "song")
    dots = re.findall(r'<circle class="answer" cx="([\d.]+)" cy="([\d.]+)"', page)
    assert [(float(x), float(y)) for x, y in dots] == [
        pytest.approx((120 + 112 * one.place[0], 90 - 82 * one.place[1]), abs=0.06) for one in answer.results
    ]
    first = re.search(r"data:image/jpeg;base64,([\w+/=]+)", page)
    assert first is not None
    with Image.open(io.BytesIO(base64.b64decode(first[1]))) as image:
        assert max(image.size) <= 420


def test_a_page_tells_the_numbers_by_which_it_is_ordered(
    library: LibraryReader, network: Network, odd: Path, tmp_path: Path
) -> None:
    query = str(odd / f"#{NASTY}0.flac")
    answer = find(library, network, QueryResolver(library, network), [query], Filters())
    even = [
        replace(one, score=score) for one, score in zip(answer.results[:3], (0.9, 0.5, 0.25), strict=True)
    ]
    write_page(
        tmp_path / "a.html", "a", "b", [Section("c", replace(answer, results=even, notes=("so it is",)))]
    )
    page = (tmp_path / "a.html").read_text()
    assert re.findall(r"--share:([\d.]+)", page) == ["0.9000", "0.5000", "0.2500"]
    assert re.findall(r'<i class="(\w*)"', page) == ["", "", "unlikely"]
    assert re.findall(r"<b>([\d.]+%)</b>", page) == ["90.0%", "50.0%", "25.0%"]
    fits = re.findall(r"better than ([\w .]+%?)</span>", page)
    assert fits == ["all others", *(format_fit(one.fit) for one in even[1:])]
    assert re.findall(r"same polarity: (\d+%)</span>", page) == [f"{one.correspondence:.0%}" for one in even]
    assert "chance that picture and song share a mood" in page
    assert '<p class="note">so it is</p>' in page


def test_a_page_on_a_point_tells_closeness(library: LibraryReader, network: Network, tmp_path: Path) -> None:
    answer = browse(library, network, BrowseParameters(kind="image", valence=0.5, arousal=-0.5), Filters())
    write_page(tmp_path / "a.html", "a", "b", [Section("c", answer)])
    page = (tmp_path / "a.html").read_text()
    shares = [float(share) for share in re.findall(r"--share:([\d.]+)", page)]
    assert shares == sorted(shares, reverse=True) and len(shares) == len(answer.results)
    assert shares[0] == pytest.approx(answer.results[0].closeness, abs=1e-4)
    assert "how near an answer lies to the point" in page
    assert "better than" not in page.lower() and "unlikely" not in re.sub(
        r"<style>.*?</style>", "", page, flags=re.S
    )


def test_a_page_says_which_files_are_gone(
    tmp_path: Path, network: Network, library: LibraryReader, odd: Path
) -> None:
    gone = photo(tmp_path / "gone.jpg", 7)
    run_build(tmp_path / "library", network, gone, odd / f"#{NASTY}0.flac")
    gone.unlink()
    with LibraryReader(tmp_path / "library") as opened:
        seeds = QueryResolver(opened, network)
        answer = find(opened, network, seeds, [str(odd / f"#{NASTY}0.flac")], Filters())
    write_page(tmp_path / "a.html", "a", "b", [Section("c", answer)])
    assert "gone.jpg: not there now" in (tmp_path / "a.html").read_text()


def read_map_data(page: Path) -> dict[str, dict[str, object]]:
    match = re.search(
        r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL
    )
    assert match is not None
    return json.loads(match[1])  # type: ignore[no-any-return]


def read_pairs(text: object) -> NDArray[np.float64]:
    return np.frombuffer(base64.b64decode(str(text)), "<i2").reshape(-1, 2) / 32767


def test_the_map_holds_every_item_at_its_place_with_its_estimates(
    library: LibraryReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(map_page, "MAX_INLINE_PICTURES", 3)  # fewer than there are, as in a large library
    page = tmp_path / "map.html"
    write_map_page(page, library, load_layers(library), SilentProgress())
    assert no_outside_host(re.sub(r"base64,[\w+/=]+", "", page.read_text()))
    data = read_map_data(page)
    for kind in ("image", "music"):
        layer = data[kind]
        numbers = np.hstack([read_pairs(layer["places"]), read_pairs(layer["estimates"])])
        found = {}
        for file, folder, row in zip(layer["files"], layer["folder"], numbers, strict=True):  # type: ignore[call-overload]
            uri = urlsplit(f"{layer['folders'][folder]}/{file}")  # type: ignore[index]
            found[os.fsdecode(unquote_to_bytes(uri.path))] = tuple(row)
        items = library.items([item for item, _ in library.paths(kind)]).values()  # type: ignore[arg-type]
        expected = {one.path: (*one.affect.place, one.affect.valence, one.affect.arousal) for one in items}
        assert found == {path: pytest.approx(place, abs=1e-4) for path, place in expected.items()}
    assert data["image"]["inside"] is None
    clips = data["music"]["inside"]
    assert clips
    assert all(str(one).startswith("data:audio/mpeg") for one in clips)  # type: ignore[attr-defined]


def test_the_map_of_a_small_library_holds_its_thumbnails(library: LibraryReader, tmp_path: Path) -> None:
    write_map_page(tmp_path / "map.html", library, load_layers(library), SilentProgress())
    inside = read_map_data(tmp_path / "map.html")["image"]["inside"]
    assert [str(one)[:15] for one in inside] == ["data:image/jpeg"] * 4  # type: ignore[attr-defined]


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_the_map_as_a_picture(library: LibraryReader, tmp_path: Path, suffix: str) -> None:
    write_map_plot(tmp_path / f"map.{suffix}", load_layers(library))
    head = (tmp_path / f"map.{suffix}").read_bytes()[:400]
    assert head.startswith(b"\x89PNG") if suffix == "png" else b"<svg" in head or b"<?xml" in head


def test_a_playlist_names_its_songs_from_where_it_lies(
    library: LibraryReader, network: Network, odd: Path, tmp_path: Path
) -> None:
    answer = find(library, network, QueryResolver(library, network), [str(odd / f"{NASTY}0.jpg")], Filters())
    for playlist in (tmp_path / "a.m3u", odd / "a.m3u"):
        tracks = [Track(song, song.duration_s) for song in answer.results]
        write_m3u(playlist, tracks)
        lines = playlist.read_bytes().splitlines()
        assert lines[0] == b"#EXTM3U"
        entries = [line for line in lines if not line.startswith(b"#")]
        assert not any(line.startswith(b"/") for line in entries)
        named = [os.path.realpath(playlist.parent / os.fsdecode(entry)) for entry in entries]
        assert named == [os.path.realpath(r.path) for r in answer.results]
        assert [line.split(b",")[0] for line in lines[1::2]] == [b"#EXTINF:9"] * 3


def test_an_excerpt_is_the_part_that_was_asked_for(tmp_path: Path) -> None:
    whole = song(tmp_path / "a.ogg", 3, seconds=20.0)
    (tmp_path / "part.mp3").write_bytes(encode_mp3_clip(whole, 8.0, 5.0))
    part, full = read_audio(tmp_path / "part.mp3").samples, read_audio(whole).samples
    assert len(part) / 16_000 == pytest.approx(5.0, abs=0.15)
    middle = part[16_000:48_000]
    shifts = range(8 * 16_000, 10 * 16_000, 4)
    best = max(shifts, key=lambda at: float(np.dot(middle, full[at : at + len(middle)])))
    assert best / 16_000 == pytest.approx(9.0, abs=0.15)
    with pytest.raises(MediaError):
        encode_mp3_clip(whole, 60.0, 5.0)


def test_thumbnails_are_upright_and_keep_their_shape(tmp_path: Path) -> None:
    for path in (
        photo(tmp_path / "a.jpg", 0),
        camera_factory.heic(tmp_path / "a.heic", scene(0, (320, 240))),
    ):
        with Image.open(io.BytesIO(make_thumbnail(str(path), 160))) as image:
            assert image.size == (160, 120)


def test_a_preview_is_small_and_coloured(tmp_path: Path) -> None:
    text = render_half_blocks(str(photo(tmp_path / "a.jpg", 0)))
    lines = text.plain.split("\n")
    assert len(lines) <= LINES and max(map(len, lines)) <= COLUMNS and set(text.plain) <= {"▀", "\n"}
    assert len({str(span.style) for span in text.spans}) > 5
    assert render_half_blocks(str(tmp_path / "none.jpg")).plain == ""
