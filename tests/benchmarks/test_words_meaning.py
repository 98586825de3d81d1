"""`attune benchmark words-meaning`: which labels name a thing, and the precision of an order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from attune.benchmarks.named_things import HEARD, MOODS, PICTURED, NamedThing
from attune.benchmarks.words_meaning import (
    ContentGallery,
    compute_precision,
    measure,
    measure_specificity,
    summarize,
)
from attune.embedding.content_labels import LABELS_KEPT, ContentLabels, label_names
from attune.embedding.label_sentences import load_label_sentences
from attune.embedding.network import Network, open_network
from attune.embedding.text_tower import TextEncoder
from attune.retrieval.library_vectors import LibraryVectors, normalize_means
from attune.tests.networks import write_image_backbone, write_network, write_text_tower
from attune.training.manifest import LabelledRow

SEA = label_names("image").index("seashore")


def find(name: str) -> NamedThing:
    return next(thing for thing in (*PICTURED, *HEARD) if thing.name == name)


@pytest.mark.parametrize(
    ("thing", "label", "is_named"),
    [
        ("dog", "theme=Dog 3;category=Animal", True),
        ("dog", "theme=Hot dog;category=Object", True),
        ("crowd", "People: Boat;val_sd=0.4", False),
        ("boat", "People: Boat;val_sd=0.4", True),
        ("bird", "silhouette=crow2;keywords=black, sky", True),
        ("lake", "painting:landscape;Lake at night", True),
        ("car", "silhouette=scar;keywords=carpet", False),
        ("jazz", "moods=Sad; Blue;genres=International; Jazz;title=Rock on", True),
        ("rock", "moods=Sad; Blue;genres=International; Jazz;title=Pop/Rock on", False),
    ],
)
def test_what_a_label_names(thing: str, label: str, is_named: bool) -> None:
    assert find(thing).is_named(label) == is_named


def test_precision_of_the_first() -> None:
    worth = np.linspace(1, 0, 40)
    right = np.zeros(40, bool)
    right[[0, 1, 5, 9, 10, 20, 21, 22, 23, 24, 25]] = True
    assert compute_precision(worth, right) == pytest.approx(0.4)
    right[:] = False
    right[[0, 2, 30]] = True
    assert compute_precision(worth, right) == pytest.approx(2 / 3)


def test_a_thing_is_measured(network: Network) -> None:
    shares = np.zeros((30, LABELS_KEPT), np.float16)
    shares[:, 0] = 1.0
    indices = np.tile(np.arange(100, 100 + LABELS_KEPT, dtype=np.uint16), (30, 1))
    indices[:6, 0] = SEA
    rows = [
        LabelledRow(Path(f"{n}"), "train", "oasis", f"{n}", None, None, None, None, label)
        for n, label in enumerate(["theme=Beach 1"] * 12 + ["theme=Rocks 1"] * 18)
    ]
    affect = np.random.default_rng(0).uniform(-1, 1, (30, 2))
    affect[:12] = 0.5
    gallery = ContentGallery("image", rows, ContentLabels(indices, shares), affect)

    def encode(phrases: list[str]) -> NDArray[np.float32]:
        return np.repeat(load_label_sentences("image").labels[SEA : SEA + 1], len(phrases), axis=0)

    measured = {one.thing: one for one in measure(gallery, network, 10, encode)}
    assert set(measured) == {"sea", "mountain"}  # rocks
    sea = measured["sea"]
    assert sea.right == 12
    assert sea.chance == pytest.approx(12 / 30)
    assert sea.affect == 1.0
    assert sea.words[0] >= 0.6
    assert sea.sentences is not None
    assert summarize([sea])["words"]["all"] == pytest.approx(np.mean(sea.words))
    assert measure_specificity(network, "image", encode) == {"words": 1.0, "sentences": 1.0, "moods": 1.0}


def test_a_network_with_a_text_tower_is_measured_by_its_features(tmp_path: Path) -> None:
    backbone = replace(write_image_backbone(tmp_path), text=write_text_tower(tmp_path))
    network = open_network(str(write_network(tmp_path, image_backbone=backbone)))
    assert backbone.text is not None
    sea = TextEncoder(backbone.text).encode("sea")
    vectors = np.random.default_rng(0).normal(size=(30, 24)).astype(np.float32)
    vectors[:12] = sea + 0.05 * vectors[:12]
    features = [np.stack([3 * vector, 3 * vector]).astype(np.float16) for vector in vectors]
    means = normalize_means(features, 24).astype(np.float16)
    np.testing.assert_allclose(np.linalg.norm(means, axis=1), 1.0, atol=2e-3)
    gallery = ContentGallery(
        "image",
        [
            LabelledRow(Path(f"{n}"), "train", "oasis", f"{n}", None, None, None, None, label)
            for n, label in enumerate(["theme=Beach 1"] * 12 + ["theme=Dog 1"] * 18)
        ],
        LibraryVectors(np.arange(30), means, np.ones(30, bool)),
        np.zeros((30, 2)),
    )
    measured = {one.thing: one for one in measure(gallery, network, 10)}
    assert measured["sea"].words[0] == 1.0  # in English
    assert measured["sea"].chance == pytest.approx(12 / 30)


def test_the_things_are_asked_for_in_four_languages() -> None:
    for thing in (*PICTURED, *HEARD):
        assert len(thing.words) == 4
        assert thing.sentences is None or len(set(thing.sentences)) == 4
    assert len(PICTURED) >= 20
    assert len([thing for thing in PICTURED if thing.sentences]) == 20
    assert len(set(MOODS)) == len(MOODS)
