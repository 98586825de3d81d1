"""`attune benchmark samples` on a small folder, counted again by hand, and its contact sheets."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from attune import cli
from attune.benchmarks.sample_answers import DEPTH, FEWEST_PICTURES, ask_each_file, summarize_samples
from attune.core.progress import SilentProgress
from attune.embedding.network import Network
from attune.indexer.library import LibraryReader
from attune.retrieval.mood import estimate_moods
from attune.retrieval.seeds import QueryResolver
from attune.tests.conftest import PHOTOS, SONGS


def test_the_counts_are_those_of_the_words_that_people_see(built: Path, network: Network) -> None:
    with LibraryReader(built) as library:
        pictures, songs = (
            ask_each_file(library, network, kind, SilentProgress()) for kind in ("image", "music")
        )
        seeds = QueryResolver(library, network)
        files = [str(question.entry.path) for question in (*pictures, *songs)]
        words = {
            path: mood.entry.mood for path, mood in zip(files, estimate_moods(seeds, files), strict=True)
        }
    assert (len(pictures), len(songs)) == (PHOTOS, SONGS)
    assert {len(question.answers) for question in pictures} == {SONGS}
    assert {len(question.answers) for question in songs} == {DEPTH}
    found = summarize_samples(pictures, songs)
    by_word = {
        "image": Counter(words[str(picture.entry.path)] for picture in pictures),
        "music": Counter(words[str(song.entry.path)] for song in songs),
    }
    for way, asking, kind, other in (
        ("image_to_music", pictures, "image", "music"),
        ("music_to_image", songs, "music", "image"),
    ):
        rows = {row["word"]: row for row in found[way]["words"]}
        counted = {
            word
            for word, count in by_word["image"].items()
            if count >= FEWEST_PICTURES and by_word["music"][word]
        }
        assert set(rows) == counted
        for word, row in rows.items():
            assert (row["files"], row["in_gallery"]) == (by_word[kind][word], by_word[other][word])
            own = [one for one in asking if words[str(one.entry.path)] == word]
            assert row["right"] == sum(words[one.answers[0].path] == word for one in own)
        assert found[way]["right"] == sum(row["right"] for row in rows.values())
        sets = [frozenset(answer.path for answer in one.answers[:3]) for one in asking]
        assert found[way]["asked"] == len(asking)
        assert found[way]["sets"] == len(set(sets))
        times = max(sum(path in shown for shown in sets) for path in words)
        assert found[way]["most_frequent"]["sets"] == times
        assert sum(found[way]["most_frequent"]["path"] in shown for shown in sets) == times


def test_sheets_show_every_song_and_every_picture(
    media: Path, network_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--folder", str(media), "--network", str(network_folder), "--workers", "1", "-q"]
    assert cli.run(["benchmark", "samples", *options, "--sheets", str(tmp_path / "sheets"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["image_to_music"]["asked"], document["music_to_image"]["asked"]) == (PHOTOS, SONGS)
    sheets = sorted((tmp_path / "sheets").iterdir())
    by_song = [sheet for sheet in sheets if sheet.name.startswith("song-")]
    assert len(by_song) == SONGS
    for sheet in sheets:
        with Image.open(sheet) as drawn:
            assert drawn.format == "JPEG"
            # Pictures fill the sheet: it is not white, and has colours.
            colors = drawn.convert("RGB").resize((40, 40)).getcolors(1600)
            assert colors is not None
            assert len(colors) > 100
    with Image.open(by_song[0]) as first:
        ten = first.size
    assert ten[1] > 2 * 240  # ten pictures in two rows
    assert cli.run(["benchmark", "samples", *options]) == 0
    output = capsys.readouterr().out
    assert f"{PHOTOS} photos get" in output
    assert "different sets of three songs" in output
