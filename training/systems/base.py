"""Interface of the systems that learn correspondence from labelled media."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import nn

from attune.embedding.backbones import Backbone
from attune.embedding.feature_layout import FeatureLayout
from attune.embedding.media_files import Kind
from attune.training.losses import Targets
from attune.training.manifest import LabelledRow

RawInput = Literal["pixels", "descriptors", "spectrogram"]
"""Name of an input that is computed without a backbone; `attune.training.raw_inputs` computes it."""

Input = Backbone | RawInput
"""Input of a system: the features of a backbone, or a raw input."""

Needs = Mapping[Kind, tuple[Input, ...]]
"""Inputs that a system reads, by modality."""


@dataclass(frozen=True, slots=True)
class BackboneFeatures:
    """Features of labelled files, and the names of their parts.

    Attributes:
        values: float32 (N, D).
        layout: The named blocks of the D columns.
    """

    values: NDArray[np.float32]
    layout: FeatureLayout

    def __getitem__(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> BackboneFeatures:
        """Return the features of the selected files."""
        return BackboneFeatures(self.values[rows], self.layout)


@dataclass(frozen=True, slots=True)
class LabelledFeatures:
    """Labelled files of one modality, with targets and inputs.

    Attributes:
        kind: The modality.
        rows: N rows.
        targets: Training targets of the rows; a system that is trained on pairs reads only
            `targets.polarity`.
        features: Features of the N files, by the backbone that computed them.
        raw: Raw inputs, arrays with N entries along the first axis.
    """

    kind: Kind
    rows: Sequence[LabelledRow]
    targets: Targets
    features: Mapping[Backbone, BackboneFeatures]
    raw: Mapping[RawInput, NDArray[np.generic]]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, positions: NDArray[np.int64]) -> LabelledFeatures:
        """Return the files at the given positions, int64 (K,)."""
        return replace(
            self,
            rows=[self.rows[i] for i in positions],
            targets=self.targets[positions],
            features={backbone: features[positions] for backbone, features in self.features.items()},
            raw={name: array[positions] for name, array in self.raw.items()},
        )

    def values(self, name: Input) -> NDArray[np.generic]:
        """Return one input of the N files, (N, ...)."""
        return self.features[name].values if isinstance(name, Backbone) else self.raw[name]


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


@dataclass(frozen=True, slots=True)
class LossCheck:
    """Losses of the model of one modality at one step of the solver.

    Attributes:
        kind: The modality.
        fold: Inner fold that is held out.
        step: Step of the solver.
        loss: Loss on the training rows, with the penalty on the weights.
        held_out: Loss on the held-out rows.
    """

    kind: Kind
    fold: int
    step: int
    loss: float
    held_out: float


class FittedSystem(Protocol):
    """A trained system."""

    @property
    def parameters(self) -> int:
        """Number of learnt parameters."""
        ...

    def scores(self, images: LabelledFeatures, music: LabelledFeatures) -> NDArray[np.float32]:
        """Return uncalibrated scores (I, M) of all pairs, by which answers are ordered; higher is better."""
        ...

    def embed(self, data: LabelledFeatures) -> Embeddings | None:
        """Return embeddings of one modality's files; None if the system only scores pairs."""
        ...


@runtime_checkable
class CorrespondenceEstimator(Protocol):
    """A trained system that answers correspondence by another score than the one that orders answers."""

    def correspondence(self, images: LabelledFeatures, music: LabelledFeatures) -> NDArray[np.float32]:
        """Return uncalibrated scores (I, M) of equal polarity; higher means likelier."""
        ...


class FittedEmbeddingSystem(FittedSystem, Protocol):
    """A trained system whose scores are inner products of embeddings."""

    @property
    def curve(self) -> Sequence[LossCheck]:
        """Losses during the training; empty if none were measured."""
        ...

    def tower(self, kind: Kind) -> nn.Module:
        """Return one modality's module for export, in evaluation mode.

        It maps the backbone's features, float32 (N, D), to embeddings, float32 (N, 128), of unit length, and
        affect, float32 (N, 5): valence and arousal in [-1, 1], and the posterior of polarity. Inner products
        of an image's and a song's embedding are their `scores`.
        """
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
    def needs(self) -> Needs:
        """Inputs that the system reads, by modality."""
        ...

    def fit(self, images: LabelledFeatures, music: LabelledFeatures, seed: int) -> FittedSystem:
        """Train on labelled images and music; the same seed and data give the same system."""
        ...


@runtime_checkable
class EmbeddingSystem(System, Protocol):
    """A system that can embed: it can be shipped as a network, not only compared."""

    @property
    def backbones(self) -> Mapping[Kind, Backbone]:
        """The backbone of each modality, whose features it reads and a library stores."""
        ...

    @property
    def hyperparameters(self) -> Mapping[str, Any]:
        """Hyperparameters as `network.json` records them: what JSON can hold."""
        ...

    def with_backbones(self, backbones: Mapping[Kind, Backbone]) -> EmbeddingSystem:
        """Return the system with another backbone for each given modality."""
        ...

    def fit(self, images: LabelledFeatures, music: LabelledFeatures, seed: int) -> FittedEmbeddingSystem:
        """Train on labelled images and music; the same seed and data give the same system."""
        ...
