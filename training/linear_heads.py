"""Linear heads on a backbone's features, and the tower that exports them.

Classes (polarity, quadrants) are learnt by logistic regression, valence and arousal by ridge regression.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attune.embedding.feature_layout import FeatureLayout
from attune.training.losses import Targets, polarity_loss, quadrant_loss, unify_outputs
from attune.training.ridge_regression import fit_ridge
from attune.training.systems.base import BackboneFeatures

CLIP = 6.0
"""Standard deviations at which a feature is clipped, to limit the outputs for unusual pictures."""

CHECK_EVERY = 10
"""Steps between two evaluations of the held-out loss."""

_SET_SHIFT_L2 = 0.02


@dataclass(frozen=True, slots=True)
class HeadRecipe:
    """Hyperparameters of one group of heads; chosen by cross-validation (docs/experiments.md).

    Attributes:
        l2: Weight of the squared norm of the heads.
        gains: Factors of named blocks of features, where the features have them; 1 for the others. A gain
            below 1 penalises the weights of a block more strongly.
    """

    l2: float
    gains: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Hyperparameters of the heads of one modality.

    Attributes:
        classes: Of the logits of polarity or of quadrants.
        affect: Of valence and arousal; None if they are not learnt and stay 0.
        quadrant_share: Weight of the cross-entropy of quadrants, relative to that of polarity. Above 0, the
            heads have a logit for each quadrant, from which polarity is computed.
        least_steps: Steps of the solver before training may stop; a multiple of `CHECK_EVERY`.
    """

    classes: HeadRecipe
    affect: HeadRecipe | None = None
    quadrant_share: float = 0.0
    least_steps: int = CHECK_EVERY


@dataclass(frozen=True, slots=True)
class Heads:
    """Standardisation and linear heads: clip((features - mean) / scale) @ weights + bias.

    Attributes:
        mean: float32 (D,).
        scale: float32 (D,), above 0.
        weights: float32 (D, 5) for three logits of polarity, valence and arousal; or (D, 6) for four logits
            of quadrants, valence and arousal.
        bias: float32 (5,) or (6,).
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]

    def raw(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the raw outputs (N, 9) of features (N, D): see `attune.training.losses.unify_outputs`."""
        standard = np.clip((features - self.mean) / self.scale, -CLIP, CLIP)
        return unify_outputs(torch.from_numpy(standard @ self.weights + self.bias)).numpy()


def fit_heads(
    features: BackboneFeatures,
    targets: Targets,
    recipe: Recipe,
    steps: int,
    watch: Callable[[int, float, Heads], bool] | None = None,
) -> Heads:
    """Fit the heads of one modality.

    Data sets differ in what they label positive or pleasant, so each set has a shift of its own on each
    output during training; the heads keep the mean shift as their bias. The classes are fitted by L-BFGS,
    starting from zero; stopping before the minimum regularises.

    Args:
        features: Features of N files.
        targets: Targets of the N files.
        recipe: The hyperparameters.
        steps: Largest number of steps, a multiple of `CHECK_EVERY`.
        watch: Called with the step, the loss and the heads every `CHECK_EVERY` steps; training stops when it
            returns True.

    Returns:
        The heads.
    """
    values = features.values
    mean, scale = values.mean(axis=0), values.std(axis=0)
    scale = (scale + 1e-3 * values.std()).astype(np.float32)
    standard = np.clip((values - mean) / scale, -CLIP, CLIP)
    slopes, offsets = _fit_affect(standard, features.layout, targets, recipe.affect)
    gains = _spread_gains(features.layout, recipe.classes.gains)
    inputs = torch.from_numpy(standard * gains)
    set_index = torch.from_numpy(targets.sets)
    outputs = 4 if recipe.quadrant_share else 3
    weights = torch.zeros(standard.shape[1], outputs, requires_grad=True)
    shifts = torch.zeros(int(targets.sets.max()) + 1, outputs, requires_grad=True)
    unknown = torch.zeros(len(values), 2)
    solver = torch.optim.LBFGS([weights, shifts], max_iter=CHECK_EVERY, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        solver.zero_grad()
        raw = unify_outputs(torch.cat([inputs @ weights + shifts[set_index], unknown], dim=1))
        loss = polarity_loss(raw, targets)
        if recipe.quadrant_share:
            loss = loss + recipe.quadrant_share * quadrant_loss(raw, targets)
        squares = 0.5 * recipe.classes.l2 * (weights**2).sum() + 0.5 * _SET_SHIFT_L2 * (shifts**2).sum()
        loss = loss + squares
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    def snapshot_heads() -> Heads:
        classes, bias = weights.detach().numpy() * gains[:, None], shifts.detach().numpy().mean(axis=0)
        return Heads(mean, scale, np.concatenate([classes, slopes], axis=1), np.concatenate([bias, offsets]))

    for step in range(CHECK_EVERY, steps + 1, CHECK_EVERY):
        solver.step(closure)  # type: ignore[no-untyped-call]
        if watch is not None and watch(step, float(closure().detach()), snapshot_heads()):
            break
    return snapshot_heads()


def _fit_affect(
    standard: NDArray[np.float32], layout: FeatureLayout, targets: Targets, recipe: HeadRecipe | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return weights (D, 2) and bias (2,) of valence and arousal on standardised features (N, D)."""
    if recipe is None:
        return np.zeros((standard.shape[1], 2), np.float32), np.zeros(2, np.float32)
    gains = _spread_gains(layout, recipe.gains)
    slopes, offsets = zip(
        *[
            fit_ridge(standard * gains, goals, targets.reliance, targets.sets, recipe.l2)
            for goals in targets.points.T
        ],
        strict=True,
    )
    return np.stack(slopes, axis=1) * gains[:, None], np.array(offsets, np.float32)


def _spread_gains(layout: FeatureLayout, gains: Mapping[str, float]) -> NDArray[np.float32]:
    """Return the gain of each column, (D,)."""
    columns = np.ones(layout.width, np.float32)
    for block in layout.names:
        columns[layout.columns(block)] = gains.get(block, 1.0)
    return columns


class Tower(nn.Module):
    """Module from backbone features to embedding and affect, which is exported to ONNX.

    Args:
        widen: Module from backbone features (N, D) to the input of the heads (N, H).
        heads: Standardisation and linear heads.
        space: Module from raw outputs (N, 9) to embeddings (N, 128), unit length, and affect (N, 11).

    Attributes:
        mean: float32 (H,), mean of each input of the heads.
        scale: float32 (H,), divisor of each centred input, above 0.
        weights: float32 (H, 5) or (H, 6), weights of the heads as in `Heads`.
        raw_bias: float32 (5,) or (6,), bias of the heads.
    """

    mean: Tensor
    scale: Tensor
    weights: Tensor
    raw_bias: Tensor

    def __init__(self, widen: nn.Module, heads: Heads, space: nn.Module) -> None:
        super().__init__()
        self.widen = widen
        self.register_buffer("mean", torch.from_numpy(heads.mean))
        self.register_buffer("scale", torch.from_numpy(heads.scale))
        self.register_buffer("weights", torch.from_numpy(heads.weights))
        self.register_buffer("raw_bias", torch.from_numpy(heads.bias))
        self.space = space

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return embeddings (N, 128), unit length, and affect (N, 11) of features (N, D)."""
        widened = self.widen(features)
        standard = torch.clamp((widened - self.mean) / self.scale, -CLIP, CLIP)
        vectors, affect = self.space(unify_outputs(standard @ self.weights + self.raw_bias))
        return vectors, affect
