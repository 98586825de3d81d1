"""The shipped network and the shipped samples asked in words, by the installed command."""

from __future__ import annotations

import re
from pathlib import Path
from statistics import mean

import pytest

from attune.retrieval.demo import SAMPLES
from attune.tests.e2e.command import attune, attune_json

WATER = re.compile(r"seashore|breakwater|pier|promontory|sandbar|lakeside")


@pytest.mark.parametrize(
    "words",
    [
        "a calm evening by the sea",
        "ein ruhiger Abend am Meer",
        "une soirée calme au bord de la mer",
        "una tarde tranquila junto al mar",
    ],
)
def test_by_the_sea_there_is_water(samples_library: Path, words: str) -> None:
    found = attune_json("find-images", "--words", words, "--why", "-n", 4, library=samples_library)
    assert sum(bool(WATER.search(one["why"])) for one in found["results"]) >= 3
    assert WATER.search(found["results"][0]["why"])
    assert found["words"][0]["mood"] == "calm"


def test_words_of_mood_find_songs_and_pictures_of_that_mood(samples_library: Path) -> None:
    for command in ("find-images", "find-music"):
        happy, sad, denied = (
            attune_json(command, "--words", words, "-n", 5, library=samples_library)["results"]
            for words in ("overjoyed and dancing", "deep grief", "not happy at all")
        )
        values = [mean(one["place"]["valence"] for one in found) for found in (happy, sad, denied)]
        assert values[0] > 0.3 and values[1] < -0.2 and values[2] < 0.0


def test_words_steer_a_song_and_unwanted_things_go(samples_library: Path) -> None:
    song = SAMPLES / "music" / "song-21.opus"
    sad = attune_json("find-images", song, "--words", "sad", "-n", 5, library=samples_library)["results"]
    plain = attune_json("find-images", song, "-n", 5, library=samples_library)["results"]
    assert mean(one["valence"] for one in sad) < mean(one["valence"] for one in plain) - 0.2
    options = ("--words", "calm", "-n", 84, "--all-alike", "--why")
    calm, dry = (
        attune_json("find-images", *options, *more, library=samples_library)["results"]
        for more in ((), ("--not-words", "seashore", "--meaning", 1 / 2))
    )
    seas = {one["path"] for one in dry if re.search(r"not wanted.*seashore [1-9]\d%", one["why"])}
    ranks = [{one["path"]: one["rank"] for one in found} for found in (calm, dry)]
    assert seas
    assert mean(ranks[1][path] - ranks[0][path] for path in seas) > 5


def test_wrong_words_are_one_line_and_exit_code_2(samples_library: Path) -> None:
    for arguments in (("--words", " "), ("--meaning", "0.5"), (), ("--words", "\udcff")):
        result = attune("find-images", *arguments, library=samples_library)
        assert result.returncode == 2
        assert result.stderr.startswith("attune: ") and result.stderr.count("\n") == 1


def test_words_in_any_bytes(samples_library: Path) -> None:
    found = attune_json("find-images", "--words", "calm \udcff", "-n", 1, library=samples_library)
    assert found["words"][0]["place"] == {"valence": 0.35, "arousal": -0.45}
    result = attune("find-images", "--words", "calm \udcff", "-n", 1, library=samples_library)
    assert result.returncode == 0 and "calm" in result.stdout
