"""Content labels against the classifiers that they were made from, and against musicnn's own tags."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from attune.core.errors import ArtefactError
from attune.embedding import content_labels
from attune.embedding.backbones import (
    ACCURATE_BACKBONES,
    DEFAULT_BACKBONES,
    EFFICIENTNET_LITE0,
    MUSICNN_MSD,
    Backbone,
    Backbones,
)
from attune.embedding.checked_arrays import read_checked_arrays
from attune.embedding.content_labels import (
    CLASSES_FILE,
    CLASSES_SHA256,
    LABELS_KEPT,
    TEMPERATURE,
    compute_content_labels,
    has_content_labels,
    label_names,
    tell_probabilities,
)
from attune.embedding.image_decoding import decode_image
from attune.embedding.label_sentences import load_label_sentences
from attune.embedding.music_tags import music_tag_names, rank_music_tags
from attune.tests.networks import write_image_backbone

ROOT = Path(__file__).resolve().parents[2]
PHOTOS = sorted((ROOT / "samples" / "photos").iterdir())[::7]


@pytest.fixture(scope="module")
def photo_features() -> NDArray[np.float16]:
    pixels = np.stack([decode_image(path, EFFICIENTNET_LITE0.image_spec).pixels for path in PHOTOS])
    return Backbones(DEFAULT_BACKBONES, threads=2).features("image", pixels)


def test_shares_are_those_of_the_classifier_before_it_was_rounded(
    photo_features: NDArray[np.float16],
) -> None:
    with np.load(ROOT / "training" / "semantics.npz") as original:
        weights, bias = (original[name].astype(np.float64) for name in ("weights", "bias"))
    logits = (photo_features[:, :1280].astype(np.float64) @ weights + bias) / TEMPERATURE
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = compute_content_labels([row[None] for row in photo_features], EFFICIENTNET_LITE0)
    assert labels.indices.shape == labels.shares.shape == (len(PHOTOS), LABELS_KEPT)
    assert (labels.indices[:, 0] == shares.argmax(axis=1)).mean() >= 0.9
    kept = np.take_along_axis(shares, labels.indices.astype(np.int64), axis=1)
    np.testing.assert_allclose(labels.shares, kept, rtol=0.15, atol=1e-3)
    assert (np.diff(labels.shares, axis=1) <= 0).all()
    np.testing.assert_allclose(labels.normalized_shares().sum(axis=1), 1.0, rtol=1e-5)


def test_probabilities_are_those_at_temperature_1(photo_features: NDArray[np.float16]) -> None:
    labels = compute_content_labels([row[None] for row in photo_features], EFFICIENTNET_LITE0)
    probabilities = tell_probabilities(labels, "image")
    ratios = labels.shares[:, :1].astype(np.float64) / labels.shares[:, 1:4]
    np.testing.assert_allclose(probabilities[:, :1] / probabilities[:, 1:4], ratios**TEMPERATURE, rtol=1e-3)


def test_a_song_has_the_tags_that_it_is_explained_by() -> None:
    rng = np.random.default_rng(0)
    features = rng.uniform(0, 1, (5, MUSICNN_MSD.width)).astype(np.float16)
    features[1] = np.nan  # silent
    labels = compute_content_labels([features], MUSICNN_MSD)
    expected = rank_music_tags(features)[:LABELS_KEPT]
    assert [music_tag_names()[index] for index in labels.indices[0]] == [name for name, _ in expected]
    np.testing.assert_allclose(labels.shares[0], [share for _, share in expected], atol=1e-3)
    np.testing.assert_array_equal(tell_probabilities(labels, "music"), labels.shares)


def test_a_silent_song_has_no_label() -> None:
    features = np.full((2, MUSICNN_MSD.width), np.nan, np.float16)
    assert not compute_content_labels([features], MUSICNN_MSD).shares.any()


@pytest.mark.parametrize("backbone", [*DEFAULT_BACKBONES.values(), *ACCURATE_BACKBONES.values()])
def test_every_shipped_backbone_has_labels_with_sentence_vectors(backbone: Backbone) -> None:
    assert has_content_labels(backbone)
    sentences = load_label_sentences(backbone.kind)
    assert len(sentences.labels) == len(label_names(backbone.kind))
    norms = np.linalg.norm(np.concatenate([sentences.labels, sentences.background]), axis=1)
    assert (np.isclose(norms, 1.0, atol=2e-3) | (norms == 0.0)).all()
    features = np.ones((1, backbone.width), np.float16)
    assert compute_content_labels([features], backbone).shares.any()


def test_another_backbone_has_none(tmp_path: Path) -> None:
    assert not has_content_labels(write_image_backbone(tmp_path))


def test_a_changed_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytearray(CLASSES_FILE.read_bytes())
    data[len(data) // 2] ^= 1
    changed = tmp_path / "classes.npz"
    changed.write_bytes(data)
    with pytest.raises(ArtefactError, match="damaged"):
        read_checked_arrays(changed, CLASSES_SHA256)
    with pytest.raises(ArtefactError, match="missing"):
        read_checked_arrays(tmp_path / "none.npz", CLASSES_SHA256)
    monkeypatch.setattr(content_labels, "CLASSES_FILE", changed)
    content_labels._load_classes.cache_clear()
    with pytest.raises(ArtefactError, match="damaged"):
        label_names("image")
