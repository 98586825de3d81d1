"""Tests of `plan.json`: a written plan is read back, and each mistake gives an error of one line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attune.core.errors import UsageError
from attune.retrieval.story.film_plan import FilmPlan, Shot
from attune.retrieval.story.film_plan_file import read_plan, write_plan
from attune.tests.media_factory import photo, song


@pytest.fixture
def plan(tmp_path: Path) -> FilmPlan:
    tune = song(tmp_path / "tune <b>.wav", 0, seconds=3.0)
    pictures = [photo(tmp_path / f"{number} \"'.jpg", number, (32, 24)) for number in range(3)]
    shots = [
        Shot(
            float(number),
            number + 1.0,
            str(path),
            fade_s=0.3 if number else 0.0,
            arousal=-0.45,
            valence=0.35,
            score=0.5,
            why="both calm",
        )
        for number, path in enumerate(pictures)
    ]
    return FilmPlan(str(tune), "Ann – Tune", 3.0, 120.0, [0.5, 1.0, 1.5, 2.0], shots, ["a note"])


def test_a_plan_is_read_as_it_was_written(plan: FilmPlan, tmp_path: Path) -> None:
    write_plan(plan, tmp_path / "plan.json")
    assert read_plan(tmp_path / "plan.json") == plan
    beats = next(line for line in (tmp_path / "plan.json").read_text().splitlines() if '"beats_s"' in line)
    assert beats.strip() == '"beats_s": [0.5, 1.0, 1.5, 2.0],'
    spans = json.loads((tmp_path / "plan.json").read_text())["spans"]
    assert spans[0]["place"] == {"valence": 0.35, "arousal": -0.45} and spans[0]["mood"] == "calm"
    assert not {"valence", "arousal"} & set(spans[0])


def test_a_plan_of_an_earlier_version_is_read_alike(plan: FilmPlan, tmp_path: Path) -> None:
    document = plan.to_json()
    for span in document["spans"]:
        span.update(span.pop("place"))
    (tmp_path / "plan.json").write_text(json.dumps(document))
    assert read_plan(tmp_path / "plan.json") == plan


def test_names_of_any_bytes_survive(plan: FilmPlan, tmp_path: Path) -> None:
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/odd \xff.jpg")
    Path(plan.shots[0].picture).rename(odd)
    shots = [Shot(0.0, 3.0, odd)]
    write_plan(FilmPlan(plan.song, "", 3.0, 0.0, [], shots), tmp_path / "plan.json")
    assert read_plan(tmp_path / "plan.json").shots[0].picture == odd


def test_the_least_plan_with_relative_paths(plan: FilmPlan, tmp_path: Path) -> None:
    names = [Path(shot.picture).name for shot in plan.shots]
    document = {
        "attune_plan": 1,
        "song": Path(plan.song).name,
        "spans": [
            {"start_s": 0, "end_s": 1.5, "picture": names[0]},
            {"start_s": 1.501, "end_s": 3, "picture": names[1]},
        ],
    }
    (tmp_path / "mine.json").write_text(json.dumps(document))
    read = read_plan(tmp_path / "mine.json")
    assert [shot.picture for shot in read.shots] == [shot.picture for shot in plan.shots[:2]]
    assert read.shots[1].start_s == read.shots[0].end_s
    assert read.duration_s == 3.0


def _set(index: int, key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["spans"][index].__setitem__(key, value)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda d: d.pop("attune_plan"), "not a plan"),
        (lambda d: d.update(spans=[]), '"spans" must be a list'),
        (lambda d: d.update(spans=[3]), "span 1 is not an object"),
        (lambda d: d.update(song="gone.mp3"), "no such file"),
        (lambda d: d.update(song=d["spans"][0]["picture"]), "is not music"),
        (lambda d: d.update(tempo_bpm="fast"), '"tempo_bpm" must be a number'),
        (_set(0, "start_s", 0.5), "the first must start at 0"),
        (_set(1, "start_s", 1.2), "span 1 ends at 1"),
        (_set(1, "end_s", 0.9), "not after its start"),
        (_set(1, "end_s", float("nan")), '"end_s" must be a number'),
        (_set(1, "place", [0.1, 0.2]), '"place" must hold "valence" and "arousal"'),
        (_set(1, "place", {"valence": 0.1, "arousal": "high"}), '"arousal" must be a number'),
        (_set(1, "end_s", True), '"end_s" must be a number'),
        (_set(2, "picture", "gone.mp3"), "is not a picture"),
        (_set(2, "picture", None), '"picture" must be the path'),
        (lambda d: d["spans"][2].update(picture=d["spans"][0]["picture"]), "same picture as span 1"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    plan: FilmPlan, tmp_path: Path, edit: Callable[[dict[str, Any]], None], message: str
) -> None:
    document = plan.to_json()
    edit(document)
    (tmp_path / "plan.json").write_text(json.dumps(document))
    with pytest.raises(UsageError) as raised:
        read_plan(tmp_path / "plan.json")
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("gone", [(0,), (1,), (2,), (0, 1), (1, 2)])
def test_a_picture_that_is_gone_leaves_its_time_to_its_neighbour(
    plan: FilmPlan, tmp_path: Path, gone: tuple[int, ...]
) -> None:
    write_plan(plan, tmp_path / "plan.json")
    for number in gone:
        Path(plan.shots[number].picture).unlink()
    read = read_plan(tmp_path / "plan.json")
    left = [shot.picture for number, shot in enumerate(plan.shots) if number not in gone]
    assert [shot.picture for shot in read.shots] == left
    assert read.shots[0].start_s == 0.0 and read.shots[0].fade_s == 0.0
    assert [shot.end_s for shot in read.shots] == [*(shot.start_s for shot in read.shots[1:]), 3.0]
    assert read.notes[0] == "a note" and len(read.notes) == 2
    assert f"{len(gone)} of 3 pictures" in read.notes[1] and "left out of the film" in read.notes[1]
    assert Path(plan.shots[gone[0]].picture).name in read.notes[1]


def test_a_plan_without_any_picture_is_refused(plan: FilmPlan, tmp_path: Path) -> None:
    write_plan(plan, tmp_path / "plan.json")
    for shot in plan.shots:
        Path(shot.picture).unlink()
    with pytest.raises(UsageError, match=r"plan\.json: none of its pictures is there now, .*jpg first"):
        read_plan(tmp_path / "plan.json")


@pytest.mark.parametrize("text", ["", "[1, 2", '{"attune_plan": 1,}', "[" * 100_000, "\xff\xfe"])
def test_what_is_no_json_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=r"plan\.json"):
        read_plan(tmp_path / "plan.json")
