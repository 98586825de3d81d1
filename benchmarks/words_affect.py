"""How well sentences are placed on the plane, judged by sentences with a quadrant each."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from attune.core.errors import UsageError, escape_path
from attune.embedding.words.sentence_affect import SentenceAffect, read_affect
from attune.training.metrics.pairs import weighted_auc

_QUADRANTS = {"Q1": (1, 1), "Q2": (-1, 1), "Q3": (-1, -1), "Q4": (1, -1)}


@dataclass(frozen=True, slots=True)
class JudgedSentence:
    """A sentence whose quadrant is known.

    Attributes:
        sentence: The sentence.
        language: Its language, such as `en`.
        quadrant: `Q1` to `Q4`.
        negated: Whether it has a negation or a contrast.
    """

    sentence: str
    language: str
    quadrant: str
    negated: bool


@dataclass(frozen=True, slots=True)
class PlacementFigures:
    """Figures of a group of sentences.

    Attributes:
        group: Name of the group.
        sentences: Number of sentences.
        valence_auc: Chance that a pleasant sentence is placed above an unpleasant one.
        arousal_auc: The same of lively and quiet ones.
        quadrant_accuracy: Share of sentences in the right quadrant.
        silent: Share of sentences of which nothing is told, since they seem to say nothing of mood.
    """

    group: str
    sentences: int
    valence_auc: float
    arousal_auc: float
    quadrant_accuracy: float
    silent: float


def read_judged(path: Path) -> list[JudgedSentence]:
    """Read a CSV with the columns language, quadrant, negated (yes or no) and sentence.

    Raises:
        UsageError: The file cannot be read, is no CSV in UTF-8, lacks a column, or has a quadrant that does
            not exist.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [
                JudgedSentence(row["sentence"], row["language"], row["quadrant"], row["negated"] == "yes")
                for row in csv.DictReader(file)
            ]
    except OSError as error:
        raise UsageError(f"{escape_path(path)}: cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{escape_path(path)}: is no CSV file in UTF-8 ({error})") from error
    except KeyError as error:
        raise UsageError(f"{escape_path(path)}: has no column {error}") from error
    wrong = next((row for row in rows if row.quadrant not in _QUADRANTS), None)
    if wrong is not None:
        raise UsageError(f"{escape_path(path)}: {wrong.quadrant!r} is no quadrant; write Q1, Q2, Q3 or Q4")
    if not rows:
        raise UsageError(f"{escape_path(path)}: no sentence in it")
    return rows


def measure_placement(sentences: Sequence[JudgedSentence]) -> list[PlacementFigures]:
    """Measure all sentences, those of each language, and those with and without a negation."""
    found = [read_affect(one.sentence) for one in sentences]
    groups: list[tuple[str, Iterable[bool]]] = [("all", [True] * len(sentences))]
    groups += [
        (language, [one.language == language for one in sentences])
        for language in dict.fromkeys(one.language for one in sentences)
    ]
    groups += [
        ("with negation or contrast", [one.negated for one in sentences]),
        ("without", [not one.negated for one in sentences]),
    ]
    return [_measure(name, sentences, found, np.flatnonzero(list(member))) for name, member in groups]


def _measure(
    group: str,
    sentences: Sequence[JudgedSentence],
    found: Sequence[SentenceAffect],
    rows: np.ndarray[Any, Any],
) -> PlacementFigures:
    signs = np.array([_QUADRANTS[sentences[row].quadrant] for row in rows]).reshape(-1, 2)
    places = np.array([found[row].place for row in rows]).reshape(-1, 2)
    valence_auc, arousal_auc = (
        weighted_auc(places[:, axis], signs[:, axis] > 0, np.ones(len(rows))) for axis in (0, 1)
    )
    right = (np.sign(places) == signs).all(axis=1)
    silent = np.mean([not found[row].says_mood for row in rows])
    return PlacementFigures(group, len(rows), valence_auc, arousal_auc, float(right.mean()), float(silent))


def placement_json(figures: Sequence[PlacementFigures]) -> dict[str, Any]:
    """Return the figures as JSON, numbers rounded to three places."""
    rows = [
        {name: round(value, 3) if isinstance(value, float) else value for name, value in asdict(one).items()}
        for one in figures
    ]
    return {"groups": rows}
