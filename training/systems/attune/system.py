"""The system: heads trained per modality, calibrated out of fold, mapped into one space.

Heads for polarity, valence and arousal are trained per modality on file labels; no image–music pairs are
sampled, since towers trained on pairs ordered held-out files no better (docs/experiments.md).
`attune.training.systems.attune.mood_space` maps the outputs of both modalities into one space.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from attune.embedding.affect import POLARITY_COLUMNS
from attune.embedding.backbones import ACCURATE_BACKBONES, DEFAULT_BACKBONES, Backbone
from attune.embedding.media_files import Kind
from attune.training.assign_folds import assign_folds
from attune.training.conse import build_feature_expansion, expanded_layout
from attune.training.linear_heads import CHECK_EVERY, HeadRecipe, Heads, Recipe, Tower, fit_heads
from attune.training.losses import RAW_OUTPUTS, held_out_loss
from attune.training.systems.attune.mood_space import (
    DEFAULT_SPACE,
    MoodSpace,
    OutputCalibration,
    SpaceConfig,
)
from attune.training.systems.attune.output_calibration import fit_output_calibration
from attune.training.systems.base import (
    BackboneFeatures,
    Embeddings,
    LabelledFeatures,
    LossCheck,
    Needs,
)

INNER_FOLDS = 3
MAX_STEPS = 80
PATIENCE = 2
"""Evaluations of the held-out loss without an improvement before training stops."""

RECIPES: Mapping[Kind, Recipe] = {
    "image": Recipe(
        classes=HeadRecipe(1.0, {"pooled": 0.5, "meaning": 2.0, "faces": 3.2}),
        affect=HeadRecipe(0.0012, {"pooled": 0.7}),
        least_steps=40,
    ),
    "music": Recipe(classes=HeadRecipe(0.3), affect=HeadRecipe(0.0012), quadrant_share=1.0),
}
"""Hyperparameters of the heads; chosen by cross-validation."""


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
        space: Hyperparameters of the affective space.
        backbones: The backbone of each modality, whose features are read.
        curve: Losses on the inner folds.
    """

    modalities: Mapping[Kind, ModalityModel]
    space: SpaceConfig
    backbones: Mapping[Kind, Backbone]
    curve: list[LossCheck] = field(default_factory=list)

    @property
    def parameters(self) -> int:
        """Number of learnt parameters."""
        return sum(side.heads.weights.size + side.heads.bias.size for side in self.modalities.values())

    def tower(self, kind: Kind) -> Tower:
        """Return one modality's tower for export, in evaluation mode."""
        return self._build_tower(kind, build_feature_expansion(self.backbones[kind]))

    def scores(self, images: LabelledFeatures, music: LabelledFeatures) -> NDArray[np.float32]:
        """Return the inner products of all pairs, (I, M)."""
        return self.embed(images).vectors @ self.embed(music).vectors.T

    def correspondence(self, images: LabelledFeatures, music: LabelledFeatures) -> NDArray[np.float32]:
        """Return the chance that draws from both posteriors of polarity agree, (I, M)."""
        sides = (self.embed(side).affect for side in (images, music))
        pictures, songs = (np.asarray(affect)[:, POLARITY_COLUMNS] for affect in sides)
        return np.asarray(pictures @ songs.T)

    def embed(self, data: LabelledFeatures) -> Embeddings:
        """Return embeddings (N, 128), unit length, and affect."""
        features = torch.from_numpy(data.features[self.backbones[data.kind]].values)
        with torch.no_grad():
            vectors, affect = self._build_tower(data.kind, nn.Identity())(features)
        return Embeddings(vectors.numpy(), affect.numpy())

    def _build_tower(self, kind: Kind, widen: nn.Module) -> Tower:
        side = self.modalities[kind]
        return Tower(widen, side.heads, MoodSpace(side.calibration, kind, self.space)).eval()


@dataclass(frozen=True, slots=True)
class Attune:
    """Attune's system.

    Attributes:
        name: Name of the system in tables.
        backbones: The backbone of each modality, whose features are read.
        recipes: Hyperparameters of the heads of each modality.
        space: Hyperparameters of the affective space.
    """

    name: str = "Attune"
    backbones: Mapping[Kind, Backbone] = field(default_factory=lambda: DEFAULT_BACKBONES)
    recipes: Mapping[Kind, Recipe] = field(default_factory=lambda: RECIPES)
    space: SpaceConfig = DEFAULT_SPACE

    @property
    def needs(self) -> Needs:
        """Inputs that the system reads, by modality."""
        return {kind: (backbone,) for kind, backbone in self.backbones.items()}

    @property
    def hyperparameters(self) -> Mapping[str, Any]:
        """Space and recipes as `network.json` records them, with the gains of blocks that there are."""
        return {
            "space": asdict(self.space),
            "recipes": {kind: self._describe_recipe(kind) for kind in self.recipes},
        }

    def with_backbones(self, backbones: Mapping[Kind, Backbone]) -> Attune:
        """Return the system with another backbone for each given modality."""
        return replace(self, backbones={**self.backbones, **backbones})

    def fit(self, images: LabelledFeatures, music: LabelledFeatures, seed: int) -> FittedAttune:
        """Train on labelled images and music.

        The number of steps and the calibration of the heads' outputs are determined by cross-validation on
        inner folds; then the heads are trained on all rows.

        Raises:
            UsageError: There are fewer groups than inner folds.
        """
        curve: list[LossCheck] = []
        modalities = {side.kind: self._fit_modality(side, seed, curve) for side in (images, music)}
        return FittedAttune(modalities, self.space, self.backbones, curve)

    def _describe_recipe(self, kind: Kind) -> dict[str, Any]:
        blocks = expanded_layout(self.backbones[kind]).names
        recipe = asdict(self.recipes[kind])
        for heads in (recipe["classes"], recipe["affect"]):
            heads["gains"] = {block: gain for block, gain in heads["gains"].items() if block in blocks}
        return recipe

    def _fit_modality(self, side: LabelledFeatures, seed: int, curve: list[LossCheck]) -> ModalityModel:
        features, recipe = side.features[self.backbones[side.kind]], self.recipes[side.kind]
        folds = assign_folds(side.rows, side.kind, seed, INNER_FOLDS)
        steps, raw = predict_out_of_fold(features, side, folds, recipe, curve)
        heads = fit_heads(features, side.targets, recipe, steps)
        return ModalityModel(heads, fit_output_calibration(raw, side.targets))


ATTUNE_ACCURATE = Attune(
    "Attune, accurate",
    ACCURATE_BACKBONES,
    {
        **RECIPES,
        "image": replace(
            RECIPES["image"], affect=HeadRecipe(0.0012, {"pooled": 0.7, "meaning": 2.0, "faces": 2.0})
        ),
    },
)
"""The same system on slower, more accurate backbones."""


def predict_out_of_fold(
    features: BackboneFeatures,
    side: LabelledFeatures,
    folds: NDArray[np.int64],
    recipe: Recipe,
    curve: list[LossCheck],
) -> tuple[int, NDArray[np.float32]]:
    """Predict every row with heads that are trained on the other folds, with early stopping.

    Args:
        features: Features of N files.
        side: The N labelled files.
        folds: int64 (N,), fold of each row.
        recipe: Hyperparameters of the heads.
        curve: List that every evaluation of the held-out loss is appended to.

    Returns:
        The number of steps, at least those of the recipe, with the smallest held-out loss summed over the
        folds, and the raw outputs (N, 9) after that many steps.
    """
    checks_by_fold = [
        _fit_without_fold(features, side, folds, fold, recipe, curve) for fold in range(int(folds.max()) + 1)
    ]
    common = min(checks_by_fold, key=len)
    allowed = [step for step in common if step >= recipe.least_steps]
    best = min(allowed, key=lambda step: sum(checks[step][1] for checks in checks_by_fold))
    raw = np.zeros((len(side), RAW_OUTPUTS), np.float32)
    for fold, checks in enumerate(checks_by_fold):
        raw[folds == fold] = checks[best][0]
    return best, raw


def _fit_without_fold(
    features: BackboneFeatures,
    side: LabelledFeatures,
    folds: NDArray[np.int64],
    fold: int,
    recipe: Recipe,
    curve: list[LossCheck],
) -> dict[int, tuple[NDArray[np.float32], float]]:
    """Train without one fold; return, by step, the raw outputs (K, 9) for that fold and the loss on it."""
    learn, held_out = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
    checks: dict[int, tuple[NDArray[np.float32], float]] = {}

    def check_held_out(step: int, loss: float, heads: Heads) -> bool:
        predicted = heads.raw(features[held_out].values)
        validation_loss = held_out_loss(predicted, side.targets[held_out])
        checks[step] = predicted, validation_loss
        curve.append(LossCheck(side.kind, fold, step, loss, validation_loss))
        best = min(checks, key=lambda checked_step: checks[checked_step][1])
        return step >= recipe.least_steps and step - best >= PATIENCE * CHECK_EVERY

    fit_heads(features[learn], side.targets[learn], recipe, MAX_STEPS, check_held_out)
    return checks
