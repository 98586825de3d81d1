"""Calibration of the heads' raw outputs, fitted on out-of-fold outputs."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from attune.training.losses import Targets, balanced_weights
from attune.training.systems.attune.kernel_map import KNOTS, OutputCalibration


def fit_output_calibration(raw: NDArray[np.float32], targets: Targets) -> OutputCalibration:
    """Fit the calibration of raw outputs, on outputs of heads that have not seen the rows.

    Least squares shrinks predictions towards the mean where they are uncertain. Valence and arousal are
    stretched back, so that predictions spread as widely as the labels and a library's most pleasant and most
    unpleasant items differ visibly.

    Args:
        raw: Raw outputs, float32 (N, 5), out of fold.
        targets: Targets of the same N rows.

    Returns:
        The calibration.
    """
    temperature, bias = _fit_temperature(raw[:, :3], targets)
    slope, offset = np.ones(2, np.float32), np.zeros(2, np.float32)
    for axis in (0, 1):
        labels = targets.points[:, axis]
        known = ~np.isnan(labels)
        if known.sum() > 1:
            predicted, labelled_values = raw[known, 3 + axis], labels[known]
            slope[axis] = labelled_values.std() / max(float(predicted.std()), 1e-6)
            offset[axis] = labelled_values.mean() - slope[axis] * predicted.mean()
    knots = np.quantile(raw[:, 3:], np.linspace(0, 1, KNOTS), axis=0).T
    # Equal values would leave gaps of width zero between knots.
    knots = np.maximum.accumulate(knots, axis=1) + 1e-4 * np.arange(KNOTS)
    shares = np.exp(raw[:, :3] * temperature + bias)
    centred = shares / shares.sum(axis=1, keepdims=True) - 1.0 / 3.0
    lengths = np.quantile(np.linalg.norm(centred, axis=1), np.linspace(0, 1, KNOTS))
    # A uniform posterior has length 0, which cannot be divided by.
    lengths = np.maximum(lengths, 1e-3)
    return OutputCalibration(
        temperature, bias, slope, offset, knots.astype(np.float32), lengths.astype(np.float32)
    )


def _fit_temperature(logits: NDArray[np.float32], targets: Targets) -> tuple[float, NDArray[np.float32]]:
    """Return the factor and shift of the logits that fit the polarities best, classes weighted equally."""
    weights = torch.from_numpy(balanced_weights(targets.sets, targets.polarity))
    known = torch.from_numpy(targets.polarity.clip(min=0))
    logits_tensor = torch.from_numpy(logits)
    log_factor = torch.zeros(1, requires_grad=True)
    bias = torch.zeros(3, requires_grad=True)
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
