"""The heads of a tower: one convex problem, solved to its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from training.losses import Targets, head_loss

CLIP = 6.0
"""Standard deviations beyond which a feature is cut: a picture unlike all others must not run away."""

_SET_SHIFT_L2 = 0.02
_STEPS = 40


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the heads of one modality are learnt; chosen by cross-validation (docs/experiments.md).

    Attributes:
        l2: Weight of the squared norm of the heads.
        point_share: Weight of the squared error of valence and arousal beside polarity's cross-entropy;
            the smaller it is, the smoother are these two heads.
        gains: Blocks of features as (first, last, gain): a gain below 1 makes a block dearer to use.
        spans: Random spans that each piece of music is seen as, beside the whole.
    """

    l2: float
    point_share: float = 1.0
    gains: tuple[tuple[int, int, float], ...] = ()
    spans: int = 0


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


def seen_as(moments: Sequence[NDArray[np.float16]], spans: int, seed: int) -> tuple[NDArray[np.float32], ...]:
    """Average each item's moments: over the whole, and over `spans` random spans of it.

    A song is asked for whole, in part and by the moment, so the heads learn from all of these.

    Args:
        moments: For each of N items float16 (moments, D).
        spans: How many random spans.
        seed: Seed of where they lie.

    Returns:
        1 + spans arrays, float32 (N, D), the whole first.
    """
    random = np.random.default_rng(seed)
    views = [np.stack([one.astype(np.float32).mean(axis=0) for one in moments])]
    for _ in range(spans):
        views.append(np.stack([_random_span(one, random).mean(axis=0) for one in moments]))
    return tuple(views)


def fit_heads(views: Sequence[NDArray[np.float32]], targets: Targets, recipe: Recipe) -> Heads:
    """Fit the heads of one modality by L-BFGS.

    What one data set calls positive or pleasant may be another's neutral: while learning, every set has a
    shift of its own on each output; the heads keep the mean shift.

    Args:
        views: At least one array (N, D): the same N items, seen in several ways.
        targets: Of the N items.
        recipe: How to learn.

    Returns:
        The heads.
    """
    mean, scale = views[0].mean(axis=0), views[0].std(axis=0)
    scale = scale + 1e-3 * views[0].std()
    for first, last, gain in recipe.gains:
        scale[first:last] /= gain
    standard = [torch.from_numpy(np.clip((view - mean) / scale, -CLIP, CLIP)) for view in views]
    stacked, repeats = torch.cat(standard), len(views)
    set_of = torch.from_numpy(targets.sets).repeat(repeats)
    weights = torch.zeros(stacked.shape[1], 5, requires_grad=True)
    shifts = torch.zeros(int(targets.sets.max()) + 1, 5, requires_grad=True)
    solver = torch.optim.LBFGS([weights, shifts], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        solver.zero_grad()
        loss = head_loss(stacked @ weights + shifts[set_of], targets, recipe.point_share, repeats)
        loss = loss + 0.5 * recipe.l2 * (weights**2).sum() + 0.5 * _SET_SHIFT_L2 * (shifts**2).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    solver.step(closure)  # type: ignore[no-untyped-call]
    bias = shifts.detach().numpy().mean(axis=0)
    return Heads(mean, scale.astype(np.float32), weights.detach().numpy().copy(), bias)


def _random_span(moments: NDArray[np.float16], random: np.random.Generator) -> NDArray[np.float32]:
    length = int(random.choice([1, 3, len(moments)]))
    length = min(length, len(moments))
    first = int(random.integers(0, len(moments) - length + 1))
    return moments[first : first + length].astype(np.float32)
