"""A system that knows nothing: what every other one is to be compared with."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attune.embedding.media_files import Kind
from attune.training.systems.base import InputName, LabelledFeatures


@dataclass(frozen=True, slots=True)
class FittedChance:
    """Random scores.

    Attributes:
        seed: Of the scores.
    """

    seed: int
    parameters: int = 0

    def scores(self, images: LabelledFeatures, music: LabelledFeatures) -> NDArray[np.float32]:
        """Return (I, M) draws from the unit interval; the same files get the same ones."""
        names = ",".join(str(row.path.name) for row in [*images.rows, *music.rows])
        random = np.random.default_rng([self.seed, zlib.crc32(names.encode(errors="surrogateescape"))])
        return random.random((len(images), len(music)), np.float32)

    def embed(self, material: LabelledFeatures) -> None:
        """Return nothing: there is no space."""


@dataclass(frozen=True, slots=True)
class Chance:
    """Random scores.

    Attributes:
        name: What tables call it.
    """

    name: str = "Chance"

    @property
    def needs(self) -> Mapping[Kind, tuple[InputName, ...]]:
        """Inputs that it reads: none."""
        return {"image": (), "music": ()}

    def fit(self, images: LabelledFeatures, music: LabelledFeatures, seed: int) -> FittedChance:  # noqa: ARG002
        """Learn nothing."""
        return FittedChance(seed)
