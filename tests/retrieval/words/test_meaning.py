"""Meaning of words: phrases, specificity, worth and explanation."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from attune.embedding.content_labels import LABELS_KEPT, ContentLabels, label_names
from attune.embedding.label_sentences import load_label_sentences
from attune.embedding.network import Network, open_network
from attune.indexer.library import LibraryReader
from attune.retrieval.words.label_meaning import LabelMeaning
from attune.retrieval.words.meaning import read_meaning
from attune.retrieval.words.phrases import split_phrases
from attune.tests.networks import write_image_backbone, write_network

SEA = label_names("image").index("seashore")
TABBY = label_names("image").index("tabby")


def encode_by_list(phrases: Sequence[str]) -> NDArray[np.float32]:
    """Vectors of the texts of two labels; of a background word for all else."""
    sentences = load_label_sentences("image")
    known = {"sea": sentences.labels[SEA], "cat": sentences.labels[TABBY]}
    return np.stack([known.get(phrase, sentences.background[0]) for phrase in phrases])


def make_labels(shares: dict[int, float]) -> ContentLabels:
    """The labels of one picture; the others are classes at the end of the list, with no share."""
    indices = [*shares, *range(999, 999 - LABELS_KEPT + len(shares), -1)]
    values = [*shares.values(), *[0.0] * (LABELS_KEPT - len(shares))]
    return ContentLabels(np.array([indices], np.uint16), np.array([values], np.float16))


def read(text: str, network: Network) -> LabelMeaning:
    meaning = read_meaning(text, network, "image", encode_by_list)
    assert isinstance(meaning, LabelMeaning)
    return meaning


def test_phrases_are_words_then_pairs_then_the_whole() -> None:
    assert split_phrases("by the sea ") == ["by", "the", "sea", "by the", "the sea", "by the sea"]
    assert split_phrases("dans l'herbe") == ["dans", "herbe", "dans herbe", "dans l'herbe"]
    assert split_phrases("sea") == ["sea"]
    assert split_phrases("3 dogs, 2 cats!") == ["dogs", "cats", "dogs cats", "3 dogs, 2 cats!"]
    assert split_phrases("🌊") == ["🌊"]
    assert split_phrases("  ") == []
    assert split_phrases("คืนที่เงียบสงบริมทะเล") == ["คืนที่เงียบสงบริมทะเล"]
    assert len(split_phrases("so long " * 500)) <= 81


@given(st.text())
def test_phrases_of_any_text(text: str) -> None:
    phrases = split_phrases(text)
    assert len(set(phrases)) == len(phrases)
    assert bool(phrases) == bool(text.strip())


def test_a_word_for_a_label_means_that_label(network: Network) -> None:
    meaning = read("a sad evening by the sea", network)
    assert meaning.is_specific
    assert meaning.weights[SEA] == 1.0
    assert meaning.phrases[SEA] == "sea"
    assert meaning.weights[TABBY] < 0.01
    both = read("cat sea", network)
    assert both.weights[SEA] == pytest.approx(1.0, abs=0.01)
    assert both.weights[TABBY] == pytest.approx(1.0, abs=0.01)
    assert (both.phrases[SEA], both.phrases[TABBY]) == ("sea", "cat")


def test_a_sentence_without_such_a_word_is_not_specific(network: Network) -> None:
    assert not read("very sad", network).is_specific


def test_worth_by_the_definition(network: Network) -> None:
    text = "sea and cat"
    meaning = read(text, network)
    sentences = load_label_sentences("image")
    weights = []
    for label in range(1000):
        best = 0.0
        for vector in encode_by_list(split_phrases(text)):
            cosines = [float(vector @ other) for other in sentences.labels]
            background = max(float(vector @ other) for other in sentences.background)
            specificity = 1 / (1 + math.exp(-(25 * max(cosines) - 16 * background + 1)))
            best = max(best, specificity * math.exp(10 * cosines[label]))
        weights.append(best)
        if label == 20:
            break  # a slow truth for some labels suffices
    top = max(
        1
        / (1 + math.exp(-(25 * max(sentences.labels @ v) - 16 * max(sentences.background @ v) + 1)))
        * math.exp(10 * float(max(sentences.labels @ v)))
        for v in encode_by_list(split_phrases(text))
    )
    np.testing.assert_allclose(meaning.weights[:21], np.array(weights) / top, rtol=1e-3)
    labels = make_labels({SEA: 0.3, 3: 0.1})
    worth = (0.3 * meaning.weights[SEA] + 0.1 * meaning.weights[3]) / 0.4
    assert meaning.measure(labels)[0] == pytest.approx(worth, rel=1e-3)


@given(st.lists(st.floats(0, 1), min_size=LABELS_KEPT, max_size=LABELS_KEPT), st.integers(0, 2**31))
def test_worth_lies_between_0_and_1(shares: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    indices = rng.choice(1000, LABELS_KEPT, replace=False).astype(np.uint16)[None]
    labels = ContentLabels(indices, np.array([shares], np.float16))
    meaning = LabelMeaning(
        open_network("attune").backbones["image"], 1.0, rng.uniform(0, 1, 1000), ("",) * 1000
    )
    assert 0.0 <= meaning.measure(labels)[0] <= 1.0


def test_explanation_names_the_words_and_the_labels(network: Network) -> None:
    meaning = read("cat by the sea", network)
    assert (
        meaning.explain(make_labels({SEA: 0.2, TABBY: 0.2, 5: 0.1})) == "cat ↔ tabby 46%; sea ↔ seashore 46%"
    )
    assert meaning.explain(make_labels({5: 0.3})) == ""


def test_without_labels_there_is_no_meaning(network: Network, tmp_path: Path) -> None:
    assert read_meaning(" ", network, "image", encode_by_list) is None
    own = write_network(tmp_path / "own", image_backbone=write_image_backbone(tmp_path / "own"))
    assert read_meaning("sea", open_network(str(own)), "image", encode_by_list) is None


def test_all_items_of_a_library_are_matched(network: Network, built: Path, tmp_path: Path) -> None:
    library = Path(shutil.copytree(built, tmp_path / "library"))
    meaning = read("sea", network)
    with LibraryReader(library) as reader:
        match = meaning.match(reader)
        np.testing.assert_array_equal(match.ids, reader.places("image")[0])
        assert match.worth.shape == match.ids.shape
        assert ((match.worth >= 0) & (match.worth <= 1)).all()
        assert isinstance(meaning.describe(reader, int(match.ids[0])), str)
        assert meaning.describe(reader, 10**6) == ""


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("a calm evening by the sea", "seashore"),
        ("ein ruhiger Abend am Meer", "seashore"),
        ("une soirée calme au bord de la mer", "seashore"),
        ("una tarde tranquila junto al mar", "seashore"),
        ("a man threatens us with a gun", "revolver"),
        ("wilde Pferde voller Freiheit", "sorrel"),
    ],
)
def test_sentences_mean_what_they_name(network: Network, text: str, label: str) -> None:
    meaning = read_meaning(text, network, "image")
    assert isinstance(meaning, LabelMeaning)
    assert meaning.is_specific
    best = np.argsort(-meaning.weights)[:8].tolist()
    assert label in [label_names("image")[place] for place in best]


@pytest.mark.parametrize("text", ["very sad", "überhaupt nicht glücklich", "très triste", "alegre"])
def test_moods_mean_no_thing(network: Network, text: str) -> None:
    for kind in ("image", "music"):
        meaning = read_meaning(text, network, kind)
        assert meaning is not None
        assert not meaning.is_specific


def test_music_is_meant_by_its_kind(network: Network) -> None:
    meaning = read_meaning("ein alter Blues", network, "music")
    assert isinstance(meaning, LabelMeaning)
    assert label_names("music")[int(meaning.weights.argmax())] == "blues"
    assert meaning.is_specific
