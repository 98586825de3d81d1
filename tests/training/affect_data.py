"""Small labelled data made at test time: features that carry polarity, valence and arousal, with noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.manifest import Row

POLARITIES = ("positive", "neutral", "negative")
QUADRANTS = ("Q1", "Q4", "Q2")


def rows_and_features(
    count: int, width: int, seed: int, *, quadrants: bool = False, moments: int = 1
) -> tuple[list[Row], list[NDArray[np.float16]]]:
    """Make `count` rows of two sets, and features whose first half carries the label."""
    random = np.random.default_rng(seed)
    rows, features = [], []
    for number in range(count):
        kind = number % 3
        valence = float(np.clip((0.5, 0.0, -0.5)[kind] + random.normal(0, 0.15), -1, 1))
        rows.append(
            Row(
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
