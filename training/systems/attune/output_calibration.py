"""Calibration of the heads' raw outputs, fitted on out-of-fold outputs."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from attune.training.losses import Targets, balanced_weights
from attune.training.systems.attune.mood_space import KNOTS, OutputCalibration

_FEWEST_RATINGS = 30


def fit_output_calibration(raw: NDArray[np.float32], targets: Targets) -> OutputCalibration:
    """Fit the calibration of raw outputs, on outputs of heads that have not seen the rows.

    Args:
        raw: Raw outputs, float32 (N, 9), out of fold.
        targets: Targets of the same N rows.

    Returns:
        The calibration.
    """
    polarity_factor, polarity_bias = _fit_temperature(raw[:, :3], targets.sets, targets.polarity)
    quadrant_factor, quadrant_bias = _fit_temperature(raw[:, 5:], targets.sets, targets.quadrants)
    lines = [_fit_ratings(raw[:, 3 + axis], targets, axis) for axis in (0, 1)]
    slope, offset = np.array(lines, np.float32).T
    knots = np.quantile(raw[targets.typical, 3:5], np.linspace(0, 1, KNOTS), axis=0).T
    # Equal values would leave gaps of width zero between knots.
    knots = np.maximum.accumulate(knots, axis=1) + 1e-4 * np.arange(KNOTS)
    return OutputCalibration(
        polarity_factor,
        polarity_bias,
        quadrant_factor,
        quadrant_bias,
        slope.copy(),
        offset.copy(),
        knots.astype(np.float32),
    )


def _fit_ratings(raw: NDArray[np.float32], targets: Targets, axis: int) -> tuple[float, float]:
    """Return slope and offset of the line from raw outputs (N,) to the ratings that are expected of people.

    The slope is that within the sets, since sets differ in what they call pleasant. Where few files are
    rated, the targets that stand for ratings take their place.
    """
    rated = targets.ratings[:, axis]
    labels = rated if (~np.isnan(rated)).sum() >= _FEWEST_RATINGS else targets.points[:, axis]
    known = ~np.isnan(labels)
    if known.sum() < 2:
        return 1.0, 0.0
    values, ratings, sets = (part[known].astype(np.float64) for part in (raw, labels, targets.sets))
    centred, goal = _subtract_means(values, sets), _subtract_means(ratings, sets)
    slope = max(float(centred @ goal) / max(float(centred @ centred), 1e-9), 0.0)
    return slope, float((ratings - slope * values).mean())


def _subtract_means(values: NDArray[np.float64], sets: NDArray[np.float64]) -> NDArray[np.float64]:
    _, member = np.unique(sets, return_inverse=True)
    return values - (np.bincount(member, values) / np.bincount(member))[member]


def _fit_temperature(
    logits: NDArray[np.float32], sets: NDArray[np.int64], classes: NDArray[np.int64]
) -> tuple[float, NDArray[np.float32]]:
    """Return the factor and shift of logits that fit the classes best, classes weighted equally.

    Args:
        logits: float32 (N, K).
        sets: int64 (N,), index of the set of each row.
        classes: int64 (N,), class of each row, -1 for rows that do not count.
    """
    weights = torch.from_numpy(balanced_weights(sets, classes))
    known = torch.from_numpy(classes.clip(min=0))
    logits_tensor = torch.from_numpy(logits)
    log_factor = torch.zeros(1, requires_grad=True)
    bias = torch.zeros(logits.shape[1], requires_grad=True)
    solver = torch.optim.LBFGS([log_factor, bias], max_iter=60, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        solver.zero_grad()
        scaled = logits_tensor * torch.exp(log_factor) + bias
        loss = (weights * functional.cross_entropy(scaled, known, reduction="none")).sum()
        loss = loss + 1e-3 * (bias**2).sum() + 1e-3 * (log_factor**2).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    solver.step(closure)  # type: ignore[no-untyped-call]
    return float(torch.exp(log_factor.detach()).item()), bias.detach().numpy().copy()
