"""Random scores, as the baseline of the comparison."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attune.training.systems.base import LabelledFeatures, Needs


@dataclass(frozen=True, slots=True)
class FittedChance:
    """Random scores.

    Attributes:
        seed: Seed of the scores.
        parameters: Number of learnt parameters.
    """

    seed: int
    parameters: int = 0

    def scores(self, images: LabelledFeatures, music: LabelledFeatures) -> NDArray[np.float32]:
        """Return random scores in [0, 1), float32 (I, M); the same files are given the same scores."""
        names = ",".join(str(row.path.name) for row in [*images.rows, *music.rows])
        random = np.random.default_rng([self.seed, zlib.crc32(names.encode(errors="surrogateescape"))])
        return random.random((len(images), len(music)), np.float32)

    def embed(self, data: LabelledFeatures) -> None:
        """Return None: there are no embeddings."""


@dataclass(frozen=True, slots=True)
class Chance:
    """System of random scores.

    Attributes:
        name: Name of the system in tables.
    """

    name: str = "Chance"

    @property
    def needs(self) -> Needs:
        """Inputs that the system reads: none."""
        return {"image": (), "music": ()}

    def fit(self, images: LabelledFeatures, music: LabelledFeatures, seed: int) -> FittedChance:  # noqa: ARG002
        """Return random scores; nothing is learnt."""
        return FittedChance(seed)
