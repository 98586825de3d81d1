"""Evaluation report of scores or embeddings of labelled files; reads and writes no files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from attune.embedding.network import NetworkEmbeddings
from attune.training.evaluation_report import (
    Correspondence,
    Direction,
    EvaluationProtocol,
    EvaluationReport,
    ImageMetrics,
    MusicMetrics,
)
from attune.training.manifest import LabelledRow, group_names, polarity_codes, ratings, reference_points
from attune.training.metrics import (
    calibration_error,
    majority_share,
    match_rates,
    measure_distinctness,
    measure_graded_affect,
    measure_probe,
    measure_retrieval,
    pair_accuracy,
    pair_auc,
    pair_intervals,
    pearson,
    r_squared,
    sign_accuracy,
)

ProbabilityFunction = Callable[[NDArray[np.float32]], NDArray[np.floating]]
"""Monotonically increasing function from inner products to correspondence probabilities."""

_NAN = float("nan")


def evaluate(
    images: Sequence[LabelledRow],
    music: Sequence[LabelledRow],
    image_side: NetworkEmbeddings,
    music_side: NetworkEmbeddings,
    probability: ProbabilityFunction,
    system: str,
) -> EvaluationReport:
    """Evaluate a network by its outputs for labelled images and music.

    Galleries are ranked by inner product, as in a library; the probability decides what is called a match.

    Args:
        images: N rows.
        music: M rows.
        image_side: Embeddings and affect of the N images, in order.
        music_side: Embeddings and affect of the M pieces of music, in order.
        probability: The calibration, from inner products (N, M) to probabilities in [0, 1].
        system: Name of the system in the report.

    Returns:
        The report; figures for which labels are missing are NaN.
    """
    inner = image_side.vectors @ music_side.vectors.T
    report = evaluate_scores(images, music, probability(inner), system, ranked_by=inner)
    return replace(report, image=_measure_images(images, image_side), music=_measure_music(music, music_side))


def evaluate_scores(
    images: Sequence[LabelledRow],
    music: Sequence[LabelledRow],
    scores: NDArray[np.floating],
    system: str,
    ranked_by: NDArray[np.floating] | None = None,
) -> EvaluationReport:
    """Evaluate a system that only scores pairs and has no embedding of single files.

    Retrieval by polarity leaves unlabelled files out; distinctness needs no labels and uses every file.

    Args:
        images: N rows.
        music: M rows.
        scores: (N, M) correspondence probabilities in [0, 1].
        system: Name of the system in the report.
        ranked_by: (N, M) scores that galleries are ranked by; the probabilities if not given, which may have
            more ties.

    Returns:
        The report; of the figures of a single modality it holds the majority share only.
    """
    order = scores if ranked_by is None else ranked_by
    image_polarity, music_polarity = polarity_codes(images), polarity_codes(music)
    intervals = pair_intervals(
        scores, image_polarity, music_polarity, group_names(images), group_names(music)
    )
    return EvaluationReport(
        system=system,
        protocol=_build_protocol(images, music),
        correspondence=Correspondence(
            accuracy=pair_accuracy(scores, image_polarity, music_polarity),
            auc=pair_auc(scores, image_polarity, music_polarity),
            ece=calibration_error(scores, image_polarity, music_polarity),
            intervals=intervals,
            per_class=match_rates(scores, image_polarity, music_polarity),
        ),
        music_to_image=_measure_direction(order.T, music_polarity, image_polarity),
        image_to_music=_measure_direction(order, image_polarity, music_polarity),
        affect=measure_graded_affect(
            order, reference_points(images), reference_points(music), image_polarity, music_polarity
        ),
        image=ImageMetrics(_NAN, _NAN, majority_share(image_polarity), _NAN, _NAN, _NAN, _NAN),
        music=MusicMetrics(_NAN, _NAN, majority_share(music_polarity), _NAN, _NAN),
    )


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


def _measure_images(rows: Sequence[LabelledRow], side: NetworkEmbeddings) -> ImageMetrics:
    probe = measure_probe(side.vectors, polarity_codes(rows), _probe_groups(rows))
    (valence, arousal), (predicted_valence, predicted_arousal) = ratings(rows).T, side.affect[:, :2].T
    return ImageMetrics(
        accuracy=probe.accuracy,
        balanced_accuracy=probe.balanced_accuracy,
        majority=probe.majority,
        valence_r=pearson(predicted_valence, valence),
        arousal_r=pearson(predicted_arousal, arousal),
        valence_r2=r_squared(predicted_valence, valence),
        arousal_r2=r_squared(predicted_arousal, arousal),
    )


def _probe_groups(rows: Sequence[LabelledRow]) -> list[str]:
    """Return the group of each row, without its data set.

    Two sets may share a theme or an artist; the probe must not learn it from one and be tested on the other.
    """
    return [row.group for row in rows]


def _measure_music(rows: Sequence[LabelledRow], side: NetworkEmbeddings) -> MusicMetrics:
    probe = measure_probe(side.vectors, polarity_codes(rows), _probe_groups(rows))
    (valence, arousal), (predicted_valence, predicted_arousal) = (
        reference_points(rows).T,
        side.affect[:, :2].T,
    )
    return MusicMetrics(
        accuracy=probe.accuracy,
        balanced_accuracy=probe.balanced_accuracy,
        majority=probe.majority,
        valence_sign=sign_accuracy(predicted_valence, valence),
        arousal_sign=sign_accuracy(predicted_arousal, arousal),
    )
