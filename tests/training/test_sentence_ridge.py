"""Training of the places of sentences: its sentences, its regression, and the shipped file."""

from __future__ import annotations

import csv
import re
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from attune.embedding.words.sentence_affect import AFFECT_WEIGHTS, ROLES
from attune.embedding.words.sentence_encoder import SENTENCE_DIM
from attune.training.sentence_ridge import SENTENCES, Examples, fit_line, main, predict_unseen

JUDGING = Path(__file__).resolve().parents[1] / "sentences"


def read_texts(folder: Path, *names: str) -> set[str]:
    """The sentences of some files, without case and punctuation."""
    texts = set()
    for name in names:
        with (folder / name).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                texts.add(re.sub(r"[\W_]+", " ", unicodedata.normalize("NFC", row["sentence"]).casefold()))
    return {text.strip() for text in texts}


def test_no_sentence_that_judges_is_learnt() -> None:
    learnt = read_texts(SENTENCES, "moods.csv", "denials.csv", "things.csv")
    judging = read_texts(JUDGING, "judged.csv", "development.csv", "neutral.csv")
    assert len(learnt) > 1_000 and len(judging) > 300
    assert not learnt & judging
    parts = [(one, other) for one in learnt for other in judging if f" {one} " in f" {other} "]
    parts += [(one, other) for one in judging for other in learnt if f" {one} " in f" {other} "]
    assert [part for part, _ in parts if part.count(" ") >= 2] == []  # of three words or more


def test_places_lie_on_the_plane() -> None:
    for name in ("moods.csv", "denials.csv", "things.csv"):
        with (SENTENCES / name).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                assert abs(float(row["valence"])) <= 1 and abs(float(row["arousal"])) <= 1, row
                assert row["sentence"].strip(), row


def make_examples(count: int) -> Examples:
    """Sentences of which the even ones are moods that are only said, the odd ones have a denial too."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(count, ROLES, SENTENCE_DIM)).astype(np.float32) / SENTENCE_DIM**0.5
    vectors[::2, 1:] = 0
    goals = rng.uniform(-1, 1, (count, 3))
    goals[:, 2] = 1.0
    return Examples(vectors.reshape(count, -1), goals)


def test_the_regression_is_the_primal_ridge() -> None:
    """The same by the normal equations, with the denied sentences written out."""
    examples = make_examples(12)
    denied = np.zeros((6, ROLES, SENTENCE_DIM))
    denied[:, 1] = examples.vectors.reshape(12, ROLES, SENTENCE_DIM)[::2, 0]
    vectors = np.concatenate([examples.vectors, denied.reshape(6, -1)]).astype(np.float64)
    goals = np.concatenate([examples.goals, examples.goals[::2] * (-0.7, -0.5, 1.0)])
    weights = np.array([1.0] * 12 + [0.3] * 6)
    design = np.column_stack([vectors, np.ones(18)])
    penalty = np.diag([2.0] * vectors.shape[1] + [0.0])
    solved = np.linalg.solve(
        design.T @ (weights[:, None] * design) + penalty, design.T @ (weights[:, None] * goals)
    )
    line = fit_line(examples)
    np.testing.assert_allclose(line.slopes, solved[:-1], atol=1e-5)
    np.testing.assert_allclose(line.shifts, solved[-1], atol=1e-5)
    np.testing.assert_allclose(line.apply(examples.vectors), design[:12] @ solved, atol=1e-5)
    doubled = line.stretch(np.array([2.0, 1.0, 0.0])).apply(examples.vectors)
    np.testing.assert_allclose(doubled, line.apply(examples.vectors) * (2.0, 1.0, 0.0))


def test_cross_validation_predicts_what_it_has_not_seen() -> None:
    examples = make_examples(40)
    predicted = predict_unseen(examples)
    fold = np.random.default_rng(0).permutation(40) % 5 == 3
    changed = examples.goals.copy()
    changed[fold] = 0.9
    np.testing.assert_allclose(
        predict_unseen(Examples(examples.vectors, changed))[fold], predicted[fold], atol=1e-9
    )


@pytest.mark.slow
def test_training_again_gives_the_shipped_file(tmp_path: Path) -> None:
    shipped = AFFECT_WEIGHTS.read_bytes()
    main(tmp_path / "again.npz")
    assert AFFECT_WEIGHTS.read_bytes() == shipped
    with np.load(tmp_path / "again.npz") as again, np.load(AFFECT_WEIGHTS) as arrays:
        assert set(again.files) == set(arrays.files) == {"slopes", "shifts"}
        for name in arrays.files:
            assert arrays[name].dtype == again[name].dtype == np.float32
            np.testing.assert_allclose(again[name], arrays[name], atol=1e-4)
