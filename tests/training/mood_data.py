"""Made-up files in random quadrants, and what a system with errors says of them, fold by fold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attune.embedding.affect import AFFECT_COLUMNS, PLACE_COLUMNS, POLARITY_COLUMNS, QUADRANT_COLUMNS
from attune.training.cross_validation import OutOfFoldPredictions
from attune.training.manifest import QUADRANT_POLARITY, LabelledRow
from attune.training.metrics import read_mood_labels

FOLDS = 4
IMAGES, MUSIC = 120, 80


def make_rows(count: int, seed: int) -> list[LabelledRow]:
    """Return rows in random quadrants; every fourth one is of a set that mood is not judged on."""
    names = [f"Q{code + 1}" for code in np.random.default_rng(seed).integers(0, 4, count)]
    return [
        LabelledRow(
            path=Path(f"{number}"),
            split="train",
            set="other" if number % 4 == 0 else "judged",
            group=f"{number}",
            polarity=QUADRANT_POLARITY[name],
            quadrant=name,
            valence=None,
            arousal=None,
            label="",
        )
        for number, name in enumerate(names)
    ]


def make_affect(rows: list[LabelledRow], seed: int) -> NDArray[np.float32]:
    """Return affect, (N, 11), as a network gives it that recognises quadrants with errors."""
    rng = np.random.default_rng(seed)
    labels = read_mood_labels(rows)
    affect = np.zeros((len(rows), len(AFFECT_COLUMNS)), np.float32)
    logits = 1.5 * np.eye(4)[labels.quadrants] + rng.normal(size=(len(rows), 4))
    quadrants = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    affect[:, QUADRANT_COLUMNS] = quadrants
    affect[:, POLARITY_COLUMNS] = quadrants @ np.array([[1, 0, 0], [0, 0, 1], [0, 0, 1], [0, 1, 0]])
    affect[:, PLACE_COLUMNS] = labels.places + rng.normal(0, 0.4, labels.places.shape)
    return affect


IMAGE_ROWS, MUSIC_ROWS = make_rows(IMAGES, 0), make_rows(MUSIC, 1)
IMAGE_AFFECT, MUSIC_AFFECT = make_affect(IMAGE_ROWS, 2), make_affect(MUSIC_ROWS, 3)


def make_folds(seed: int = 0) -> list[OutOfFoldPredictions]:
    """Return predictions of an embedding system whose vectors are the quadrant posteriors."""
    rng = np.random.default_rng(seed)
    image_folds, music_folds = (rng.permutation(count) % FOLDS for count in (IMAGES, MUSIC))
    folds = []
    for fold in range(FOLDS):
        images, music = np.flatnonzero(image_folds == fold), np.flatnonzero(music_folds == fold)
        image_vectors, music_vectors = (
            IMAGE_AFFECT[images, QUADRANT_COLUMNS],
            MUSIC_AFFECT[music, QUADRANT_COLUMNS],
        )
        scores = image_vectors @ music_vectors.T
        folds.append(
            OutOfFoldPredictions(
                images,
                music,
                scores,
                scores,
                image_vectors,
                music_vectors,
                IMAGE_AFFECT[images],
                MUSIC_AFFECT[music],
                parameters=0,
                fit_s=0.0,
                pair_ms=0.0,
            )
        )
    return folds
