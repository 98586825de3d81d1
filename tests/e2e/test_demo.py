"""The showcases of `attune demo`: what is shown first says what its heading says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from attune.core.errors import AttuneError
from attune.embedding.network import open_network
from attune.indexer.library import LibraryReader
from attune.retrieval.answers import Answer
from attune.retrieval.demo import SHOWCASES, DemoQuery, run_demo_queries, write_demo_page
from attune.retrieval.mood_words import MOODS

FIRST = 3
"""Answers that a visitor sees before scrolling."""


@pytest.fixture(scope="module")
def queries(samples_library: Path) -> list[DemoQuery]:
    with LibraryReader(samples_library) as library:
        return run_demo_queries(library, open_network())


def in_opposite_half(mood: str, place: tuple[float, float]) -> bool:
    """Whether a place lies beyond the line through the centre of the plane that faces away from a mood."""
    return sum(one * other for one, other in zip(MOODS[mood], place, strict=True)) < 0


def opposites(mood: str, answers: Sequence[Answer]) -> list[str]:
    return [f"{answer.path}: {answer.mood}" for answer in answers if in_opposite_half(mood, answer.place)]


def test_songs_come_first_then_pictures_each_of_the_three_moods(queries: list[DemoQuery]) -> None:
    assert [showcase.mood for showcase in SHOWCASES] == ["calm", "sad", "festive"]
    assert [query.title for query in queries] == [
        f"A {showcase.mood} {noun}" for noun in ("song", "picture") for showcase in SHOWCASES
    ]
    assert [len(query.answers.results) for query in queries] == [10, 10, 10, 4, 4, 4]


@pytest.mark.parametrize("number", range(len(SHOWCASES)))
def test_a_song_is_told_the_mood_that_it_stands_for(queries: list[DemoQuery], number: int) -> None:
    assert queries[number].moods[0].entry.mood == SHOWCASES[number].mood


@pytest.mark.parametrize("number", range(len(SHOWCASES)))
def test_the_first_answers_are_not_of_the_opposite_half(queries: list[DemoQuery], number: int) -> None:
    mood = SHOWCASES[number].mood
    song, picture = queries[number], queries[len(SHOWCASES) + number]
    assert not in_opposite_half(mood, picture.moods[0].entry.place)
    assert opposites(mood, song.answers.results[:FIRST]) == []
    assert opposites(mood, picture.answers.results[:FIRST]) == []


def test_no_two_showcases_begin_with_the_same_picture(queries: list[DemoQuery]) -> None:
    firsts = [answer.path for query in queries[: len(SHOWCASES)] for answer in query.answers.results[:FIRST]]
    assert len(set(firsts)) == len(firsts)


def test_a_sample_that_is_missing_is_named(samples_library: Path, tmp_path: Path) -> None:
    named = rf"{SHOWCASES[0].song}: missing"
    with LibraryReader(samples_library) as library, pytest.raises(AttuneError, match=named):
        run_demo_queries(library, open_network(), tmp_path)


def test_the_page_has_a_heading_for_each_query(queries: list[DemoQuery], tmp_path: Path) -> None:
    write_demo_page(tmp_path / "demo.html", queries)
    page = (tmp_path / "demo.html").read_text(encoding="utf-8")
    places = [page.index(f"<h2>{query.title}: ") for query in queries]
    assert places == sorted(places) and page.count("<section") == len(queries)
