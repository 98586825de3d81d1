"""Evaluation report of scores or embeddings of labelled files; reads and writes no files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from attune.embedding.affect import POLARITIES, POLARITY_COLUMNS, TOLD_COLUMNS
from attune.embedding.network import NetworkEmbeddings
from attune.training.evaluation_report import (
    AffectMetrics,
    Correspondence,
    Direction,
    EvaluationProtocol,
    EvaluationReport,
    ImageMetrics,
    MusicMetrics,
    PolarityMetrics,
)
from attune.training.manifest import LabelledRow, group_names, polarity_codes, ratings, reference_points
from attune.training.metrics import (
    QUADRANTS,
    MoodQuality,
    PairIntervals,
    calibration_error,
    majority_share,
    match_rates,
    measure_distinctness,
    measure_graded_affect,
    measure_mood,
    measure_mood_order,
    measure_polarity,
    measure_probe,
    measure_retrieval,
    pair_accuracy,
    pair_auc,
    pair_intervals,
    pearson,
    r_squared,
    rating_slope,
    read_mood_labels,
    sign_accuracy,
)
from attune.training.pair_scores import PairScores

_NAN = float("nan")


def evaluate(
    images: Sequence[LabelledRow],
    music: Sequence[LabelledRow],
    image_side: NetworkEmbeddings,
    music_side: NetworkEmbeddings,
    scores: PairScores,
    system: str,
) -> EvaluationReport:
    """Evaluate a network by its outputs for labelled images and music.

    Args:
        images: N rows.
        music: M rows.
        image_side: Embeddings and affect of the N images, in order.
        music_side: Embeddings and affect of the M pieces of music, in order.
        scores: The network's scores of all pairs.
        system: Name of the system in the report.

    Returns:
        The report; figures for which labels are missing are NaN.
    """
    report = evaluate_scores(images, music, scores, system)
    valence_slope, arousal_slope = _measure_slopes(images, image_side)
    return replace(
        report,
        affect=replace(report.affect, valence_slope=valence_slope, arousal_slope=arousal_slope),
        image=_measure_images(images, image_side),
        music=_measure_music(music, music_side),
    )


def evaluate_scores(
    images: Sequence[LabelledRow], music: Sequence[LabelledRow], scores: PairScores, system: str
) -> EvaluationReport:
    """Evaluate a system that only scores pairs and has no embedding of single files.

    Accuracy, calibration error and the share of pairs called a match need chances, and are NaN without them.
    Retrieval by polarity leaves unlabelled files out; distinctness needs no labels and uses every file.

    Args:
        images: N rows.
        music: M rows.
        scores: Scores of all pairs.
        system: Name of the system in the report.

    Returns:
        The report; of the figures of a single modality it holds the majority share only.
    """
    order = scores.ranked_by
    image_polarity, music_polarity = polarity_codes(images), polarity_codes(music)
    graded = measure_graded_affect(
        order, reference_points(images), reference_points(music), image_polarity, music_polarity
    )
    return EvaluationReport(
        system=system,
        protocol=_build_protocol(images, music),
        correspondence=_measure_correspondence(images, music, scores),
        music_to_image=_measure_direction(order.T, music_polarity, image_polarity),
        image_to_music=_measure_direction(order, image_polarity, music_polarity),
        mood=_measure_mood(images, music, scores),
        affect=AffectMetrics(graded.spearman, graded.spearman_within, _NAN, _NAN),
        image=ImageMetrics(_majority_only(image_polarity), _NAN, _NAN, _NAN, _NAN),
        music=MusicMetrics(_majority_only(music_polarity), _NAN, _NAN, _NAN, _NAN),
    )


def _measure_correspondence(
    images: Sequence[LabelledRow], music: Sequence[LabelledRow], scores: PairScores
) -> Correspondence:
    chances = scores.correspondence
    order = scores.ranked_by if chances is None else chances
    polarities = polarity_codes(images), polarity_codes(music)
    auc = pair_auc(order, *polarities)
    intervals = pair_intervals(order, *polarities, group_names(images), group_names(music))
    if chances is None:
        unknown = np.full((len(POLARITIES), len(POLARITIES)), _NAN)
        return Correspondence(_NAN, auc, _NAN, PairIntervals((_NAN, _NAN), intervals.auc), unknown)
    return Correspondence(
        accuracy=pair_accuracy(chances, *polarities),
        auc=auc,
        ece=calibration_error(chances, *polarities),
        intervals=intervals,
        per_class=match_rates(chances, *polarities, len(POLARITIES)),
    )


def _measure_mood(
    images: Sequence[LabelledRow], music: Sequence[LabelledRow], scores: PairScores
) -> MoodQuality:
    labels = read_mood_labels(images), read_mood_labels(music)
    if scores.mood is None:
        unknown = np.full((len(QUADRANTS), len(QUADRANTS)), _NAN)
        return MoodQuality(measure_mood_order(scores.ranked_by, *labels), _NAN, (_NAN, _NAN), _NAN, unknown)
    return measure_mood(scores.mood, scores.ranked_by, *labels)


def _build_protocol(images: Sequence[LabelledRow], music: Sequence[LabelledRow]) -> EvaluationProtocol:
    return EvaluationProtocol(
        split=", ".join(_unique_names(row.split for row in [*images, *music])) or None,
        images=len(images),
        music=len(music),
        image_sets=_unique_names(row.set for row in images),
        music_sets=_unique_names(row.set for row in music),
    )


def _unique_names(names: Iterable[str]) -> list[str]:
    return sorted(set(names) - {""})


def _measure_direction(
    scores: NDArray[np.floating], query_polarity: NDArray[np.int8], gallery_polarity: NDArray[np.int8]
) -> Direction:
    return Direction(
        measure_retrieval(scores, query_polarity, gallery_polarity), measure_distinctness(scores)
    )


def _majority_only(polarity: NDArray[np.int8]) -> PolarityMetrics:
    return PolarityMetrics(_NAN, _NAN, majority_share(polarity), None, _NAN, _NAN)


def _measure_slopes(rows: Sequence[LabelledRow], side: NetworkEmbeddings) -> tuple[float, float]:
    """Return the slopes of the ratings on shown valence and arousal."""
    shown, rated, sets = side.affect[:, TOLD_COLUMNS], ratings(rows), [row.set for row in rows]
    valence, arousal = (rating_slope(shown[:, axis], rated[:, axis], sets) for axis in range(2))
    return valence, arousal


def _measure_images(rows: Sequence[LabelledRow], side: NetworkEmbeddings) -> ImageMetrics:
    (valence, arousal), (shown_valence, shown_arousal) = ratings(rows).T, side.affect[:, TOLD_COLUMNS].T
    return ImageMetrics(
        polarity=_measure_polarity(rows, side),
        valence_r=pearson(shown_valence, valence),
        arousal_r=pearson(shown_arousal, arousal),
        valence_r2=r_squared(shown_valence, valence),
        arousal_r2=r_squared(shown_arousal, arousal),
    )


def _measure_music(rows: Sequence[LabelledRow], side: NetworkEmbeddings) -> MusicMetrics:
    points, shown = reference_points(rows), side.affect[:, TOLD_COLUMNS]
    valence_slope, arousal_slope = _measure_slopes(rows, side)
    return MusicMetrics(
        polarity=_measure_polarity(rows, side),
        valence_sign=sign_accuracy(shown[:, 0], points[:, 0]),
        arousal_sign=sign_accuracy(shown[:, 1], points[:, 1]),
        valence_slope=valence_slope,
        arousal_slope=arousal_slope,
    )


def _measure_polarity(rows: Sequence[LabelledRow], side: NetworkEmbeddings) -> PolarityMetrics:
    polarity = polarity_codes(rows)
    predicted = measure_polarity(side.affect[:, POLARITY_COLUMNS], polarity)
    probe = measure_probe(side.vectors, polarity, _probe_groups(rows))
    return PolarityMetrics(
        accuracy=predicted.accuracy,
        balanced_accuracy=predicted.balanced_accuracy,
        majority=probe.majority,
        confusion=predicted.confusion if predicted.confusion.any() else None,
        probe_accuracy=probe.accuracy,
        probe_balanced_accuracy=probe.balanced_accuracy,
    )


def _probe_groups(rows: Sequence[LabelledRow]) -> list[str]:
    """Return the group of each row, without its data set.

    Two sets may share a theme or an artist; the probe must not learn it from one and be tested on the other.
    """
    return [row.group for row in rows]
