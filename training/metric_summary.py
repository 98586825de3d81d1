"""Summary of out-of-fold figures: mean over the folds, then mean and deviation over the fold seeds."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from attune.embedding.affect import POLARITY_COLUMNS, TOLD_COLUMNS
from attune.training.cross_validation import OutOfFoldPredictions
from attune.training.manifest import LabelledRow, group_names, polarity_codes, ratings, reference_points
from attune.training.metrics import (
    calibration_error,
    measure_distinctness,
    measure_graded_affect,
    measure_polarity,
    measure_probe,
    measure_retrieval,
    pair_accuracy,
    pair_auc,
    pearson,
    rating_slope,
    sign_accuracy,
)


def summarize_seed(
    results: Sequence[OutOfFoldPredictions],
    probabilities: Sequence[NDArray[np.float64]],
    images: Sequence[LabelledRow],
    music: Sequence[LabelledRow],
) -> dict[str, float]:
    """Return the figures of one fold seed, each the mean over the folds where it is defined.

    Args:
        results: The predictions of each fold.
        probabilities: The calibrated pair probabilities (I, M) of each fold.
        images: All image rows.
        music: All music rows.
    """
    per_fold = [
        compute_fold_metrics(predictions, fold_probabilities, images, music)
        for predictions, fold_probabilities in zip(results, probabilities, strict=True)
    ]
    figures = {
        name: _average_finite([fold_figures[name] for fold_figures in per_fold]) for name in per_fold[0]
    }
    if results[0].image_affect.size:
        image_rows = [images[i] for predictions in results for i in predictions.images]
        music_rows = [music[i] for predictions in results for i in predictions.music]
        figures |= _measure_affect(
            image_rows, np.concatenate([predictions.image_affect for predictions in results]), "image"
        )
        figures |= _measure_affect(
            music_rows, np.concatenate([predictions.music_affect for predictions in results]), "music"
        )
    return figures


def summarize_seeds(seeds: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return each figure's mean over the fold seeds and, as `… spread`, its standard deviation."""
    statistics: dict[str, float] = {}
    for name in seeds[0]:
        values = np.array([seed[name] for seed in seeds])
        if np.isfinite(values).all():
            statistics[name] = round(float(values.mean()), 4)
            statistics[f"{name} spread"] = round(float(values.std()), 4)
    return statistics


def compute_fold_metrics(
    result: OutOfFoldPredictions,
    probabilities: NDArray[np.float64],
    all_images: Sequence[LabelledRow],
    all_music: Sequence[LabelledRow],
) -> dict[str, float]:
    """Return the figures of one fold: pairs, retrieval both ways, distinctness, graded affect, probes.

    Args:
        result: The predictions of the fold.
        probabilities: Its calibrated pair probabilities, (I, M).
        all_images: All image rows, which the positions in `result` refer to.
        all_music: All music rows.
    """
    images, music = [all_images[i] for i in result.images], [all_music[i] for i in result.music]
    image_polarity, music_polarity = polarity_codes(images), polarity_codes(music)
    graded = measure_graded_affect(
        result.scores, reference_points(images), reference_points(music), image_polarity, music_polarity
    )
    figures = {
        "accuracy": pair_accuracy(probabilities, image_polarity, music_polarity),
        "auc": pair_auc(probabilities, image_polarity, music_polarity),
        "ece": calibration_error(probabilities, image_polarity, music_polarity),
        **_measure_direction("music to image", result.scores.T, music_polarity, image_polarity),
        **_measure_direction("image to music", result.scores, image_polarity, music_polarity),
        "spearman": graded.spearman,
        "spearman within": graded.spearman_within,
    }
    for kind, vectors, rows in (
        ("image", result.image_vectors, images),
        ("music", result.music_vectors, music),
    ):
        if vectors.size:
            probe = measure_probe(vectors, polarity_codes(rows), group_names(rows))
            figures[f"{kind} probe"] = probe.accuracy
            figures[f"{kind} probe, balanced"] = probe.balanced_accuracy
    for image_set in sorted({row.set for row in images}):
        for music_set in sorted({row.set for row in music}):
            polarities = mask_other_sets(images, {image_set}), mask_other_sets(music, {music_set})
            figures[f"accuracy {image_set} x {music_set}"] = pair_accuracy(probabilities, *polarities)
    return figures


def mask_other_sets(rows: Sequence[LabelledRow], sets: Collection[str]) -> NDArray[np.int8]:
    """Return polarity codes (N,), -1 for rows of other sets; an empty `sets` keeps every row's code."""
    in_sets = np.array([not sets or row.set in sets for row in rows], bool)
    return np.where(in_sets, polarity_codes(rows), -1).astype(np.int8)


def _measure_direction(
    way: str,
    scores: NDArray[np.float32],
    query_polarity: NDArray[np.int8],
    gallery_polarity: NDArray[np.int8],
) -> dict[str, float]:
    quality, spread = (
        measure_retrieval(scores, query_polarity, gallery_polarity),
        measure_distinctness(scores),
    )
    return {
        f"{way} p@1": quality.p_at_1,
        f"{way} p@10": quality.p_at_10,
        f"{way} mrr": quality.mrr,
        f"{way} ndcg@10": quality.ndcg_at_10,
        f"{way} chance": quality.chance_p,
        f"{way} coverage": spread.coverage / spread.chance_coverage,
        f"{way} hub lift": spread.hub_lift,
    }


def _measure_affect(rows: Sequence[LabelledRow], affect: NDArray[np.float32], kind: str) -> dict[str, float]:
    """Return how well affect is predicted for one modality, by data set, and the slopes over all sets."""
    figures = {}
    shown, sets = affect[:, TOLD_COLUMNS], [row.set for row in rows]
    for axis, name in enumerate(("valence", "arousal")):
        figures[f"{kind} {name} slope"] = rating_slope(shown[:, axis], ratings(rows)[:, axis], sets)
    for one_set in sorted(set(sets)):
        in_set = np.array([row.set == one_set for row in rows])
        own = [row for row in rows if row.set == one_set]
        rated, points = ratings(own), reference_points(own)
        polarity = measure_polarity(affect[in_set, POLARITY_COLUMNS], polarity_codes(own))
        figures[f"{kind} {one_set} polarity"] = polarity.accuracy
        figures[f"{kind} {one_set} balanced polarity"] = polarity.balanced_accuracy
        for axis, name in enumerate(("valence", "arousal")):
            predicted = shown[in_set, axis]
            figures[f"{kind} {one_set} {name} r"] = pearson(predicted, rated[:, axis])
            figures[f"{kind} {one_set} {name} sign"] = sign_accuracy(predicted, points[:, axis])
    return figures


def _average_finite(values: Sequence[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")
