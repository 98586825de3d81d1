"""Figures of out-of-fold blocks: mean over the folds, then mean and spread over the fold seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from training.crossval import Block
from training.losses import Targets
from training.manifest import Row, polarity_codes, ratings, reference_points
from training.metrics import (
    calibration_error,
    distinctness,
    graded_affect,
    pair_accuracy,
    pair_auc,
    pearson,
    precision_at,
    sign_accuracy,
)
from training.metrics.pairs import pair_truth, pair_weights

Probability = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def labelled_pairs(
    blocks: Sequence[Block], images: Targets, music: Targets
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """Gather the labelled pairs of blocks.

    Returns:
        Inner products, truth and weights, each (P,); the weights sum to 1 or, without true or without false
        pairs, there are no pairs.
    """
    gathered = []
    for block in blocks:
        felt = images.polarity[block.images].astype(np.int8), music.polarity[block.music].astype(np.int8)
        weights = pair_weights(*felt)
        counted = np.nan_to_num(weights) > 0
        gathered.append((block.inner[counted], pair_truth(*felt)[counted], weights[counted]))
    inner, truth, weights = (np.concatenate(parts) for parts in zip(*gathered, strict=True))
    return inner, truth, weights / max(float(weights.sum()), 1e-12)


def seed_figures(
    blocks: Sequence[Block], images: Sequence[Row], music: Sequence[Row], probability: Probability
) -> dict[str, float]:
    """Return the figures of one fold seed, each the mean over the folds that have it."""
    per_fold = [
        _pair_figures(block, [images[i] for i in block.images], [music[i] for i in block.music], probability)
        for block in blocks
    ]
    figures = {name: _mean([one[name] for one in per_fold]) for name in per_fold[0]}
    shown = [images[i] for block in blocks for i in block.images]
    played = [music[i] for block in blocks for i in block.music]
    figures |= _alone(shown, np.concatenate([block.image_affect for block in blocks]), "image")
    figures |= _alone(played, np.concatenate([block.music_affect for block in blocks]), "music")
    return figures


def summary(seeds: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return each figure's mean over the fold seeds and, as `… spread`, its standard deviation."""
    told: dict[str, float] = {}
    for name in seeds[0]:
        values = np.array([seed[name] for seed in seeds])
        if np.isfinite(values).all():
            told[name] = round(float(values.mean()), 4)
            told[f"{name} spread"] = round(float(values.std()), 4)
    return told


def _pair_figures(
    block: Block, images: Sequence[Row], music: Sequence[Row], probability: Probability
) -> dict[str, float]:
    inner, scores = block.inner, probability(block.inner)
    felt, heard = polarity_codes(images), polarity_codes(music)
    graded = graded_affect(inner, reference_points(images), reference_points(music), felt, heard)
    to_images, to_music = distinctness(inner.T), distinctness(inner)
    figures = {
        "accuracy": pair_accuracy(scores, felt, heard),
        "auc": pair_auc(scores, felt, heard),
        "ece": calibration_error(scores, felt, heard),
        "music to image p@10": precision_at(inner.T, heard, felt),
        "music to image coverage": to_images.coverage / to_images.chance_coverage,
        "music to image hub lift": to_images.hub_lift,
        "image to music p@10": precision_at(inner, felt, heard),
        "image to music coverage": to_music.coverage / to_music.chance_coverage,
        "image to music hub lift": to_music.hub_lift,
        "spearman": graded.spearman,
        "spearman within": graded.spearman_within,
    }
    for image_set in sorted({row.set for row in images}):
        for music_set in sorted({row.set for row in music}):
            of_image = np.where([row.set == image_set for row in images], felt, -1).astype(np.int8)
            of_music = np.where([row.set == music_set for row in music], heard, -1).astype(np.int8)
            figures[f"accuracy {image_set} x {music_set}"] = pair_accuracy(scores, of_image, of_music)
    return figures


def _alone(rows: Sequence[Row], affect: NDArray[np.float32], kind: str) -> dict[str, float]:
    """Return how well affect is told of one modality, set by set."""
    figures = {}
    said = np.argmax(affect[:, 2:], axis=1)
    for one_set in sorted({row.set for row in rows}):
        inside = np.array([row.set == one_set for row in rows])
        own = [row for row in rows if row.set == one_set]
        codes, rated, points = polarity_codes(own), ratings(own), reference_points(own)
        right = (said[inside] == codes)[codes >= 0]
        figures[f"{kind} {one_set} polarity"] = float(right.mean()) if right.size else float("nan")
        recalls = [np.mean(said[inside][codes == one] == one) for one in range(3) if (codes == one).any()]
        figures[f"{kind} {one_set} balanced polarity"] = float(np.mean(recalls)) if recalls else float("nan")
        for axis, name in enumerate(("valence", "arousal")):
            told = affect[inside, axis]
            figures[f"{kind} {one_set} {name} r"] = pearson(told, rated[:, axis])
            figures[f"{kind} {one_set} {name} sign"] = sign_accuracy(told, points[:, axis])
    return figures


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")
