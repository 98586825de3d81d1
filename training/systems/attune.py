"""Attune's own system: linear heads on backbone features, calibrated out of fold, and a kernel map.

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
"""Evaluations of the held-out loss without an improvement before training stops."""

_IMAGE_WIDTH = 2528

RECIPES: Mapping[Kind, Recipe] = {
    "image": Recipe(
        l2=1.0, point_share=0.15, gains=((0, 1280, 0.5), (_IMAGE_WIDTH, _IMAGE_WIDTH + SEMANTIC_DIM, 2.0))
    ),
    "music": Recipe(l2=0.3, point_share=0.3, quadrant_share=1.0),
}
"""Hyperparameters of the heads for the features of the network `attune`; chosen by cross-validation."""

ACCURATE_RECIPES: Mapping[Kind, Recipe] = {
    # Blocks of `attune.training.convert.efficientnet_lite2_faces`: pooled, semantic, facial expressions. The
    # features before the expression layer keep the gain 1.
    "image": Recipe(l2=1.0, point_share=0.15, gains=((0, 1280, 0.5), (2640, 3024, 2.0), (3024, 3049, 3.2))),
    "music": RECIPES["music"],
}
"""Hyperparameters of the heads for the features of the network `accurate`."""

CUSTOM_RECIPES: Mapping[Kind, Recipe] = {
    "image": Recipe(l2=1.0, point_share=0.15),
    "music": RECIPES["music"],
}
"""Hyperparameters of the heads for any other backbone: no gains, since its feature blocks are unknown."""

_SHIPPED_RECIPES: Mapping[str, Recipe] = {
    backbones[kind].name: recipes[kind]
    for backbones, recipes in ((DEFAULT_BACKBONES, RECIPES), (ACCURATE_BACKBONES, ACCURATE_RECIPES))
    for kind in recipes
}


@dataclass(frozen=True, slots=True)
class LossCheck:
    """Losses of the heads of one modality at one step of the solver.

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


@dataclass(frozen=True, slots=True)
class ModalityModel:
    """Fitted model of one modality.

    Attributes:
        heads: Linear heads from features to raw outputs.
        calibration: Calibration of the raw outputs.
    """

    heads: Heads
    calibration: OutputCalibration


@dataclass(frozen=True, slots=True)
class FittedAttune:
    """Fitted models of both modalities, which share one embedding space.

    Attributes:
        modalities: The model of each modality.
        kernel_config: Configuration of the kernel map.
        reads: Name of the input that is read.
        curve: Losses on the inner folds.
    """

    modalities: Mapping[Kind, ModalityModel]
    kernel_config: KernelConfig
    reads: InputName = "features"
    curve: list[LossCheck] = field(default_factory=list)

    @property
    def parameters(self) -> int:
        """Number of learnt parameters."""
        return sum(side.heads.weights.size + side.heads.bias.size for side in self.modalities.values())

    def tower(self, kind: Kind, widen: nn.Module) -> Tower:
        """Return one modality's tower for export, in evaluation mode.

        Args:
            kind: The modality.
            widen: Module from a backbone's features to the input of the heads (`attune.training.conse`).
        """
        side = self.modalities[kind]
        return Tower(widen, side.heads, KernelMap(side.calibration, kind, self.kernel_config)).eval()

    def scores(self, images: LabelledFeatures, music: LabelledFeatures) -> NDArray[np.float32]:
        """Return the inner products of all pairs, (I, M)."""
        return self.embed(images).vectors @ self.embed(music).vectors.T

    def embed(self, data: LabelledFeatures) -> Embeddings:
        """Return embeddings (N, 128), unit length, and affect."""
        features = torch.from_numpy(np.asarray(data.inputs[self.reads], np.float32))
        with torch.no_grad():
            vectors, affect = self.tower(data.kind, nn.Identity()).read(features)
        return Embeddings(vectors.numpy(), affect.numpy())


@dataclass(frozen=True, slots=True)
class Attune:
    """Attune's system.

    Attributes:
        name: Name of the system in tables.
        recipes: Hyperparameters of the heads of each modality.
        kernel_config: Configuration of the kernel map.
        reads: Name of the input that is read.
    """

    name: str = "Attune"
    recipes: Mapping[Kind, Recipe] = field(default_factory=lambda: RECIPES)
    kernel_config: KernelConfig = DEFAULT_KERNEL_CONFIG
    reads: InputName = "features"

    @property
    def needs(self) -> Mapping[Kind, tuple[InputName, ...]]:
        """Inputs that the system reads, by modality."""
        return {"image": (self.reads,), "music": (self.reads,)}

    def fit(self, images: LabelledFeatures, music: LabelledFeatures, seed: int) -> FittedAttune:
        """Train on labelled images and music.

        The number of steps and the calibration of the heads' outputs are determined by cross-validation on
        inner folds; then the heads are trained on all rows.

        Raises:
            UsageError: There are fewer groups than inner folds.
        """
        curve: list[LossCheck] = []
        modalities = {side.kind: self._fit_modality(side, seed, curve) for side in (images, music)}
        return FittedAttune(modalities, self.kernel_config, self.reads, curve)

    def _fit_modality(self, side: LabelledFeatures, seed: int, curve: list[LossCheck]) -> ModalityModel:
        features, recipe = np.asarray(side.inputs[self.reads], np.float32), self.recipes[side.kind]
        folds = assign_folds(side.rows, side.kind, seed, INNER_FOLDS)
        steps, raw = predict_out_of_fold(features, side, folds, recipe, curve)
        heads = fit_heads(features, side.targets, recipe, steps)
        return ModalityModel(heads, fit_output_calibration(raw, side.targets))


def create_attune(backbones: Mapping[Kind, Backbone]) -> Attune:
    """Return Attune's system with the hyperparameters for the features of these backbones."""
    return Attune(
        recipes={
            kind: _SHIPPED_RECIPES[backbone.name] if is_shipped(backbone) else CUSTOM_RECIPES[kind]
            for kind, backbone in backbones.items()
        }
    )


ATTUNE_ACCURATE = Attune("Attune, accurate", ACCURATE_RECIPES, reads="accurate features")
"""System of the network `accurate`, for the comparison of systems."""


def predict_out_of_fold(
    features: NDArray[np.float32],
    side: LabelledFeatures,
    folds: NDArray[np.int64],
    recipe: Recipe,
    curve: list[LossCheck],
) -> tuple[int, NDArray[np.float32]]:
    """Predict every row with heads that are trained on the other folds, with early stopping.

    Args:
        features: float32 (N, D).
        side: The N labelled files.
        folds: int64 (N,), fold of each row.
        recipe: Hyperparameters of the heads.
        curve: List that every evaluation of the held-out loss is appended to.

    Returns:
        The number of steps with the smallest held-out loss summed over the folds, and the raw outputs (N, 5)
        after that many steps.
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
    """Train without one fold; return, by step, the raw outputs (K, 5) for that fold and the loss on it."""
    learn, held_out = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
    checks: dict[int, tuple[NDArray[np.float32], float]] = {}

    def check_held_out(step: int, loss: float, heads: Heads) -> bool:
        predicted = heads.raw(features[held_out])
        validation_loss = held_out_loss(predicted, side.targets[held_out], recipe.point_share)
        checks[step] = predicted, validation_loss
        curve.append(LossCheck(side.kind, fold, step, loss, validation_loss))
        best = min(checks, key=lambda checked_step: checks[checked_step][1])
        return step - best >= PATIENCE * CHECK_EVERY

    fit_heads(features[learn], side.targets[learn], recipe, MAX_STEPS, check_held_out)
    return checks
