"""Attune's own system: linear heads on rich features, read out of fold, in a space of two kernels.

The heads learn polarity, valence and arousal of one modality at a time; no pair is ever drawn, since pairs
hold nothing that the labels of their files do not. `training.systems.space` makes one space of both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from attune.embedding.backbones import ACCURATE, BACKBONES, Backbone
from attune.embedding.card import is_shipped
from attune.embedding.media import Kind
from attune.training.calibration import fit_reading
from attune.training.fit import CHECK_EVERY, Heads, Recipe, fit_heads
from attune.training.folds import deal
from attune.training.losses import held_out_loss
from attune.training.semantics import LENGTH
from attune.training.systems.pair_learning import digest
from attune.training.systems.space import SHAPE, Reading, Shape, Space, Tower
from attune.training.systems.system import Input, Material, Projected

INNER_FOLDS = 3
MOST_STEPS = 80
PATIENCE = 2
"""Looks at the held-out loss without a gain before learning stops."""

_IMAGE_WIDTH = 2528

RECIPES: Mapping[Kind, Recipe] = {
    "image": Recipe(
        l2=1.0, point_share=0.15, gains=((0, 1280, 0.5), (_IMAGE_WIDTH, _IMAGE_WIDTH + LENGTH, 2.0))
    ),
    "music": Recipe(l2=0.3, point_share=0.3, quadrant_share=1.0),
}
"""How heads learn from the features of the network `attune`; chosen by cross-validation."""

ACCURATE_RECIPES: Mapping[Kind, Recipe] = {
    # Pooled; meaning; what the faces express; what that was read from (`training.convert.image_and_faces`).
    "image": Recipe(l2=1.0, point_share=0.15, gains=((0, 1280, 0.5), (2640, 3024, 2.0), (3024, 3049, 3.2))),
    "music": RECIPES["music"],
}
"""The same from those of `accurate`."""

BROUGHT: Mapping[Kind, Recipe] = {
    "image": Recipe(l2=1.0, point_share=0.15),
    "music": RECIPES["music"],
}
"""The same from those of any other backbone: of its features nothing is known beforehand."""

_KNOWN: Mapping[str, Recipe] = {
    backbones[kind].name: recipes[kind]
    for backbones, recipes in ((BACKBONES, RECIPES), (ACCURATE, ACCURATE_RECIPES))
    for kind in recipes
}


@dataclass(frozen=True, slots=True)
class Check:
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
class Side:
    """What is learnt of one modality.

    Attributes:
        heads: From features to raw outputs.
        reading: How these are read.
    """

    heads: Heads
    reading: Reading


@dataclass(frozen=True, slots=True)
class FittedAttune:
    """Both modalities, in one space.

    Attributes:
        sides: What was learnt of each.
        shape: Shape of the space.
        reads: Which features.
        curve: How learning went on the inner folds.
    """

    sides: Mapping[Kind, Side]
    shape: Shape
    reads: Input = "features"
    curve: list[Check] = field(default_factory=list)

    @property
    def parameters(self) -> int:
        """Numbers that were learnt."""
        return sum(side.heads.weights.size + side.heads.bias.size for side in self.sides.values())

    def tower(self, kind: Kind, widen: nn.Module) -> Tower:
        """Return one modality's tower, in evaluation mode: what is exported.

        Args:
            kind: The modality.
            widen: What makes of a backbone's features those that were learnt from (`training.semantics`).
        """
        side = self.sides[kind]
        return Tower(widen, side.heads, Space(side.reading, kind, self.shape)).eval()

    def scores(self, images: Material, music: Material) -> NDArray[np.float32]:
        """Return the inner products of all pairs, (I, M)."""
        return self.embed(images).vectors @ self.embed(music).vectors.T

    def embed(self, material: Material) -> Projected:
        """Return embeddings (N, 128), unit length, and affect."""
        features = torch.from_numpy(np.asarray(material.inputs[self.reads], np.float32))
        with torch.no_grad():
            vectors, affect = self.tower(material.kind, nn.Identity()).read(features)
        return Projected(vectors.numpy(), affect.numpy())


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
    shape: Shape = SHAPE
    reads: Input = "features"

    @property
    def needs(self) -> Mapping[Kind, tuple[Input, ...]]:
        """Inputs that it reads, by modality."""
        return {"image": (self.reads,), "music": (self.reads,)}

    @property
    def version(self) -> str:
        """Short digest of everything that decides what is learnt."""
        return digest(self, INNER_FOLDS, MOST_STEPS, PATIENCE, 1)

    def fit(self, images: Material, music: Material, seed: int) -> FittedAttune:
        """Learn from labelled images and music.

        How long to learn, and how the heads' outputs are read, is found on inner folds that the heads did not
        see; then heads are learnt on everything.

        Raises:
            UsageError: There are too few groups.
        """
        curve: list[Check] = []
        sides = {side.kind: self._side(side, seed, curve) for side in (images, music)}
        return FittedAttune(sides, self.shape, self.reads, curve)

    def _side(self, side: Material, seed: int, curve: list[Check]) -> Side:
        features, recipe = np.asarray(side.inputs[self.reads], np.float32), self.recipes[side.kind]
        folds = deal(side.rows, side.kind, seed, INNER_FOLDS)
        steps, raw = hold_out(features, side, folds, recipe, curve)
        heads = fit_heads(features, side.targets, recipe, steps)
        return Side(heads, fit_reading(raw, side.targets))


def attune_for(backbones: Mapping[Kind, Backbone]) -> Attune:
    """Return Attune's system for the features of these backbones."""
    return Attune(
        recipes={
            kind: _KNOWN[one.name] if is_shipped(one) else BROUGHT[kind] for kind, one in backbones.items()
        }
    )


ACCURATELY = Attune("Attune, accurate", ACCURATE_RECIPES, reads="accurate features")
"""The network `accurate` in the comparison of systems."""


def hold_out(
    features: NDArray[np.float32],
    side: Material,
    folds: NDArray[np.int64],
    recipe: Recipe,
    curve: list[Check],
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
    looks = [_watched(features, side, folds, fold, recipe, curve) for fold in range(int(folds.max()) + 1)]
    common = min(looks, key=len)
    best = min(common, key=lambda step: sum(look[step][1] for look in looks))
    raw = np.zeros((len(side), 5), np.float32)
    for fold, look in enumerate(looks):
        raw[folds == fold] = look[best][0]
    return best, raw


def _watched(
    features: NDArray[np.float32],
    side: Material,
    folds: NDArray[np.int64],
    fold: int,
    recipe: Recipe,
    curve: list[Check],
) -> dict[int, tuple[NDArray[np.float32], float]]:
    """Learn without one fold; return, by step, what is said of that fold (K, 5) and the loss there."""
    learn, held = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
    looks: dict[int, tuple[NDArray[np.float32], float]] = {}

    def look(step: int, loss: float, heads: Heads) -> bool:
        said = heads.raw(features[held])
        off = held_out_loss(said, side.targets[held], recipe.point_share)
        looks[step] = said, off
        curve.append(Check(side.kind, fold, step, loss, off))
        best = min(looks, key=lambda one: looks[one][1])
        return step - best >= PATIENCE * CHECK_EVERY

    fit_heads(features[learn], side.targets[learn], recipe, MOST_STEPS, look)
    return looks
