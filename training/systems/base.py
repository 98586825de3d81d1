"""What every system of the comparison does: learn from labelled media, then score pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from attune.embedding.media_files import Kind
from attune.training.losses import Targets
from attune.training.manifest import LabelledRow

InputName = Literal["features", "accurate features", "pixels", "descriptors", "spectrogram"]
"""How a file may be given to a system: see `attune.training.system_inputs`."""


@dataclass(frozen=True, slots=True)
class LabelledFeatures:
    """One modality's labelled files, as systems see them.

    Attributes:
        kind: The modality.
        rows: N rows.
        targets: What they teach; a system that learns from pairs alone reads `targets.polarity` and nothing
            else.
        inputs: Arrays with N entries along the first axis; those that the systems at hand need.
    """

    kind: Kind
    rows: Sequence[LabelledRow]
    targets: Targets
    inputs: Mapping[InputName, NDArray[np.generic]]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, positions: NDArray[np.int64]) -> LabelledFeatures:
        """Return the files at the given positions, int64 (K,)."""
        return replace(
            self,
            rows=[self.rows[i] for i in positions],
            targets=self.targets[positions],
            inputs={name: array[positions] for name, array in self.inputs.items()},
        )


@dataclass(frozen=True, slots=True)
class Embeddings:
    """What a system says of one modality's files alone.

    Attributes:
        vectors: float32 (N, D).
        affect: float32 (N, 5), valence and arousal in [-1, 1] and the posterior of polarity; None where a
            system has no notion of affect.
    """

    vectors: NDArray[np.float32]
    affect: NDArray[np.float32] | None = None


class FittedSystem(Protocol):
    """A system that has learnt."""

    @property
    def parameters(self) -> int:
        """Numbers that were learnt."""
        ...

    def scores(self, images: LabelledFeatures, music: LabelledFeatures) -> NDArray[np.float32]:
        """Return (I, M) scores of all pairs; the higher, the likelier they correspond. Not yet calibrated."""
        ...

    def embed(self, material: LabelledFeatures) -> Embeddings | None:
        """Return what is said of one modality's files alone; None where a system sees pairs alone."""
        ...


class System(Protocol):
    """A way to learn correspondence."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    @property
    def needs(self) -> Mapping[Kind, tuple[InputName, ...]]:
        """Inputs that it reads, by modality."""
        ...

    def fit(self, images: LabelledFeatures, music: LabelledFeatures, seed: int) -> FittedSystem:
        """Learn from labelled images and music; the same seed and material give the same system."""
        ...
