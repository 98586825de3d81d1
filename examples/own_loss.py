"""Train with a loss of one's own, and compare the result with Attune's on the same folds.

    pip install ".[train]"
    python examples/own_loss.py IMAGES MUSIC

IMAGES and MUSIC are labelled data (docs/own-data.md). The system below learns one linear map for each
modality. Its loss is that of a soft ranking: for each picture, the songs' inner products should follow how
near each song lies on the plane of valence and arousal, and the same for each song.

A system is any dataclass with `name`, `needs` and `fit`; docs/contributing/system.md tells how to register
one, so that `attune train` can ship it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from attune.core.console import show_progress
from attune.embedding.backbones import DEFAULT_BACKBONES
from attune.embedding.media_files import Kind
from attune.training.comparison import (
    SystemResult,
    estimate_accuracy,
    estimate_accuracy_difference,
    evaluate_system,
)
from attune.training.cross_validation import cross_validate
from attune.training.system_inputs import load_labelled_features
from attune.training.systems.attune.system import Attune
from attune.training.systems.base import Embeddings, LabelledFeatures, Needs, System
from attune.training.train import read_training_rows

CACHE = Path(".cache/own-loss")
DIMENSIONS = 16


def ranking_loss(inner: Tensor, distance: Tensor, softness: float) -> Tensor:
    """Return the cross-entropy between two rankings, in both directions.

    Args:
        inner: (I, M), inner products of pictures and songs.
        distance: (I, M), their distances on the plane.
        softness: Distance at which a song counts about a third as much as one at the same place.
    """
    wanted = -((distance / softness) ** 2)
    return sum(
        -(functional.softmax(wanted, side) * functional.log_softmax(inner, side)).sum(side).mean()
        for side in (0, 1)
    )


@dataclass(frozen=True)
class LinearMap:
    """Standardisation and a linear map, from features to a vector of unit length."""

    mean: Tensor
    scale: Tensor
    weights: Tensor

    def __call__(self, features: Tensor) -> Tensor:
        """Return vectors (N, 16) of features (N, D)."""
        return functional.normalize((features - self.mean) / self.scale @ self.weights, dim=1)


@dataclass(frozen=True)
class FittedRanking:
    """A linear map for each modality, trained."""

    maps: Mapping[Kind, LinearMap]

    @property
    def parameters(self) -> int:
        """Number of learnt parameters."""
        return sum(one.weights.numel() for one in self.maps.values())

    def embed(self, data: LabelledFeatures) -> Embeddings:
        """Return vectors of the files of one modality."""
        with torch.no_grad():
            return Embeddings(self.maps[data.kind](read_features(data)).numpy())

    def scores(self, images: LabelledFeatures, music: LabelledFeatures) -> NDArray[np.float32]:
        """Return the inner products of all pairs."""
        return self.embed(images).vectors @ self.embed(music).vectors.T


@dataclass(frozen=True)
class Ranking:
    """The system with a loss of its own; every hyperparameter is a field."""

    name: str = "soft ranking"
    softness: float = 0.5
    temperature: float = 0.1
    weight_decay: float = 1e-2
    steps: int = 150

    @property
    def needs(self) -> Needs:
        """Inputs that the system reads: the features of Attune's own backbones."""
        return {kind: (backbone,) for kind, backbone in DEFAULT_BACKBONES.items()}

    def fit(self, images: LabelledFeatures, music: LabelledFeatures, seed: int) -> FittedRanking:
        """Train both maps on all pairs of files whose places on the plane are known."""
        torch.manual_seed(seed)
        sides = [side.take(find_placed(side)) for side in (images, music)]
        features = [read_features(side) for side in sides]
        places = [torch.from_numpy(side.targets.points) for side in sides]
        distance = torch.cdist(*places)
        weights = [torch.randn(one.shape[1], DIMENSIONS).mul_(0.01).requires_grad_() for one in features]
        maps = [
            LinearMap(one.mean(0), one.std(0) + 1e-3 * one.std(), weight)
            for one, weight in zip(features, weights, strict=True)
        ]
        solver = torch.optim.AdamW(weights, lr=1e-3, weight_decay=self.weight_decay)
        for _ in range(self.steps):
            solver.zero_grad()
            image_vectors, music_vectors = (one(data) for one, data in zip(maps, features, strict=True))
            inner = image_vectors @ music_vectors.T / self.temperature
            ranking_loss(inner, distance, self.softness).backward()
            solver.step()
        trained = [LinearMap(one.mean, one.scale, one.weights.detach()) for one in maps]
        return FittedRanking({"image": trained[0], "music": trained[1]})


def read_features(data: LabelledFeatures) -> Tensor:
    """Return the backbone features of one modality's files, (N, D)."""
    return torch.from_numpy(data.features[DEFAULT_BACKBONES[data.kind]].values)


def find_placed(data: LabelledFeatures) -> NDArray[np.int64]:
    """Return the positions of the files with valence and arousal."""
    return np.flatnonzero(np.isfinite(data.targets.points).all(axis=1))


def compare(systems: list[System], images_from: Path, music_from: Path) -> None:
    """Cross-validate systems on the same labelled files and print their accuracies."""
    with show_progress(quiet=False) as progress:
        images, music = (
            load_labelled_features(
                read_training_rows(source, kind), kind, systems[0].needs[kind], CACHE, 2, progress
            )[0]
            for kind, source in (("image", images_from), ("music", music_from))
        )
        results: list[SystemResult] = [
            evaluate_system(
                system.name, cross_validate(system, images, music, (0,), CACHE, progress), images, music
            )
            for system in systems
        ]
    for result in results:
        one = estimate_accuracy(result, images, music)
        print(f"{result.system:<14} accuracy {one.value:.3f} (95 % interval {one.low:.3f} to {one.high:.3f})")
    own, attune = results
    difference = estimate_accuracy_difference(own, attune, images, music)
    print(f"difference     {difference.value:+.3f} ({difference.low:+.3f} to {difference.high:+.3f})")


if __name__ == "__main__":
    compare([Ranking(), Attune()], Path(sys.argv[1]), Path(sys.argv[2]))
