"""`attune benchmark words-affect`: sentences that judge, and their figures."""

from __future__ import annotations

import csv
import json
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from attune import cli
from attune.benchmarks.words_affect import PlacementFigures, measure_placement, read_judged
from attune.core.errors import UsageError
from attune.embedding.words.sentence_affect import read_affect

SENTENCES = Path(__file__).resolve().parents[1] / "sentences"
LANGUAGES = ("en", "de", "fr", "es")


@cache
def measure(name: str) -> dict[str, PlacementFigures]:
    return {one.group: one for one in measure_placement(read_judged(SENTENCES / f"{name}.csv"))}


def test_the_judged_sentences_are_as_many_of_each_quadrant_in_each_language() -> None:
    rows = read_judged(SENTENCES / "judged.csv")
    assert Counter((row.language, row.quadrant) for row in rows) == {
        (language, quadrant): 15 for language in LANGUAGES for quadrant in ("Q1", "Q2", "Q3", "Q4")
    }
    assert set(Counter((row.language, row.quadrant) for row in rows if row.negated).values()) == {5}
    assert len({row.sentence for row in rows}) == len(rows)


@pytest.mark.parametrize("name", ["judged", "development"])
def test_sentences_are_placed_where_they_belong(name: str) -> None:
    figures = measure(name)
    assert set(figures) == {"all", *LANGUAGES, "with negation or contrast", "without"}
    assert min(figures["all"].valence_auc, figures["all"].arousal_auc) >= 0.92
    assert figures["all"].quadrant_accuracy >= 0.70
    assert figures["all"].silent <= 0.05
    for group in (*LANGUAGES, "with negation or contrast"):
        assert min(figures[group].valence_auc, figures[group].arousal_auc) >= 0.85, group


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_without_a_mood_are_silent(language: str) -> None:
    with (SENTENCES / "neutral.csv").open(encoding="utf-8", newline="") as file:
        rows = [row["sentence"] for row in csv.DictReader(file) if row["language"] == language]
    assert len(rows) >= 15
    assert sum(not read_affect(sentence).says_mood for sentence in rows) >= 0.85 * len(rows)


def test_figures_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two sentences of opposite quadrants, one of which is said to lie where it does not."""
    path = tmp_path / "few.csv"
    path.write_text(
        "language,quadrant,negated,sentence\n"
        "en,Q1,no,an ecstatic wedding dance\nen,Q3,yes,not happy at all\nde,Q1,no,der Fahrplan\n"
    )
    assert cli.run(["benchmark", "words-affect", "--sentences", str(path), "--json"]) == 0
    groups = {one["group"]: one for one in json.loads(capsys.readouterr().out)["groups"]}
    assert {name: one["sentences"] for name, one in groups.items()} == {
        "all": 3,
        "en": 2,
        "de": 1,
        "with negation or contrast": 1,
        "without": 2,
    }
    assert groups["en"]["quadrant_accuracy"] == groups["en"]["valence_auc"] == 1.0
    assert groups["en"]["silent"] == 0.0
    assert groups["de"]["silent"] == 1.0
    assert groups["all"]["silent"] == 0.333


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read"),
        ("language,quadrant,sentence\nen,Q1,joy\n", "has no column 'negated'"),
        ("language,quadrant,negated,sentence\nen,Q5,no,joy\n", "'Q5' is no quadrant"),
        ("language,quadrant,negated,sentence\n", "no sentence"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "wrong.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError) as error:
        read_judged(path)
    assert message in str(error.value) and str(path) in str(error.value) and "\n" not in str(error.value)


def test_a_file_in_another_encoding_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes("language,quadrant,negated,sentence\nde,Q1,no,fröhlich\n".encode("latin-1"))
    with pytest.raises(UsageError, match="UTF-8"):
        read_judged(path)
