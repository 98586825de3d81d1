"""Linear heads of a tower, fitted by convex optimisation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from attune.training.losses import Targets, head_loss, merge_quadrant_logits, quadrant_loss

CLIP = 6.0
"""Standard deviations at which a feature is clipped, to limit the outputs for unusual pictures."""

CHECK_EVERY = 10
"""Steps between two evaluations of the held-out loss."""

_SET_SHIFT_L2 = 0.02


@dataclass(frozen=True, slots=True)
class Recipe:
    """Hyperparameters of the heads of one modality; chosen by cross-validation (docs/experiments.md).

    Attributes:
        l2: Weight of the squared norm of the heads.
        point_share: Weight of the squared error of valence and arousal, relative to the cross-entropy of
            polarity. The smaller it is, the stronger these two heads are regularised.
        quadrant_share: Weight of the cross-entropy of quadrants, relative to that of polarity. Above 0, the
            heads have a logit for each quadrant, from which polarity is computed.
        gains: Blocks of features as (first column, last column + 1, gain). A gain below 1 penalises the
            weights of a block more strongly.
    """

    l2: float
    point_share: float = 1.0
    quadrant_share: float = 0.0
    gains: tuple[tuple[int, int, float], ...] = ()


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
        """Return the raw outputs (N, 5) of features (N, D): logits of polarity, valence, arousal."""
        standard = np.clip((features - self.mean) / self.scale, -CLIP, CLIP)
        outputs = torch.from_numpy(standard @ self.weights + self.bias)
        return (merge_quadrant_logits(outputs) if self.uses_quadrants else outputs).numpy()

    @property
    def uses_quadrants(self) -> bool:
        """Whether there is a logit for each quadrant, from which the logits of polarity are computed."""
        return len(self.bias) == 6


def fit_heads(
    features: NDArray[np.float32],
    targets: Targets,
    recipe: Recipe,
    steps: int,
    watch: Callable[[int, float, Heads], bool] | None = None,
) -> Heads:
    """Fit the heads of one modality by L-BFGS, starting from zero.

    Data sets differ in what they label positive or pleasant, so each set has a shift of its own on each
    output during training; the heads keep the mean shift as their bias. Stopping before the minimum
    regularises.

    Args:
        features: float32 (N, D).
        targets: Targets of the N items.
        recipe: The hyperparameters.
        steps: Largest number of steps, a multiple of `CHECK_EVERY`.
        watch: Called with the step, the loss and the heads every `CHECK_EVERY` steps; training stops when it
            returns True.

    Returns:
        The heads.
    """
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale = scale + 1e-3 * features.std()
    for first, last, gain in recipe.gains:
        scale[first:last] /= gain
    scale = scale.astype(np.float32)
    standard = torch.from_numpy(np.clip((features - mean) / scale, -CLIP, CLIP))
    set_index = torch.from_numpy(targets.sets)
    outputs = 6 if recipe.quadrant_share else 5
    weights = torch.zeros(standard.shape[1], outputs, requires_grad=True)
    shifts = torch.zeros(int(targets.sets.max()) + 1, outputs, requires_grad=True)
    solver = torch.optim.LBFGS([weights, shifts], max_iter=CHECK_EVERY, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        solver.zero_grad()
        raw = standard @ weights + shifts[set_index]
        loss = head_loss(
            merge_quadrant_logits(raw) if recipe.quadrant_share else raw, targets, recipe.point_share
        )
        if recipe.quadrant_share:
            loss = loss + recipe.quadrant_share * quadrant_loss(raw, targets)
        loss = loss + 0.5 * recipe.l2 * (weights**2).sum() + 0.5 * _SET_SHIFT_L2 * (shifts**2).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    def snapshot_heads() -> Heads:
        return Heads(mean, scale, weights.detach().numpy().copy(), shifts.detach().numpy().mean(axis=0))

    for step in range(CHECK_EVERY, steps + 1, CHECK_EVERY):
        solver.step(closure)  # type: ignore[no-untyped-call]
        if watch is not None and watch(step, float(closure().detach()), snapshot_heads()):
            break
    return snapshot_heads()
