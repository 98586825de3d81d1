"""The heads of a tower: one convex problem."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from training.losses import Targets, head_loss

CLIP = 6.0
"""Standard deviations beyond which a feature is cut: a picture unlike all others must not run away."""

_SET_SHIFT_L2 = 0.02
_STEPS = 40  # stopping here instead of at the minimum is a further, slight smoothing; 100 steps did worse


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the heads of one modality are learnt; chosen by cross-validation (docs/experiments.md).

    Attributes:
        l2: Weight of the squared norm of the heads.
        point_share: Weight of the squared error of valence and arousal beside polarity's cross-entropy;
            the smaller it is, the smoother are these two heads.
        gains: Blocks of features as (first, last, gain): a gain below 1 makes a block dearer to use.
    """

    l2: float
    point_share: float = 1.0
    gains: tuple[tuple[int, int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Heads:
    """Standardisation and linear heads: raw = clip((features - mean) / scale) @ weights + bias.

    Attributes:
        mean: float32 (D,).
        scale: float32 (D,), above 0.
        weights: float32 (D, 5): three logits of polarity, valence, arousal.
        bias: float32 (5,).
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]

    def raw(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the raw outputs (N, 5) of features (N, D)."""
        standard = np.clip((features - self.mean) / self.scale, -CLIP, CLIP)
        return np.asarray(standard @ self.weights + self.bias, np.float32)


def fit_heads(features: NDArray[np.float32], targets: Targets, recipe: Recipe) -> Heads:
    """Fit the heads of one modality by L-BFGS, from zero.

    What one data set calls positive or pleasant may be another's neutral: while learning, every set has a
    shift of its own on each output; the heads keep the mean shift.

    Args:
        features: float32 (N, D).
        targets: Of the N items.
        recipe: How to learn.

    Returns:
        The heads.
    """
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale = scale + 1e-3 * features.std()
    for first, last, gain in recipe.gains:
        scale[first:last] /= gain
    standard = torch.from_numpy(np.clip((features - mean) / scale, -CLIP, CLIP))
    set_of = torch.from_numpy(targets.sets)
    weights = torch.zeros(standard.shape[1], 5, requires_grad=True)
    shifts = torch.zeros(int(targets.sets.max()) + 1, 5, requires_grad=True)
    solver = torch.optim.LBFGS([weights, shifts], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        solver.zero_grad()
        loss = head_loss(standard @ weights + shifts[set_of], targets, recipe.point_share)
        loss = loss + 0.5 * recipe.l2 * (weights**2).sum() + 0.5 * _SET_SHIFT_L2 * (shifts**2).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    solver.step(closure)  # type: ignore[no-untyped-call]
    bias = shifts.detach().numpy().mean(axis=0)
    return Heads(mean, scale.astype(np.float32), weights.detach().numpy().copy(), bias)
