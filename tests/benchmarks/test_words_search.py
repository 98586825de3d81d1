"""`attune benchmark words-search` on made-up labelled files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from attune import cli
from attune.benchmarks import words_gallery, words_search_report
from attune.benchmarks.felt_things import FELT
from attune.benchmarks.named_things import PICTURED
from attune.benchmarks.words_affect import JudgedSentence, read_judged
from attune.benchmarks.words_gallery import WordsGallery
from attune.benchmarks.words_rules import RULES
from attune.benchmarks.words_weights import measure_rules
from attune.embedding.content_labels import LABELS_KEPT, ContentLabels, label_names
from attune.embedding.network import Network
from attune.embedding.words.sentence_affect import read_affect
from attune.retrieval.words.targets import DEFAULT_MEANING
from attune.tests.benchmarks.labelled_manifests import JUDGED_SETS, write_manifests
from attune.training.manifest import LabelledRow
from attune.training.metrics import read_mood_labels

SENTENCES = """language,quadrant,negated,sentence
en,Q1,no,everybody is happy and dancing
en,Q2,no,a furious quarrel
en,Q4,no,calm and peaceful
de,Q1,no,ein fröhliches Fest
de,Q2,no,Angst und Schrecken
de,Q4,no,ruhig und friedlich
"""


def make_labels(count: int, right: Sequence[int], label: int) -> ContentLabels:
    """Labels of pictures of which some show one class, and the others none that is asked for."""
    indices = np.tile(np.arange(10, 10 + LABELS_KEPT, dtype=np.uint16), (count, 1))
    shares = np.zeros((count, LABELS_KEPT), np.float16)
    shares[:, 0] = 1.0
    indices[list(right), 0] = label
    return ContentLabels(indices, shares)


def test_sentences_beside_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def label(features: Sequence[NDArray[np.float16]], _: object) -> ContentLabels:
        return make_labels(len(features), range(5), 0)

    monkeypatch.setattr(words_gallery, "compute_content_labels", label)
    monkeypatch.setattr(words_search_report, "CONTENT_SETS", {"image": ("set0",), "music": ("set0",)})
    (tmp_path / "sentences.csv").write_text(SENTENCES)
    options = [
        *write_manifests(tmp_path, monkeypatch, "theme=Dog 1"),
        *JUDGED_SETS,
        "--sentences",
        str(tmp_path / "sentences.csv"),
        "-q",
    ]
    assert cli.run(["benchmark", "words-search", *options, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["fold_seeds"] == [0]
    assert document["sentences"] == 6
    rows: dict[tuple[str, str, str], Any] = {
        (row["gallery"], row["by"], row["language"]): row for row in document["search"]
    }
    whole = rows["image", "sentences", "all"]
    assert (whole["queries"], rows["image", "sentences", "de"]["queries"]) == (6, 3)
    assert rows["image", "files", "all"]["queries"] == 120
    assert rows["image", "corners of quadrants", "all"]["auc"] > 0.6
    assert rows["music", "sentences", "all"]["lift"] > 1.2
    assert abs(rows["image", "random", "all"]["auc"] - 0.5) < 0.15
    assert rows["image", "sentences, places × 1.6", "all"]["lift"] is not None
    rules = {row["rule"]: row for row in document["rules"]["image"]["rows"]}
    assert list(rules) == list(RULES)
    assert rules["as shipped"]["words"] == 1.0  # all pictures are of dogs
    assert document["rules"]["music"]["rows"][0]["words"] is None  # no genre is known
    assert cli.run(["benchmark", "words-search", *options]) == 0
    output = capsys.readouterr().out
    for word in ("pictures by", "songs by", "hub lift", "songs, weight of meaning", "as shipped"):
        assert word in output
    assert max(map(len, output.splitlines())) <= 120


def test_what_a_rule_finds(network: Network) -> None:
    rng = np.random.default_rng(0)
    places = rng.uniform(-1, 1, (60, 2))
    rows = [
        LabelledRow(
            Path(f"{n}"),
            "train",
            "oasis",
            f"{n}",
            None,
            None,
            *one,
            "theme=Dog 1" if n < 20 else "theme=Sky 1",
        )
        for n, one in enumerate(places.tolist())
    ]
    sentences = [JudgedSentence("happy and lively", "en", "Q1", negated=False)]
    labels = make_labels(60, range(20), label_names("image").index("golden retriever"))
    gallery = WordsGallery("image", rows, labels, [places], read_mood_labels(rows))
    found = {one.rule: one for one in measure_rules(gallery, gallery, sentences, network, 1)}
    alone, shipped, mood = (found[name] for name in ("meaning alone", "as shipped", "mood alone"))
    assert mood.felt_thing < shipped.felt_thing <= 1.0
    assert alone.felt_mood < shipped.felt_mood < mood.felt_mood
    assert shipped.felt_both > max(alone.felt_both, mood.felt_both)
    assert found[f"product + 0.1, {DEFAULT_MEANING:g}"].felt_both == shipped.felt_both


def test_sentences_stand_as_far_out_as_files_with_a_mood() -> None:
    sentences = read_judged(Path(__file__).parents[1] / "sentences" / "development.csv")
    places = np.array([read_affect(one.sentence).place for one in sentences])
    # Places of files are spread evenly, so that those beyond the middle third have 2/3 on average.
    np.testing.assert_allclose(np.abs(places).mean(axis=0), 2 / 3, atol=0.1)


def test_things_in_a_mood_are_known_things() -> None:
    assert {one.name for one in FELT} <= {thing.name for thing in PICTURED}
    assert {one.quadrant for one in FELT} == {"Q1", "Q2", "Q3", "Q4"}
    assert len({one.sentence for one in FELT}) == len(FELT) >= 24
