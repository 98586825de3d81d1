"""Attune's own system: linear heads on rich features, read out of fold, in a space of two kernels.

Heads for polarity, valence and arousal are trained per modality on file labels; no image–music pairs are
sampled. `attune.training.systems.kernel_map` maps the outputs of both modalities into one space.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from attune.embedding.backbones import ACCURATE_BACKBONES, DEFAULT_BACKBONES, Backbone
from attune.embedding.media_files import Kind
from attune.embedding.network_config import is_shipped
from attune.training.assign_folds import assign_folds
from attune.training.calibration import fit_output_calibration
from attune.training.conse import SEMANTIC_DIM
from attune.training.linear_heads import CHECK_EVERY, Heads, Recipe, fit_heads
from attune.training.losses import held_out_loss
from attune.training.systems.base import Embeddings, InputName, LabelledFeatures
from attune.training.systems.kernel_map import (
    DEFAULT_KERNEL_CONFIG,
    KernelConfig,
    KernelMap,
    OutputCalibration,
    Tower,
)

INNER_FOLDS = 3
MAX_STEPS = 80
PATIENCE = 2
"""Looks at the held-out loss without a gain before learning stops."""

_IMAGE_WIDTH = 2528

RECIPES: Mapping[Kind, Recipe] = {
    "image": Recipe(
        l2=1.0, point_share=0.15, gains=((0, 1280, 0.5), (_IMAGE_WIDTH, _IMAGE_WIDTH + SEMANTIC_DIM, 2.0))
    ),
    "music": Recipe(l2=0.3, point_share=0.3, quadrant_share=1.0),
}
"""How heads learn from the features of the network `attune`; chosen by cross-validation."""

ACCURATE_RECIPES: Mapping[Kind, Recipe] = {
    # Pooled; meaning; what the faces express; what that was read from (`convert.efficientnet_lite2_faces`).
    "image": Recipe(l2=1.0, point_share=0.15, gains=((0, 1280, 0.5), (2640, 3024, 2.0), (3024, 3049, 3.2))),
    "music": RECIPES["music"],
}
"""The same from those of `accurate`."""

CUSTOM_RECIPES: Mapping[Kind, Recipe] = {
    "image": Recipe(l2=1.0, point_share=0.15),
    "music": RECIPES["music"],
}
"""The same from those of any other backbone: of its features nothing is known beforehand."""

_SHIPPED_RECIPES: Mapping[str, Recipe] = {
    backbones[kind].name: recipes[kind]
    for backbones, recipes in ((DEFAULT_BACKBONES, RECIPES), (ACCURATE_BACKBONES, ACCURATE_RECIPES))
    for kind in recipes
}


@dataclass(frozen=True, slots=True)
class LossCheck:
    """One look at how the heads of one modality come on.

    Attributes:
        kind: The modality.
        fold: Inner fold that was held out.
        step: Step of the solver.
        loss: Of the rows that are learnt, with the penalty of the weights.
        held_out: Of the rows that are held out.
    """

    kind: Kind
    fold: int
    step: int
    loss: float
    held_out: float


@dataclass(frozen=True, slots=True)
class ModalityModel:
    """What is learnt of one modality.

    Attributes:
        heads: From features to raw outputs.
        calibration: How these are read.
    """

    heads: Heads
    calibration: OutputCalibration


@dataclass(frozen=True, slots=True)
class FittedAttune:
    """Both modalities, in one space.

    Attributes:
        modalities: What was learnt of each.
        shape: Shape of the space.
        reads: Which features.
        curve: How learning went on the inner folds.
    """

    modalities: Mapping[Kind, ModalityModel]
    shape: KernelConfig
    reads: InputName = "features"
    curve: list[LossCheck] = field(default_factory=list)

    @property
    def parameters(self) -> int:
        """Numbers that were learnt."""
        return sum(side.heads.weights.size + side.heads.bias.size for side in self.modalities.values())

    def tower(self, kind: Kind, widen: nn.Module) -> Tower:
        """Return one modality's tower, in evaluation mode: what is exported.

        Args:
            kind: The modality.
            widen: What makes of a backbone's features those that were learnt from (`attune.training.conse`).
        """
        side = self.modalities[kind]
        return Tower(widen, side.heads, KernelMap(side.calibration, kind, self.shape)).eval()

    def scores(self, images: LabelledFeatures, music: LabelledFeatures) -> NDArray[np.float32]:
        """Return the inner products of all pairs, (I, M)."""
        return self.embed(images).vectors @ self.embed(music).vectors.T

    def embed(self, material: LabelledFeatures) -> Embeddings:
        """Return embeddings (N, 128), unit length, and affect."""
        features = torch.from_numpy(np.asarray(material.inputs[self.reads], np.float32))
        with torch.no_grad():
            vectors, affect = self.tower(material.kind, nn.Identity()).read(features)
        return Embeddings(vectors.numpy(), affect.numpy())


@dataclass(frozen=True, slots=True)
class Attune:
    """Attune's system.

    Attributes:
        name: What tables call it.
        recipes: How the heads of each modality are learnt.
        shape: Shape of the space.
        reads: Which features.
    """

    name: str = "Attune"
    recipes: Mapping[Kind, Recipe] = field(default_factory=lambda: RECIPES)
    shape: KernelConfig = DEFAULT_KERNEL_CONFIG
    reads: InputName = "features"

    @property
    def needs(self) -> Mapping[Kind, tuple[InputName, ...]]:
        """Inputs that it reads, by modality."""
        return {"image": (self.reads,), "music": (self.reads,)}

    def fit(self, images: LabelledFeatures, music: LabelledFeatures, seed: int) -> FittedAttune:
        """Learn from labelled images and music.

        How long to learn, and how the heads' outputs are read, is found on inner folds that the heads did not
        see; then heads are learnt on everything.

        Raises:
            UsageError: There are too few groups.
        """
        curve: list[LossCheck] = []
        modalities = {side.kind: self._fit_modality(side, seed, curve) for side in (images, music)}
        return FittedAttune(modalities, self.shape, self.reads, curve)

    def _fit_modality(self, side: LabelledFeatures, seed: int, curve: list[LossCheck]) -> ModalityModel:
        features, recipe = np.asarray(side.inputs[self.reads], np.float32), self.recipes[side.kind]
        folds = assign_folds(side.rows, side.kind, seed, INNER_FOLDS)
        steps, raw = predict_out_of_fold(features, side, folds, recipe, curve)
        heads = fit_heads(features, side.targets, recipe, steps)
        return ModalityModel(heads, fit_output_calibration(raw, side.targets))


def create_attune(backbones: Mapping[Kind, Backbone]) -> Attune:
    """Return Attune's system for the features of these backbones."""
    return Attune(
        recipes={
            kind: _SHIPPED_RECIPES[one.name] if is_shipped(one) else CUSTOM_RECIPES[kind]
            for kind, one in backbones.items()
        }
    )


ATTUNE_ACCURATE = Attune("Attune, accurate", ACCURATE_RECIPES, reads="accurate features")
"""The network `accurate` in the comparison of systems."""


def predict_out_of_fold(
    features: NDArray[np.float32],
    side: LabelledFeatures,
    folds: NDArray[np.int64],
    recipe: Recipe,
    curve: list[LossCheck],
) -> tuple[int, NDArray[np.float32]]:
    """Predict every row by heads that were learnt on the other folds, stopped early.

    Args:
        features: float32 (N, D).
        side: The N labelled files.
        folds: int64 (N,), fold of each row.
        recipe: How heads are learnt.
        curve: Extended by every look at the held-out loss.

    Returns:
        The number of steps whose held-out loss, over all folds, is least; raw outputs (N, 5) after them.
    """
    checks_by_fold = [
        _fit_without_fold(features, side, folds, fold, recipe, curve) for fold in range(int(folds.max()) + 1)
    ]
    common = min(checks_by_fold, key=len)
    best = min(common, key=lambda step: sum(checks[step][1] for checks in checks_by_fold))
    raw = np.zeros((len(side), 5), np.float32)
    for fold, checks in enumerate(checks_by_fold):
        raw[folds == fold] = checks[best][0]
    return best, raw


def _fit_without_fold(
    features: NDArray[np.float32],
    side: LabelledFeatures,
    folds: NDArray[np.int64],
    fold: int,
    recipe: Recipe,
    curve: list[LossCheck],
) -> dict[int, tuple[NDArray[np.float32], float]]:
    """Learn without one fold; return, by step, what is said of that fold (K, 5) and the loss there."""
    learn, held_out = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
    checks: dict[int, tuple[NDArray[np.float32], float]] = {}

    def check_held_out(step: int, loss: float, heads: Heads) -> bool:
        predicted = heads.raw(features[held_out])
        validation_loss = held_out_loss(predicted, side.targets[held_out], recipe.point_share)
        checks[step] = predicted, validation_loss
        curve.append(LossCheck(side.kind, fold, step, loss, validation_loss))
        best = min(checks, key=lambda one: checks[one][1])
        return step - best >= PATIENCE * CHECK_EVERY

    fit_heads(features[learn], side.targets[learn], recipe, MAX_STEPS, check_held_out)
    return checks
