"""Interface of the systems that learn correspondence from labelled media."""

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
"""Name of an input of a system; `attune.training.system_inputs` describes each."""


@dataclass(frozen=True, slots=True)
class LabelledFeatures:
    """Labelled files of one modality, with targets and inputs.

    Attributes:
        kind: The modality.
        rows: N rows.
        targets: Training targets of the rows; a system that is trained on pairs reads only
            `targets.polarity`.
        inputs: Arrays with N entries along the first axis, for the systems that are used.
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
    """Embeddings of one modality's files, and predicted affect.

    Attributes:
        vectors: float32 (N, D).
        affect: float32 (N, 5), valence and arousal in [-1, 1] and the posterior of polarity; None if the
            system does not predict affect.
    """

    vectors: NDArray[np.float32]
    affect: NDArray[np.float32] | None = None


class FittedSystem(Protocol):
    """A trained system."""

    @property
    def parameters(self) -> int:
        """Number of learnt parameters."""
        ...

    def scores(self, images: LabelledFeatures, music: LabelledFeatures) -> NDArray[np.float32]:
        """Return uncalibrated scores (I, M) of all pairs; higher scores mean a likelier correspondence."""
        ...

    def embed(self, data: LabelledFeatures) -> Embeddings | None:
        """Return embeddings of one modality's files; None if the system only scores pairs."""
        ...


class System(Protocol):
    """A method of learning correspondence, with its hyperparameters.

    An implementation is a dataclass whose `repr` names every hyperparameter: the key of stored fold results
    is computed from it and from the source (`attune.training.source_digest`).
    """

    @property
    def name(self) -> str:
        """Name of the system in tables."""
        ...

    @property
    def needs(self) -> Mapping[Kind, tuple[InputName, ...]]:
        """Inputs that the system reads, by modality."""
        ...

    def fit(self, images: LabelledFeatures, music: LabelledFeatures, seed: int) -> FittedSystem:
        """Train on labelled images and music; the same seed and data give the same system."""
        ...
