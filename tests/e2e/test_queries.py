"""Tests of the query commands: the JSON contract, other forms of output, and errors for wrong use."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from attune.tests.conftest import PHOTOS, SONGS
from attune.tests.e2e.command import ATTUNE, attune, attune_json
from attune.tests.media_factory import damaged

SHARES = {"positive", "neutral", "negative"}


QUADRANTS = {"Q1", "Q2", "Q3", "Q4"}
AFFECT = {"mood", "valence", "arousal", "place", "polarity", "quadrants"}
RATINGS = {"score", "fit", "correspondence"}


def check_query_json(document: Any, library: Path, ranked_by: str = "score") -> None:
    assert set(document) == {"query", "words", "results", "library", "elapsed_ms", "notes"}
    for entry in document["query"]:
        assert set(entry) == AFFECT | {"path", "kind", "missing"}
    ratings = [result[ranked_by] for result in document["results"]]
    assert ratings == sorted(ratings, reverse=True)
    told = RATINGS if ranked_by == "score" else {"closeness"}
    for rank, result in enumerate(document["results"], start=1):
        keys = {"rank", "path", "moment", "title", "artist"} | AFFECT | RATINGS | {"closeness"}
        keys |= {"taken", "rating", "duration_s", "alike", "why", "missing"}
        assert set(result) == keys
        assert result["rank"] == rank
        assert all(0 <= result[name] <= 1 for name in told)
        assert all(result[name] is None for name in (RATINGS | {"closeness"}) - told)
        assert set(result["place"]) == {"valence", "arousal"}
        assert all(-1 <= value <= 1 for value in result["place"].values())
        assert set(result["quadrants"]) == QUADRANTS
        assert sum(result["quadrants"].values()) == pytest.approx(1, abs=1e-3)
        assert -1 <= result["valence"] <= 1
        assert -1 <= result["arousal"] <= 1
        assert set(result["polarity"]) == SHARES
        assert sum(result["polarity"].values()) == pytest.approx(1, abs=1e-3)
        assert Path(result["path"]).is_absolute()
    assert set(document["library"]) == {"path", "generation", "images", "music", "network"}
    assert document["library"]["path"] == str(library)
    assert (document["library"]["images"], document["library"]["music"]) == (PHOTOS, SONGS)
    assert document["elapsed_ms"] > 0


def test_find_images(built: Path, media: Path) -> None:
    document = attune_json("find-images", media / "song 1.ogg", "-n", 5, library=built)
    check_query_json(document, built)
    assert len(document["results"]) == 5
    assert all(result["moment"] is None for result in document["results"])
    assert document["query"][0]["kind"] == "music"


def test_find_music(built: Path, media: Path) -> None:
    document = attune_json("find-music", media / "photo 00.jpg", media / "photo 02.webp", library=built)
    check_query_json(document, built)
    assert len(document["results"]) == SONGS
    assert len(document["query"]) == 2
    for result in document["results"]:
        assert set(result["moment"]) == {"start_s", "end_s", "score"}


@pytest.mark.slow
def test_browse(built: Path) -> None:
    document = attune_json(
        "browse", "--valence", "-0.2", "--arousal", "0.3", "--kind", "music", library=built
    )
    check_query_json(document, built, "closeness")
    point = document["query"][0]
    assert point["path"] is None and point["mood"] == "tense"
    assert point["place"] == {"valence": -0.2, "arousal": 0.3}
    named = attune_json("browse", "--mood", "sad", library=built)
    check_query_json(named, built, "closeness")
    assert named["query"][0]["mood"] == "sad"


@pytest.mark.slow
def test_match(built: Path, media: Path) -> None:
    document = attune_json("match", media / "photo 00.jpg", media / "song 1.ogg", library=built)
    assert {"score", "correspondence", "corresponds", "why", "image", "music"} <= set(document)
    assert document["corresponds"] == (document["correspondence"] >= 0.5)
    found = attune_json("find-images", media / "song 1.ogg", "-n", 100, library=built)
    same = next(r for r in found["results"] if r["path"] == str(media / "photo 00.jpg"))
    assert same["score"] == pytest.approx(document["score"], abs=1e-5)
    assert same["correspondence"] == pytest.approx(document["correspondence"], abs=1e-5)


def test_mood(built: Path, media: Path) -> None:
    document = attune_json("mood", media / "photo 00.jpg", media / "song 3.mp3", library=built)
    picture, song = document["files"]
    assert picture["curve"] is None
    assert set(picture["polarity"]) == SHARES
    assert len(song["curve"]) > 1
    assert set(song["curve"][0]) == {"start_s", "end_s", "valence", "arousal", "place"}
    assert set(picture["quadrants"]) == QUADRANTS


@pytest.mark.slow
def test_status(built: Path, media: Path, tmp_path: Path) -> None:
    document = attune_json("status", library=built)
    assert {"path", "generation", "network", "images", "music", "skipped", "roots", "bytes"} <= set(document)
    assert (document["images"], document["music"], document["skipped"]) == (PHOTOS, SONGS, 0)
    assert document["roots"] == [str(media)]
    empty = attune_json("status", "--library", tmp_path / "nowhere")
    assert (empty["images"], empty["music"], empty["skipped"], empty["generation"]) == (0, 0, 0, 0)


def test_people_get_a_table(built: Path, media: Path) -> None:
    result = attune("find-images", media / "song 1.ogg", "-n", 3, library=built)
    assert result.returncode == 0
    assert result.stderr == ""
    assert (
        sum(str(media) in line for line in result.stdout.splitlines()) == 4
    )  # the question and three answers
    assert "{" not in result.stdout


@pytest.mark.slow
def test_paths_and_nul(built: Path, media: Path) -> None:
    expected = [
        r["path"] for r in attune_json("find-images", media / "song 1.ogg", "-n", 4, library=built)["results"]
    ]
    lines = attune("find-images", media / "song 1.ogg", "-n", 4, "--paths", library=built).stdout
    assert lines.splitlines() == expected
    nul = attune("find-images", media / "song 1.ogg", "-n", 4, "-0", library=built).stdout
    assert nul.split("\0") == [*expected, ""]


@pytest.mark.slow
def test_a_part_of_a_song(built: Path, media: Path) -> None:
    song = media / "song 3.mp3"
    part = attune_json("find-images", song, "--from", "0:06", "--to", "12", library=built)
    whole = attune_json("find-images", song, library=built)
    assert [r["score"] for r in part["results"]] != [r["score"] for r in whole["results"]]


@pytest.mark.slow
def test_without_a_library_files_can_still_be_judged(
    network_folder: Path, media: Path, tmp_path: Path
) -> None:
    options = ("--library", tmp_path / "none", "--network", network_folder)
    assert attune_json("mood", media / "photo 00.jpg", *options)["files"][0]["kind"] == "image"
    assert 0 <= attune_json("match", media / "photo 00.jpg", media / "song 1.ogg", *options)["score"] <= 1


WRONG_USE = [
    (["find-images"], "--words"),
    (["find-images", "nowhere.mp3"], "no such file"),
    (["find-images", "{photo}"], "find-music"),
    (["find-music", "{song}"], "find-images"),
    (["find-images", "{folder}"], "name a file"),
    (["find-images", "{text}"], "neither a picture nor music"),
    (["find-images", "{video}"], "video"),
    (["find-images", "{song}", "-n", "0"], "--limit"),
    (["find-images", "{song}", "--min-score", "2"], "--min-score"),
    (["find-images", "{song}", "--in", "nowhere"], "no such folder"),
    (["find-images", "{song}", "--from", "soon"], "not a time"),
    (["find-images", "{song}", "--from", "99:00"], "end"),
    (["find-images", "{song}", "--from", "9", "--to", "3"], "later"),
    (["find-images", "{song}", "--to", "0"], "later"),
    (["find-images", "{song}", "--json", "--paths"], "exclude one another"),
    (["find-images", "{song}", "--network", "nowhere"], "neither a shipped network"),
    (["match", "{photo}"], "Missing argument"),
    (["match", "{song}", "{photo}"], "not a picture"),
    (["mood"], "Missing argument"),
    (["browse"], "--mood"),
    (["browse", "--mood", "grumpy"], "festive"),
    (["browse", "--mood", "sad", "--valence", "0"], "either"),
    (["browse", "--valence", "3", "--arousal", "0"], "--valence"),
    (["browse", "--mood", "sad", "--kind", "film"], "image or music"),
    (["build-index", "nowhere"], "no such file"),
    (["build-index", "{folder}", "--workers", "0"], "--workers"),
    (["demo", "-o", "nowhere/demo.html"], "no such folder"),
    (["demo", "-o", "{folder}"], "a folder"),
    (["evaluate", "--images", "nowhere.csv", "--music", "nowhere.csv"], "no such manifest"),
    (["evaluate", "--images", "nowhere.csv"], "Missing option '--music'"),
    (["evaluate", "--images", "a.csv", "--music", "b.csv", "--split", "val", "--store"], "whole test split"),
    (["train", "--images", "nowhere.csv", "--music", "nowhere.csv", "-o", "out"], "no such manifest"),
    (["no-such-command"], "No such command"),
    (["find-images", "{song}", "--no-such-option"], "No such option"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "message"), WRONG_USE, ids=[" ".join(case[0]) for case in WRONG_USE])
def test_wrong_use_is_one_line_and_exit_code_2(
    built: Path, media: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "notes.txt").write_text("no media")
    (tmp_path / "clip.mp4").write_bytes(b"no media")
    names = {
        "photo": media / "photo 00.jpg",
        "song": media / "song 1.ogg",
        "folder": media,
        "text": tmp_path / "notes.txt",
        "video": tmp_path / "clip.mp4",
    }
    filled = [argument.format(**names) for argument in arguments]
    result = attune(*filled, library=built, cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    assert message in result.stderr
    assert result.stderr.startswith("attune: ")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_status_says_when_the_network_is_another_one(built: Path, other_network: Any) -> None:
    status = attune_json("status", "--network", other_network.folder, library=built)
    assert "build the index again" in status["network"]
    assert status["test"] is None


def test_a_link_to_nowhere_is_no_file(built: Path, tmp_path: Path) -> None:
    (tmp_path / "link.mp3").symlink_to(tmp_path / "nowhere.mp3")
    result = attune("find-images", tmp_path / "link.mp3", library=built)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "no such file" in result.stderr


@pytest.mark.slow
def test_names_that_look_like_markup_are_printed_as_they_are(
    tmp_path: Path, media: Path, network_folder: Path
) -> None:
    folder = tmp_path / "b" / "[/b]"
    folder.mkdir(parents=True)
    os.link(media / "photo 00.jpg", folder / "[red]x :smile:.jpg")
    os.link(media / "song 1.ogg", folder / "song.ogg")
    library = tmp_path / "library"
    assert attune("build-index", folder, "--network", network_folder, library=library).returncode == 0
    shown = attune("find-images", folder / "song.ogg", library=library)
    assert shown.returncode == 0, shown.stderr
    assert "[/b]/[red]x :smile:.jpg" in shown.stdout


def test_a_reader_that_leaves_early_is_no_failure(built: Path, media: Path) -> None:
    ask = f"'{ATTUNE}' find-images '{media / 'song 1.ogg'}' --library '{built}'"
    command = f"{ask} | head -1; echo ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert result.stdout.splitlines()[-1] == "0"
    assert result.stderr == ""


def test_a_terminal_without_utf_8_gets_its_answer(
    built: Path, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    assert attune("mood", media / "song 3.mp3", library=built).returncode == 0


def test_songs_are_laid_out_as_songs(built: Path) -> None:
    shown = attune("browse", "--mood", "sad", "--kind", "music", library=built).stdout
    assert shown.splitlines()[1].split() == ["#", "closeness", "feels", "val", "aro", "song"]


def test_a_linked_folder_means_the_folder(built: Path, media: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(media / "below")
    found = attune_json("find-images", media / "song 1.ogg", "--in", tmp_path / "link", library=built)
    assert len(found["results"]) == PHOTOS // 2


def test_a_wrong_variable_is_named(media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTUNE_WORKERS", "many")
    result = attune("build-index", media, library=tmp_path / "library")
    assert result.returncode == 2
    assert result.stderr.startswith("attune: ATTUNE_WORKERS=many: ")
    assert result.stderr.count("\n") == 1


def test_no_command_shows_the_help() -> None:
    result = attune()
    assert result.returncode == 0
    assert "find-images" in result.stdout


@pytest.mark.slow
def test_failures_are_one_line_and_exit_code_1(
    built: Path, media: Path, tmp_path: Path, network_folder: Path
) -> None:
    broken = damaged(tmp_path / "broken.jpg", "truncated")
    (tmp_path / "bad-network").mkdir()
    for arguments, library in (
        (["find-music", broken], built),
        (["find-images", media / "song 1.ogg"], tmp_path / "no-library"),
        (["find-images", media / "song 1.ogg", "--network", tmp_path / "bad-network"], built),
    ):
        result = attune(*arguments, library=library)
        assert result.returncode == 1, result.stderr
        assert result.stderr.count("\n") == 1
        assert result.stdout == ""
    shown = attune("find-music", broken, "--debug", library=built)
    assert shown.returncode == 1
    assert "Traceback" in shown.stderr


def test_another_network_is_not_mixed_in(built: Path, media: Path, other_network: Any) -> None:
    result = attune("find-images", media / "song 1.ogg", "--network", other_network.folder, library=built)
    assert result.returncode == 1
    assert "another network" in result.stderr


@pytest.mark.slow
def test_control_characters_never_reach_the_terminal(
    tmp_path: Path, media: Path, network_folder: Path
) -> None:
    evil = tmp_path / "evil"
    evil.mkdir()
    os.link(media / "photo 00.jpg", evil / "red \x1b[31m\n.jpg")
    os.link(media / "song 1.ogg", evil / "song.ogg")
    (evil / "broken\x1b[2J.jpg").write_bytes(b"")
    library = tmp_path / "library"
    result = attune("build-index", evil, "--network", network_folder, library=library)
    shown = attune("find-images", evil / "song.ogg", library=library)
    listed = attune("status", "--skipped", library=library)
    for output in (result.stdout, result.stderr, shown.stdout, listed.stdout):
        assert "\x1b" not in output
    assert "\\x1b" in shown.stdout
    assert "\\x1b" in listed.stdout
