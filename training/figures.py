"""Figures of out-of-fold results: mean over the folds, then mean and spread over the fold seeds."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from attune.training.crossval import Result
from attune.training.manifest import Row, polarity_codes, ratings, reference_points
from attune.training.metrics import (
    calibration_error,
    distinctness,
    graded_affect,
    pair_accuracy,
    pair_auc,
    pearson,
    probe_quality,
    retrieval_quality,
    sign_accuracy,
)


def seed_figures(
    results: Sequence[Result],
    probabilities: Sequence[NDArray[np.float64]],
    images: Sequence[Row],
    music: Sequence[Row],
) -> dict[str, float]:
    """Return the figures of one fold seed, each the mean over the folds that have it.

    Args:
        results: What was said of each fold.
        probabilities: (I, M) of each fold, calibrated.
        images: All image rows.
        music: All music rows.
    """
    per_fold = [
        result_figures(one, told, images, music) for one, told in zip(results, probabilities, strict=True)
    ]
    figures = {name: _mean([one[name] for one in per_fold]) for name in per_fold[0]}
    if results[0].image_affect.size:
        shown = [images[i] for one in results for i in one.images]
        played = [music[i] for one in results for i in one.music]
        figures |= _alone(shown, np.concatenate([one.image_affect for one in results]), "image")
        figures |= _alone(played, np.concatenate([one.music_affect for one in results]), "music")
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


def result_figures(
    one: Result, told: NDArray[np.float64], all_images: Sequence[Row], all_music: Sequence[Row]
) -> dict[str, float]:
    """Return what one result is worth: pairs, retrieval both ways, distinctness, graded affect, probes.

    Args:
        one: The result.
        told: (I, M) its probabilities, calibrated.
        all_images: The rows that its positions count in.
        all_music: The same of music.
    """
    images, music = [all_images[i] for i in one.images], [all_music[i] for i in one.music]
    felt, heard = polarity_codes(images), polarity_codes(music)
    graded = graded_affect(one.scores, reference_points(images), reference_points(music), felt, heard)
    figures = {
        "accuracy": pair_accuracy(told, felt, heard),
        "auc": pair_auc(told, felt, heard),
        "ece": calibration_error(told, felt, heard),
        **_direction("music to image", one.scores.T, heard, felt),
        **_direction("image to music", one.scores, felt, heard),
        "spearman": graded.spearman,
        "spearman within": graded.spearman_within,
    }
    for kind, vectors, rows in (("image", one.image_vectors, images), ("music", one.music_vectors, music)):
        if vectors.size:
            probe = probe_quality(vectors, polarity_codes(rows), [f"{row.set}/{row.group}" for row in rows])
            figures[f"{kind} probe"] = probe.accuracy
            figures[f"{kind} probe, balanced"] = probe.balanced_accuracy
    for image_set in sorted({row.set for row in images}):
        for music_set in sorted({row.set for row in music}):
            within = of_sets(images, {image_set}), of_sets(music, {music_set})
            figures[f"accuracy {image_set} x {music_set}"] = pair_accuracy(told, *within)
    return figures


def of_sets(rows: Sequence[Row], sets: Collection[str]) -> NDArray[np.int8]:
    """Return polarity codes (N,), -1 for rows of other sets; no sets: of every row's."""
    inside = np.array([not sets or row.set in sets for row in rows], bool)
    return np.where(inside, polarity_codes(rows), -1).astype(np.int8)


def _direction(
    way: str,
    scores: NDArray[np.float32],
    query_polarity: NDArray[np.int8],
    gallery_polarity: NDArray[np.int8],
) -> dict[str, float]:
    quality, spread = retrieval_quality(scores, query_polarity, gallery_polarity), distinctness(scores)
    return {
        f"{way} p@1": quality.p_at_1,
        f"{way} p@10": quality.p_at_10,
        f"{way} mrr": quality.mrr,
        f"{way} ndcg@10": quality.ndcg_at_10,
        f"{way} chance": quality.chance_p,
        f"{way} coverage": spread.coverage / spread.chance_coverage,
        f"{way} hub lift": spread.hub_lift,
    }


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
