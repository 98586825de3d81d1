"""Plots of a training run. Uses Matplotlib's Figure directly, without the global state of pyplot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attune.embedding.media_files import Kind

if TYPE_CHECKING:
    from attune.training.systems.base import LossCheck

_COLOURS: dict[Kind, str] = {"image": "#1f6fb4", "music": "#b4431f"}
_DPI = 120


def plot_curves(curve: Sequence[LossCheck], file: Path) -> None:
    """Plot the losses of each modality over the solver's steps, one line per inner fold; write a PNG."""
    figure, axes = _figure(2)
    for ax, kind in zip(axes, _COLOURS, strict=True):
        folds = sorted({check.fold for check in curve if check.kind == kind})
        for fold in folds:
            checks = [check for check in curve if check.kind == kind and check.fold == fold]
            steps = [check.step for check in checks]
            first = fold == folds[0]
            ax.plot(
                steps,
                [check.held_out for check in checks],
                color=_COLOURS[kind],
                label="held out" if first else None,
            )
            ax.plot(
                steps,
                [check.loss for check in checks],
                color=_COLOURS[kind],
                linestyle=":",
                label="learnt, with penalty" if first else None,
            )
        ax.set_title(f"{kind}: {len(folds)} inner folds")
        ax.set_xlabel("step")
        ax.set_ylabel("loss")
        ax.legend(frameon=False)
    figure.savefig(file, dpi=_DPI)


def plot_reliability(reliability_bins: NDArray[np.float64], file: Path) -> None:
    """Draw a reliability diagram and the histogram of predicted probabilities; write a PNG.

    Args:
        reliability_bins: (3, bins) of `attune.training.metrics.reliability`.
        file: The PNG.
    """
    figure, (ax, shares) = _figure(2)
    mass, probability, true = reliability_bins
    occupied = mass > 1e-4
    ax.plot([0, 1], [0, 1], color="#cccccc", linewidth=1)
    ax.plot(
        probability[occupied] / mass[occupied], true[occupied] / mass[occupied], "o-", color=_COLOURS["image"]
    )
    ax.set_xlabel("predicted probability")
    ax.set_ylabel("share of true pairs")
    ax.set_title(f"Out of fold: calibration error {np.abs(probability - true).sum():.3f}")
    width = 1 / len(mass)
    shares.bar((np.arange(len(mass)) + 0.5) * width, mass, 0.9 * width, color=_COLOURS["image"])
    shares.set_xlim(0, 1)
    shares.set_xlabel("predicted probability")
    shares.set_ylabel("share of pairs")
    shares.set_title("How often")
    figure.savefig(file, dpi=_DPI)


def _figure(columns: int) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5 * columns, 4), layout="constrained")
    return figure, figure.subplots(1, columns)
