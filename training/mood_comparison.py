"""The mood measure of compared systems, out of fold, and of controls made of their outputs.

Mood is judged once over all judged files, never fold by fold: places are ranks among all of them, and so is
every gallery. `attune.training.all_pairs` says for which systems all pairs have a score. A system that scores
pairs only (ACP-Net, L3-Net) has no model that saw neither side of a pair across folds: of such a system only
the AUC over the pairs within folds is told, with the places and quadrants of all files, and no retrieval.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attune.embedding.affect import AFFECT_COLUMNS, PLACE_COLUMNS, POLARITY_COLUMNS, QUADRANT_COLUMNS
from attune.training.all_pairs import gather_embeddings, score_all_pairs
from attune.training.comparison import ALL_SETS, SetFilter, SystemResult
from attune.training.cross_validation import OutOfFoldPredictions
from attune.training.manifest import LabelledRow
from attune.training.metrics import (
    MoodLabels,
    MoodOrder,
    auc_replicates,
    measure_mood_order,
    pair_auc,
    pair_quadrants,
    percentile_interval,
    read_mood_labels,
    reliability,
)
from attune.training.mood_controls import ControlResult, SideOutputs, measure_controls
from attune.training.report_values import (
    average_documents,
    format_interval,
    format_mood_order,
    replace_nan,
)
from attune.training.systems.base import Embeddings, LabelledFeatures

MOOD_SETS: SetFilter = (("oasis",), ("4q_taffc", "musemo"))
"""Data sets that mood is judged on: people rated or tagged both valence and arousal, independently."""


@dataclass(frozen=True, slots=True)
class JudgedSide:
    """Files of one modality that mood is judged on.

    Attributes:
        positions: int64 (K,) positions of the files among all rows.
        labels: Their mood.
    """

    positions: NDArray[np.int64]
    labels: MoodLabels


@dataclass(frozen=True, slots=True)
class JudgedFiles:
    """Files of both modalities that mood is judged on."""

    images: JudgedSide
    music: JudgedSide


@dataclass(frozen=True, slots=True)
class SeedMood:
    """Mood of a system at one fold seed.

    Attributes:
        order: Figures of the system's order of all pairs; None if pairs across folds have no score.
        controls: Figures of the controls, made of the system's outputs; empty if they cannot be made.
        within_folds: For each fold, the AUC of its own pairs and its bootstrap replicates (R,).
    """

    order: MoodOrder | None
    controls: list[ControlResult]
    within_folds: list[tuple[float, NDArray[np.float64]]]


@dataclass(frozen=True, slots=True)
class SystemMood:
    """Mood of a system.

    Attributes:
        system: The system's name.
        seeds: Its figures at each fold seed.
    """

    system: str
    seeds: Sequence[SeedMood]


def select_judged(
    images: Sequence[LabelledRow], music: Sequence[LabelledRow], sets: SetFilter
) -> JudgedFiles:
    """Select the files of the sets that mood is judged on; an empty collection of sets means all sets."""
    return JudgedFiles(_select_side(images, sets[0]), _select_side(music, sets[1]))


def measure_order(results: Sequence[OutOfFoldPredictions], judged: JudgedFiles) -> MoodOrder | None:
    """Measure a system's order of the judged files; None if pairs across folds have no score.

    Args:
        results: The predictions of each fold, which together hold every file once.
        judged: Files that mood is judged on.
    """
    scores = score_all_pairs(results)
    if scores is None:
        return None
    part = scores[np.ix_(judged.images.positions, judged.music.positions)]
    return measure_mood_order(part, judged.images.labels, judged.music.labels)


def measure_orders(by_seed: Sequence[Sequence[OutOfFoldPredictions]], judged: JudgedFiles) -> list[MoodOrder]:
    """Measure a system's order at each fold seed; none if pairs across folds have no score.

    Args:
        by_seed: For each fold seed, the predictions of each fold.
        judged: Files that mood is judged on.
    """
    found = (measure_order(results, judged) for results in by_seed)
    return [order for order in found if order is not None]


def measure_system_mood(result: SystemResult, judged: JudgedFiles) -> SystemMood:
    """Measure a system's order of the judged files and the controls, for each fold seed."""
    return SystemMood(result.system, [_measure_seed(results, judged) for results in result.results])


def judge_mood(measured: SystemMood) -> dict[str, Any]:
    """Return the mood measure of a system, averaged over the fold seeds.

    Ends of intervals are averaged, too: all seeds use the same files.

    Returns:
        JSON values: `auc`, `auc_ci95`, `image_to_music` and `music_to_image` as in the report of an
        evaluation, None where pairs across folds have no score; `auc_within_folds` with its interval.
    """
    return dict(average_documents([_format_seed(seed) for seed in measured.seeds]))


def judge_controls(measured: SystemMood) -> list[dict[str, Any]]:
    """Return the figures of the controls, made of a system's outputs, averaged over the fold seeds.

    Returns:
        JSON values, one per control and coverage target; none if the system's affect has no quadrant
        posteriors and places.
    """
    seeds = [
        [
            {
                "control": control.control,
                "coverage_target": control.target,
                "noise": control.noise,
                **replace_nan(format_mood_order(control.order)),
            }
            for control in seed.controls
        ]
        for seed in measured.seeds
    ]
    return list(average_documents(seeds))


def summarize_mood(
    results: Sequence[OutOfFoldPredictions],
    probabilities: Sequence[NDArray[np.float64]],
    images: LabelledFeatures,
    music: LabelledFeatures,
) -> dict[str, float]:
    """Return the mood figures of one fold seed, on the sets that mood is judged on, or else on all sets.

    Args:
        results: The predictions of each fold.
        probabilities: The calibrated chances (I, M) that both sides share a mood, of each fold.
        images: Labelled pictures.
        music: Labelled music.
    """
    present = {row.set for row in images.rows}, {row.set for row in music.rows}
    has_judged = all(names & set(wanted) for names, wanted in zip(present, MOOD_SETS, strict=True))
    judged = select_judged(images.rows, music.rows, MOOD_SETS if has_judged else ALL_SETS)
    bins = [_bin_probabilities(*fold, judged) for fold in zip(results, probabilities, strict=True)]
    known = [fold for fold in bins if np.isfinite(fold).all()]
    figures = {"mood ece": math.nan}
    if known:
        _, stated, true = np.mean(known, axis=0)
        figures["mood ece"] = float(np.abs(stated - true).sum())
    order = measure_order(results, judged)
    if order is None:
        return figures
    figures["mood auc"] = order.auc
    ways = {"music to image": order.music_to_image, "image to music": order.image_to_music}
    for way, found in ways.items():
        figures |= {
            f"mood {way} lift": found.lift,
            f"mood {way} ndcg@10": found.ndcg_at_10,
            f"mood {way} coverage": found.spread.coverage / found.spread.chance_coverage,
            f"mood {way} hub lift": found.spread.hub_lift,
        }
    return figures


def _bin_probabilities(
    predictions: OutOfFoldPredictions, probabilities: NDArray[np.float64], judged: JudgedFiles
) -> NDArray[np.float64]:
    """Return the reliability (3, bins) of a fold's pairs; NaN where a side has fewer than two quadrants."""
    rows, images = _find_judged(predictions.images, judged.images)
    columns, music = _find_judged(predictions.music, judged.music)
    return reliability(probabilities[np.ix_(rows, columns)], *pair_quadrants(images, music))


def _select_side(rows: Sequence[LabelledRow], sets: Collection[str]) -> JudgedSide:
    positions = [position for position, row in enumerate(rows) if not sets or row.set in sets]
    labels = read_mood_labels([rows[position] for position in positions])
    return JudgedSide(np.array(positions, np.int64), labels)


def _measure_seed(results: Sequence[OutOfFoldPredictions], judged: JudgedFiles) -> SeedMood:
    order = measure_order(results, judged)
    controls = _measure_controls(results, judged)
    return SeedMood(order, controls, list(_measure_within_folds(results, judged)))


def _measure_controls(results: Sequence[OutOfFoldPredictions], judged: JudgedFiles) -> list[ControlResult]:
    sides = gather_embeddings(results)
    if any(side.affect is None or side.affect.shape[1] != len(AFFECT_COLUMNS) for side in sides):
        return []
    return measure_controls(
        read_outputs(sides[0], judged.images.positions),
        read_outputs(sides[1], judged.music.positions),
        judged.images.labels,
        judged.music.labels,
    )


def _format_seed(seed: SeedMood) -> dict[str, Any]:
    aucs, replicates = zip(*seed.within_folds, strict=True)
    within = {
        "auc_within_folds": _average_known(np.array(aucs)[:, None]).item(),
        "auc_within_folds_ci95": format_interval(percentile_interval(_average_known(np.array(replicates)))),
    }
    names = ("auc", "auc_ci95", "music_to_image", "image_to_music")
    order = dict.fromkeys(names) if seed.order is None else format_mood_order(seed.order)
    return dict(replace_nan(order | within))


def _measure_within_folds(
    results: Sequence[OutOfFoldPredictions], judged: JudgedFiles
) -> Iterator[tuple[float, NDArray[np.float64]]]:
    """Yield the AUC of each fold's own pairs, and its bootstrap replicates (R,)."""
    for fold, predictions in enumerate(results):
        rows, images = _find_judged(predictions.images, judged.images)
        columns, music = _find_judged(predictions.music, judged.music)
        scores = predictions.scores[np.ix_(rows, columns)]
        labels = *pair_quadrants(images, music), images.groups, music.groups
        yield pair_auc(scores, *labels[:2]), auc_replicates(scores, *labels, seed=fold)


def _find_judged(positions: NDArray[np.int64], side: JudgedSide) -> tuple[NDArray[np.int64], MoodLabels]:
    """Return which of a fold's files are judged, by their place in the fold, and their labels."""
    _, in_fold, in_judged = np.intersect1d(positions, side.positions, return_indices=True)
    return in_fold, side.labels.take(in_judged)


def _average_known(figures: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average over the folds (F, R), without those where a figure is not defined."""
    known = ~np.isnan(figures)
    total = np.where(known, figures, 0.0).sum(axis=0)
    return np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)


def read_outputs(side: Embeddings, positions: NDArray[np.int64]) -> SideOutputs:
    """Return what a network whose affect has 11 columns says of the files at positions, int64 (K,)."""
    affect = np.asarray(side.affect)[positions]
    return SideOutputs(
        quadrants=affect[:, QUADRANT_COLUMNS],
        places=affect[:, PLACE_COLUMNS],
        polarity=affect[:, POLARITY_COLUMNS],
        vectors=side.vectors[positions],
    )
