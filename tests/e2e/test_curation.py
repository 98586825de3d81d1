"""Tests of curation, explanations, pages and maps by the installed command."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from attune.tests.e2e.command import ATTUNE, attune, attune_json


@pytest.mark.slow
def test_everything_at_once_is_still_one_document(built: Path, media: Path, tmp_path: Path) -> None:
    page = tmp_path / "a.html"
    song = media / "song 3.mp3"
    options = ("--diverse", "0.5", "--per-folder", 3, "--mood", "calm", "--not", media / "song 0.flac")
    found = attune_json("find-images", song, *options, "--why", "-n", 5, "--html", page, library=built)
    assert len(found["results"]) == 5
    for result in found["results"]:
        assert result["why"] and result["alike"] == [] and result["taken"] is None
        assert result["why"] in page.read_text().replace("&#x27;", "'")
    assert len({result["why"] for result in found["results"]}) == 5


@pytest.mark.slow
def test_a_playlist_beside_the_table(built: Path, media: Path, tmp_path: Path) -> None:
    result = attune("find-music", media / "photo 00.jpg", "--m3u", tmp_path / "a.m3u", "--why", library=built)
    assert result.returncode == 0, result.stderr
    entries = [line for line in (tmp_path / "a.m3u").read_text().splitlines() if line[0] != "#"]
    assert len(entries) == 4 and all((tmp_path / entry).is_file() for entry in entries)
    assert result.stdout.count("fits best at") == 4


@pytest.mark.slow
def test_open_hands_the_page_to_the_browser(built: Path, media: Path, tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > "{tmp_path}/seen"\n')
    browser.chmod(0o755)
    environment = os.environ | {
        "BROWSER": f"{browser} %s",
        "ATTUNE_LIBRARY": str(built),
        "TMPDIR": str(tmp_path),
    }
    command = [str(ATTUNE), "find-images", str(media / "song 1.ogg"), "-n", "2", "--open"]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120)
    seen = (tmp_path / "seen").read_text().strip()
    assert seen.startswith("file://")
    assert "song 1.ogg" in Path(seen.removeprefix("file://")).read_text()


@pytest.mark.slow
def test_a_map_is_written_where_it_is_wanted(built: Path, tmp_path: Path) -> None:
    for name in ("map.html", "map.png"):
        result = attune("map", "-o", tmp_path / name, library=built)
        assert result.returncode == 0, result.stderr
        assert (tmp_path / name).stat().st_size > 5000


@pytest.mark.slow
def test_previews_show_where_there_is_colour(built: Path, media: Path) -> None:
    command = [str(ATTUNE), "find-images", str(media / "song 1.ogg"), "-n", "2"]
    environment = os.environ | {"ATTUNE_LIBRARY": str(built), "COLUMNS": "120"}
    plain = subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120)
    assert "▀".encode() not in plain.stdout
    forced = environment | {"FORCE_COLOR": "1", "COLORTERM": "truecolor", "TERM": "xterm-256color"}
    coloured = subprocess.run(command, env=forced, check=True, capture_output=True, timeout=120)
    assert "▀".encode() in coloured.stdout and b"\x1b[38;2;" in coloured.stdout
    without = subprocess.run(
        [*command, "--no-preview"], env=forced, check=True, capture_output=True, timeout=120
    )
    assert "▀".encode() not in without.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["find-images", "{song}", "--taken", "soon"], "not a range of dates"),
        (["find-images", "{song}", "--taken", "2024..2023"], "ends before it begins"),
        (["find-images", "{song}", "--mood", "hangry"], "there are festive"),
        (["find-images", "{song}", "--not", "nowhere.jpg"], "no such file"),
        (["find-images", "{song}", "--diverse", "2"], "--diverse"),
        (["find-images", "{song}", "--html", "nowhere/a.html"], "no such folder"),
        (["find-music", "{photo}", "--m3u", "{folder}"], "a folder"),
        (["find-music", "{photo}", "--per-artist", "0"], "--per-artist"),
        (["browse", "--mood", "calm", "--kind", "music", "--taken", "2023"], "only pictures"),
        (["browse", "--mood", "calm", "--m3u", "a.m3u"], "--kind music"),
        (["map", "-o", "map.txt"], ".html"),
    ],
)
def test_wrong_use_is_named(built: Path, media: Path, arguments: list[str], message: str) -> None:
    names = {"song": media / "song 0.flac", "photo": media / "photo 00.jpg", "folder": media}
    result = attune(*[argument.format(**names) for argument in arguments], library=built)
    assert result.returncode == 2, result.stdout
    assert message in result.stderr and result.stderr.count("\n") == 1


def test_the_json_contract_keeps_its_keys(built: Path, media: Path) -> None:
    found = attune_json("find-music", media / "photo 00.jpg", "-n", 1, library=built)
    contract = {"rank", "path", "score", "valence", "arousal", "polarity", "moment", "title", "artist"}
    assert contract < set(found["results"][0])
    assert json.dumps(found["results"][0]["why"]) == "null"
