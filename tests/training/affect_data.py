"""Synthetic labelled data: features that depend on polarity and valence, with noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attune.embedding.backbones import DEFAULT_BACKBONES
from attune.embedding.feature_layout import FeatureLayout
from attune.embedding.media_files import Kind
from attune.training.losses import build_targets
from attune.training.manifest import LabelledRow
from attune.training.systems.base import BackboneFeatures, LabelledFeatures, RawInput

LAYOUTS = {"image": FeatureLayout((("pooled", 40),)), "music": FeatureLayout((("penultimate", 40),))}
POLARITIES = ("positive", "neutral", "negative")
QUADRANTS = ("Q1", "Q4", "Q2")


def rows_and_features(
    count: int, width: int, seed: int, *, quadrants: bool = False, moments: int = 1
) -> tuple[list[LabelledRow], list[NDArray[np.float16]]]:
    """Return `count` rows of two sets, and features whose first half depends on the label."""
    random = np.random.default_rng(seed)
    rows, features = [], []
    for number in range(count):
        kind = number % 3
        valence = float(np.clip((0.5, 0.0, -0.5)[kind] + random.normal(0, 0.15), -1, 1))
        rows.append(
            LabelledRow(
                path=Path(f"/media/{number}"),
                split="train",
                set=f"set{number % 2}",
                group=f"group{number // 2}",
                polarity=POLARITIES[kind],
                quadrant=QUADRANTS[kind] if quadrants else None,
                valence=None if quadrants else valence,
                arousal=None if quadrants else float(random.uniform(-1, 1)),
                label="",
            )
        )
        one = random.normal(0, 1, (moments, width))
        one[:, 0 : width // 2 : 2] += 2 * valence
        one[:, 1 : width // 2 : 2] += kind == 1
        features.append(one.astype(np.float16))
    return rows, features


def make_labelled_features(kind: Kind, seed: int, count: int = 120) -> LabelledFeatures:
    """Return labelled files of one modality; every input depends on the label in a way of its own."""
    rows, made = rows_and_features(count, 40, seed, quadrants=kind == "music", moments=3)
    random = np.random.default_rng(seed + 1000)
    targets = build_targets(rows)
    features = np.stack([one.astype(np.float32).mean(axis=0) for one in made])
    raw: dict[RawInput, NDArray[np.generic]] = {}
    if kind == "image":
        shade = np.array([220, 128, 40])[targets.polarity]
        raw["pixels"] = np.clip(
            random.normal(shade[:, None, None, None], 30, (count, 64, 64, 3)), 0, 255
        ).astype(np.uint8)
    else:
        raw["descriptors"] = np.concatenate([features] * 5, axis=1)[:, :193]
        spectrogram = random.normal(-40, 5, (count, 64, 160))
        for row, polarity in enumerate(targets.polarity):
            spectrogram[row, 20 * polarity : 20 * polarity + 20] += 25  # each polarity has a band of its own
        raw["spectrogram"] = spectrogram.astype(np.float16)
    return LabelledFeatures(
        kind, rows, targets, {DEFAULT_BACKBONES[kind]: BackboneFeatures(features, LAYOUTS[kind])}, raw
    )
