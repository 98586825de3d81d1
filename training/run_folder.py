"""Documentation of a training run: the folder `run/` with config, loss curves, reliability and figures."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attune.training.metrics import reliability
from attune.training.systems.base import LabelledFeatures, LossCheck

_LIBRARIES = ("numpy", "torch", "onnxruntime", "pillow", "av", "soundfile", "soxr")
_DISTRIBUTIONS = {"attune": "attune-affect"} | {name: name for name in _LIBRARIES}


def write_run(
    folder: Path,
    config: Mapping[str, Any],
    figures: Mapping[str, float],
    curve: Sequence[LossCheck],
    reliability_bins: NDArray[np.float64],
) -> None:
    """Write the run folder.

    Args:
        folder: The folder, which must not exist yet.
        config: The training record: data, hyperparameters and backbones.
        figures: Out-of-fold figures with their standard deviations over the fold seeds.
        curve: Losses during the training; without any, no curves are written.
        reliability_bins: (3, bins) of `average_reliability`.
    """
    from attune.training.plots import plot_curves, plot_reliability

    folder.mkdir()
    _write_json(folder / "config.json", {**config, "libraries": _library_versions()})
    _write_json(folder / "metrics.json", figures)
    if curve:
        _write_csv(
            folder / "curves.csv",
            ("kind", "fold", "step", "loss", "held_out"),
            (
                (check.kind, check.fold, check.step, f"{check.loss:.6f}", f"{check.held_out:.6f}")
                for check in curve
            ),
        )
        plot_curves(curve, folder / "curves.png")
    edges = np.linspace(0, 1, reliability_bins.shape[1] + 1)
    mass, probability, true = reliability_bins
    _write_csv(
        folder / "reliability.csv",
        ("from", "to", "share_of_pairs", "mean_probability", "share_true"),
        (
            (f"{low:.4f}", f"{high:.4f}", f"{m:.6f}", f"{p / m:.6f}", f"{t / m:.6f}")
            for low, high, m, p, t in zip(edges[:-1], edges[1:], mass, probability, true, strict=True)
            if m > 0
        ),
    )
    plot_reliability(reliability_bins, folder / "reliability.png")


def average_reliability(
    results: Iterable[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]],
    images: LabelledFeatures,
    music: LabelledFeatures,
) -> NDArray[np.float64]:
    """Return the mean of `reliability` over the folds of all seeds.

    Args:
        results: For each fold of each seed, the positions of its images (I,) and of its music (M,), and the
            probabilities of their pairs (I, M).
        images: Labelled pictures.
        music: Labelled music.

    Returns:
        (3, bins).
    """
    image_polarity, music_polarity = (side.targets.polarity.astype(np.int8) for side in (images, music))
    blocks = [
        reliability(probabilities, image_polarity[image_positions], music_polarity[music_positions])
        for image_positions, music_positions, probabilities in results
    ]
    known = [block for block in blocks if np.isfinite(block).all()]
    return np.asarray(np.mean(known, axis=0))


def _library_versions() -> dict[str, str]:
    versions = {}
    for name, distribution in _DISTRIBUTIONS.items():
        try:
            versions[name] = version(distribution)
        except PackageNotFoundError:
            continue
    return versions


def _write_json(file: Path, document: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _write_csv(file: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
