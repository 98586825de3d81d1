"""Evaluation on labelled files: of a network, computed as in a library, or of anybody's predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attune.core.errors import MediaError, UsageError
from attune.core.progress import Progress
from attune.embedding.affect import POLARITY_COLUMNS
from attune.embedding.decode_pool import ExtractionJob, extract_all
from attune.embedding.feature_extraction import FileFeatures
from attune.embedding.media_files import Kind
from attune.embedding.network import Network, NetworkEmbeddings
from attune.embedding.segments import embed_track
from attune.training.evaluation_metrics import evaluate, evaluate_scores
from attune.training.evaluation_report import EvaluationReport
from attune.training.manifest import LabelledRow
from attune.training.pair_scores import PairScores
from attune.training.predictions import LabelledSide, read_predictions
from attune.training.readers import read_labelled

if TYPE_CHECKING:
    from attune.core.settings import Settings


_FeaturesByFile = dict[tuple[Path, Kind], FileFeatures]


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """Labelled files to evaluate on.

    Attributes:
        images: Labelled images: a manifest, or a data set's folder.
        music: Labelled music: a manifest, or a data set's folder.
        split: Only rows of this split; None selects all rows.
        image_sets: Only these data sets of images; an empty tuple selects all.
        music_sets: Only these data sets of music; an empty tuple selects all.
    """

    images: Path
    music: Path
    split: str | None = None
    image_sets: tuple[str, ...] = ()
    music_sets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Result of an evaluation.

    Attributes:
        report: The figures.
        images: The pictures that were judged.
        music: The music that was judged.
        scores: The scores of their pairs.
        skipped: Errors of the files that could not be read, in path order.
    """

    report: EvaluationReport
    images: LabelledSide
    music: LabelledSide
    scores: PairScores
    skipped: list[MediaError]

    @property
    def saw_test(self) -> bool:
        """Whether any row belongs to the split `test`."""
        return any(row.split == "test" for row in [*self.images.rows, *self.music.rows])


def evaluate_network(
    request: EvaluationRequest, network: Network, system: str, settings: Settings, progress: Progress
) -> Evaluation:
    """Evaluate a network on labelled files of both modalities.

    Args:
        request: The labelled files.
        network: The network.
        system: Name of the network in the report.
        settings: Number of workers and device.
        progress: Notified after each file.

    Raises:
        UsageError: The labels cannot be used, or none of the files can be read.
    """
    images, music = _read_rows(request)
    jobs = [ExtractionJob(row.path, "image") for row in images] + [
        ExtractionJob(row.path, "music") for row in music
    ]
    extracted: _FeaturesByFile = {}
    skipped = []
    progress.start("reading labelled files", len(jobs))
    for outcome in extract_all(jobs, settings, network.backbones):
        progress.advance()
        if isinstance(outcome, MediaError):
            skipped.append(outcome)
        else:
            extracted[outcome.path, outcome.kind] = outcome
    progress.finish()
    images = _select_readable(images, "image", extracted, request.images)
    music = _select_readable(music, "music", extracted, request.music)
    image_side = _embed(images, "image", extracted, network)
    music_side = _embed(music, "music", extracted, network)
    scores = _score_pairs(network, image_side, music_side)
    report = evaluate(images, music, image_side, music_side, scores, system)
    skipped.sort(key=lambda error: error.path)
    sides = LabelledSide(request.images, images), LabelledSide(request.music, music)
    return Evaluation(report, *sides, scores, skipped)


def evaluate_predictions(request: EvaluationRequest, predictions: Path, system: str) -> Evaluation:
    """Evaluate the scores of a file, whatever computed them; no media file is opened.

    Args:
        request: The labelled files.
        predictions: Scores of all their pairs, in the form that `read_predictions` reads.
        system: Name of the system in the report.

    Returns:
        The evaluation; figures that need more than scores of pairs are NaN.

    Raises:
        UsageError: The labels or the predictions cannot be used.
    """
    images, music = _read_rows(request)
    sides = LabelledSide(request.images, images), LabelledSide(request.music, music)
    scores = read_predictions(predictions, *sides)
    return Evaluation(evaluate_scores(images, music, scores, system), *sides, scores, [])


def _read_rows(request: EvaluationRequest) -> tuple[list[LabelledRow], list[LabelledRow]]:
    return (
        read_labelled(request.images, "image", request.split, request.image_sets or None),
        read_labelled(request.music, "music", request.split, request.music_sets or None),
    )


def _score_pairs(
    network: Network, image_side: NetworkEmbeddings, music_side: NetworkEmbeddings
) -> PairScores:
    """Score all pairs as a library does: answers are ordered by inner product."""
    inner = image_side.vectors @ music_side.vectors.T
    polarities = (side.affect[:, POLARITY_COLUMNS] for side in (image_side, music_side))
    return PairScores(inner, network.score(inner), network.correspondence(*polarities))


def _select_readable(
    rows: Sequence[LabelledRow], kind: Kind, extracted: _FeaturesByFile, manifest: Path
) -> list[LabelledRow]:
    readable = [row for row in rows if (row.path, kind) in extracted]
    if not readable:
        raise UsageError(f"{manifest}: none of the files that it names can be read")
    return readable


def _embed(
    rows: Sequence[LabelledRow], kind: Kind, extracted: _FeaturesByFile, network: Network
) -> NetworkEmbeddings:
    features = [extracted[row.path, kind].features for row in rows]
    if kind == "image":
        return network.embed("image", np.concatenate(features))
    tracks = [embed_track(network, segments) for segments in features]
    return NetworkEmbeddings(
        np.concatenate([track.vectors for track in tracks]),
        np.concatenate([track.affect for track in tracks]),
    )
