"""Tests of tables and sentences for people: they hold the numbers of the records, in words that are true."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune.embedding.network import Network
from attune.indexer.library import LibraryReader
from attune.retrieval.match import match
from attune.retrieval.mood import estimate_moods
from attune.retrieval.queries import browse, find
from attune.retrieval.query_parameters import BrowseParameters
from attune.retrieval.render_text import (
    describe_verdicts,
    draw_curve,
    format_fit,
    print_answers,
    print_match,
    print_moods,
)
from attune.retrieval.search import Filters
from attune.retrieval.seeds import QueryResolver


@pytest.fixture
def library(built: Path) -> Iterator[LibraryReader]:
    with LibraryReader(built) as opened:
        yield opened


@pytest.mark.parametrize(
    ("fit", "text"),
    [(1.0, "100.0%"), (0.99999, "99.9%"), (0.988, "98.8%"), (0.98799, "98.7%"), (0.0, "0.0%"), (None, "")],
)
def test_only_the_best_of_all_is_better_than_all(fit: float | None, text: str) -> None:
    assert format_fit(fit) == text


@given(st.integers(0, 1000))
def test_whole_steps_of_a_fit_are_not_rounded_down(thousandths: int) -> None:
    assert format_fit(thousandths / 1000) == f"{thousandths / 10:.1f}%"


def test_a_table_tells_score_and_fit(
    library: LibraryReader, network: Network, media: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seeds = QueryResolver(library, network)
    answers = find(library, network, seeds, [str(media / "photo 00.jpg")], Filters())
    print_answers(answers)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:5] == ["#", "score", "fit", "feels", "val"]
    for answer in answers.results:
        (row,) = (line for line in lines if line.split()[:1] == [str(answer.rank)])
        assert row.split()[1:4] == [f"{answer.score:.1%}", format_fit(answer.fit), answer.mood]
    assert "fit: share of the library's other songs that suit the query less" in lines


def test_a_table_of_a_point_tells_closeness(
    library: LibraryReader, network: Network, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = browse(
        library, network, BrowseParameters(kind="music", valence=0.35, arousal=-0.45), Filters(limit=2)
    )
    print_answers(answers)
    first, head, row, *_ = capsys.readouterr().out.splitlines()
    assert first == "a point of the plane: feels calm, place +0.35, -0.45"
    assert head.split()[:3] == ["#", "closeness", "feels"] and "fit" not in head
    assert row.split()[1] == f"{answers.results[0].closeness:.1%}"


def test_a_match_tells_both_chances_and_their_meaning(
    library: LibraryReader, network: Network, media: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = match(
        QueryResolver(library, network), network, str(media / "photo 00.jpg"), str(media / "song 1.ogg")
    )
    for score, correspondence in ((0.9, 0.2), (0.3, 0.7)):
        pair = replace(found, score=score, correspondence=correspondence)
        mood, polarity = describe_verdicts(pair)
        assert mood.startswith(f"They probably {'share' if score >= 0.5 else 'do not share'} a mood")
        assert f"{score:.1%}" in mood and "taking half of all pairs" in mood
        verdict = "correspond" if correspondence >= 0.5 else "do not correspond"
        assert polarity.startswith(f"They probably {verdict}: ") and f"{correspondence:.1%}" in polarity
    print_match(found, "It is right 63% of the time.")
    shown = " ".join(capsys.readouterr().out.split())
    assert f"{found.score:.1%}" in shown and f"{found.correspondence:.1%}" in shown
    assert shown.endswith("It is right 63% of the time.")


def test_moods_tell_quadrants_and_draw_places(
    library: LibraryReader, network: Network, media: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (mood,) = estimate_moods(QueryResolver(library, network), [str(media / "song 3.mp3")])
    print_moods([mood])
    shown = capsys.readouterr().out
    affect = mood.entry.affect
    assert affect is not None and mood.curve is not None
    cells = shown.splitlines()[1].split()
    assert cells[:3] == [mood.entry.mood, f"{affect.valence:+.2f}", f"{affect.arousal:+.2f}"]
    assert cells[6:10] == [f"{share:.0%}" for share in (affect.q1, affect.q2, affect.q3, affect.q4)]
    assert "Q1: pleasant and lively" in shown
    for axis, name in enumerate(("valence", "arousal")):
        assert f"{name} {draw_curve([point.place[axis] for point in mood.curve])}" in shown
