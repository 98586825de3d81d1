"""`attune benchmark diversity` on a small example whose results are computed independently."""

from __future__ import annotations

import numpy as np
import pytest

from attune.benchmarks.diversity import LabelledGallery, measure
from attune.embedding.network import Network
from attune.retrieval.near_duplicates import SimilarityScale

pytestmark = pytest.mark.torch


def test_precision_and_likeness(network: Network) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(42, 128)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    prints = rng.uniform(size=(42, 6)).astype(np.float32)
    prints /= np.linalg.norm(prints, axis=1, keepdims=True)
    codes = rng.integers(0, 3, 42).astype(np.int8)
    songs = LabelledGallery("music", codes[:12], vectors[:12], prints[:12], SimilarityScale(0.92))
    pictures = LabelledGallery("image", codes[12:], vectors[12:], prints[12:], SimilarityScale(0.76))
    rows = {(row.direction, row.diverse): row for row in measure(pictures, songs, network, [0.5])}
    assert set(rows) == {(way, w) for way in ("music_to_image", "image_to_music") for w in (0.0, 0.5)}

    plain = rows["music_to_image", 0.0]
    order = np.argsort(-(vectors[:12] @ vectors[12:].T), axis=1)[:, :10]
    right = (codes[12:][order] == codes[:12, None]).mean(axis=1)
    assert plain.p_at_10 == pytest.approx(
        np.mean([right[codes[:12] == c].mean() for c in np.unique(codes[:12])])
    )
    pairs = [prints[12:][ten] @ prints[12:][ten].T for ten in order]
    assert plain.likeness == pytest.approx(np.mean([(p.sum() - 10) / 90 for p in pairs]), abs=1e-5)
    assert plain.kept == 1.0
    varied = rows["music_to_image", 0.5]
    assert varied.likeness <= plain.likeness
    assert varied.kept == pytest.approx(varied.p_at_10 / plain.p_at_10)
