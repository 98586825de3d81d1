"""Tests of `attune storyboard` and `attune soundtrack` by the installed command."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import av
import pytest

from attune.tests.e2e.command import attune, attune_json, start_attune

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of ten pictures and six songs of the samples."""
    folder = tmp_path_factory.mktemp("story")
    (folder / "photos").mkdir()
    (folder / "music").mkdir()
    for path in sorted((SAMPLES / "photos").iterdir())[:10]:
        (folder / "photos" / path.name).write_bytes(path.read_bytes())
    for path in sorted((SAMPLES / "music").iterdir())[:6]:
        (folder / "music" / path.name).write_bytes(path.read_bytes())
    made = attune("build-index", folder / "photos", folder / "music", library=folder / "library")
    assert made.returncode == 0, made.stderr
    return folder / "library"


@pytest.mark.slow
def test_a_plan_a_page_and_an_edited_film(library: Path, tmp_path: Path) -> None:
    song = next((library.parent / "music").iterdir())
    plan, page, film = (tmp_path / name for name in ("plan.json", "show.html", "show.mp4"))
    result = attune("storyboard", song, "-o", plan, "-o", page, library=library)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("Written: ") == 2
    assert page.stat().st_size > 100_000
    document = json.loads(plan.read_text())
    pictures = [span["picture"] for span in document["spans"]]
    assert 7 <= len(set(pictures)) == len(pictures) <= 10

    # The plan is edited: only its first two spans are left, and the second one lasts a second.
    document["spans"] = document["spans"][:2]
    document["spans"][1] |= {"end_s": document["spans"][1]["start_s"] + 1.0}
    plan.write_text(json.dumps(document))
    again = attune_json("storyboard", plan, "-o", film, library=tmp_path / "none")
    assert len(again["spans"]) == 2
    assert again["written"] == [str(film)]
    with av.open(str(film)) as opened:
        assert opened.streams.video[0].frames == round(document["spans"][1]["end_s"] * 25)
        assert (opened.streams.video[0].width, opened.streams.video[0].height) == (1280, 720)
        assert (opened.duration or 0) / 1e6 == pytest.approx(document["spans"][1]["end_s"], abs=0.05)


@pytest.mark.slow
def test_what_cannot_be_is_said_at_once(library: Path, tmp_path: Path) -> None:
    song = next((library.parent / "music").iterdir())
    for arguments, message in (
        ((song, "-o", "show.avi"), "name it .mp4, .html or .json"),
        ((song, "-o", tmp_path / "no" / "show.mp4"), "no such folder"),
        ((tmp_path / "gone.json",), "cannot be read"),
        ((SAMPLES / "photos" / "photo-001.jpg",), "is a picture, not music"),
        ((song, "--order", "size"), "'size' is not one of"),
    ):
        refused = attune("storyboard", *arguments, library=library)
        assert refused.returncode == 2, refused.stdout
        assert message in refused.stderr
        assert refused.stderr.count("\n") == 1


@pytest.mark.slow
def test_ctrl_c_leaves_no_half_film(library: Path, tmp_path: Path) -> None:
    song = next((library.parent / "music").iterdir())
    assert attune("storyboard", song, "-o", tmp_path / "plan.json", library=library).returncode == 0
    (tmp_path / "show.mp4").write_bytes(b"the film of yesterday")
    process = start_attune("storyboard", tmp_path / "plan.json", "-o", tmp_path / "show.mp4", library=library)
    while not any(path.name.startswith(".show.mp4") for path in tmp_path.iterdir()):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "interrupted" in errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plan.json", "show.mp4"]
    assert (tmp_path / "show.mp4").read_bytes() == b"the film of yesterday"


@pytest.mark.slow
def test_a_soundtrack(library: Path, tmp_path: Path) -> None:
    list_file = tmp_path / "list.m3u"
    photos = library.parent / "photos"
    found = attune_json("soundtrack", photos, "--minutes", 2, "--m3u", list_file, library=library)
    songs = [song for chapter in found["chapters"] for song in chapter["songs"]]
    assert sum(len(chapter["photos"]) for chapter in found["chapters"]) == 10
    assert found["minutes"] == pytest.approx(2, abs=0.7)
    assert all(set(chapter["place"]) == {"valence", "arousal"} for chapter in found["chapters"])
    assert all(0 <= song[name] <= 1 for song in songs for name in ("score", "fit", "correspondence"))
    assert list_file.read_text().count("#EXTINF") == len(songs) == len({song["path"] for song in songs})
    result = attune("soundtrack", library.parent / "photos", "--minutes", 2, library=library)
    assert result.returncode == 0
    assert "Chapter 1: " in result.stdout
    refused = attune("soundtrack", library.parent / "music", library=library)
    assert (refused.returncode, "no photo that can be read" in refused.stderr) == (2, True)


RAINY_BAY = "photo-084.jpg"
"""A grey bay in the rain, which the network takes for festive."""


@pytest.mark.slow
def test_the_film_of_the_readme_does_not_open_in_the_rain(samples_library: Path) -> None:
    readme = (SAMPLES.parent / "README.md").read_text(encoding="utf-8")
    example = re.search(r"`attune storyboard samples/(music/\S+) -o", readme)
    assert example is not None
    song = SAMPLES / example[1]
    assert attune_json("mood", song, library=samples_library)["files"][0]["mood"] == "festive"
    plan = attune_json("storyboard", song, library=samples_library)
    assert Path(plan["spans"][0]["picture"]).name != RAINY_BAY
