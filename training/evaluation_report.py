"""The report of an evaluation and its JSON document, with null for figures that are not defined."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attune.embedding.network import POLARITIES
from attune.training.metrics import Distinctness, GradedAffect, PairIntervals, RetrievalQuality


@dataclass(frozen=True, slots=True)
class EvaluationProtocol:
    """Description of the evaluated data.

    Attributes:
        split: Names of the splits, joined by commas; None where no row names a split.
        images: Number of images, labelled or not.
        music: Number of pieces of music, labelled or not.
        image_sets: Data sets of the images, sorted.
        music_sets: Data sets of the music, sorted.
    """

    split: str | None
    images: int
    music: int
    image_sets: list[str]
    music_sets: list[str]


@dataclass(frozen=True, slots=True)
class Correspondence:
    """Figures of telling true pairs from false ones.

    Attributes:
        accuracy: Balanced accuracy over pairs, at the threshold 0.5.
        auc: Balanced area under the ROC curve.
        ece: Expected calibration error of the score.
        intervals: 95 % intervals of accuracy and AUC.
        per_class: (3, 3) share of pairs called a match, image polarity by music polarity.
    """

    accuracy: float
    auc: float
    ece: float
    intervals: PairIntervals
    per_class: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Direction:
    """Retrieval from one modality into the other."""

    quality: RetrievalQuality
    spread: Distinctness


@dataclass(frozen=True, slots=True)
class ImageMetrics:
    """Linear probe of polarity on image embeddings, and predicted affect compared with ratings."""

    accuracy: float
    balanced_accuracy: float
    majority: float
    valence_r: float
    arousal_r: float
    valence_r2: float
    arousal_r2: float


@dataclass(frozen=True, slots=True)
class MusicMetrics:
    """Linear probe of polarity on music embeddings, and signs of predicted affect compared with quadrants."""

    accuracy: float
    balanced_accuracy: float
    majority: float
    valence_sign: float
    arousal_sign: float


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """All figures of one evaluation; NaN where a figure is not defined."""

    system: str
    protocol: EvaluationProtocol
    correspondence: Correspondence
    music_to_image: Direction
    image_to_music: Direction
    affect: GradedAffect
    image: ImageMetrics
    music: MusicMetrics

    def to_json(self) -> dict[str, Any]:
        """Return the JSON document; figures that are not defined are None."""
        document: dict[str, Any] = _replace_nan(
            {
                "system": self.system,
                "protocol": asdict(self.protocol),
                "correspondence": _format_correspondence(self.correspondence),
                "retrieval": {
                    "music_to_image": _format_direction(self.music_to_image),
                    "image_to_music": _format_direction(self.image_to_music),
                },
                "affect": asdict(self.affect),
                "image": asdict(self.image),
                "music": asdict(self.music),
            }
        )
        return document


def _format_correspondence(figures: Correspondence) -> dict[str, Any]:
    table = {
        image: dict(zip(POLARITIES, row, strict=True))
        for image, row in zip(POLARITIES, figures.per_class.tolist(), strict=True)
    }
    return {
        "accuracy": figures.accuracy,
        "ci95": _format_interval(figures.intervals.accuracy),
        "auc": figures.auc,
        "auc_ci95": _format_interval(figures.intervals.auc),
        "ece": figures.ece,
        "per_class": table,
    }


def _format_interval(ends: tuple[float, float]) -> list[float] | None:
    return None if math.isnan(ends[0]) else list(ends)


def _format_direction(figures: Direction) -> dict[str, float]:
    quality, spread = figures.quality, figures.spread
    return {
        "p@1": quality.p_at_1,
        "p@5": quality.p_at_5,
        "p@10": quality.p_at_10,
        "mrr": quality.mrr,
        "ndcg@10": quality.ndcg_at_10,
        "chance_p": quality.chance_p,
        "coverage@10": spread.coverage,
        "chance_coverage@10": spread.chance_coverage,
        "hub_lift@10": spread.hub_lift,
    }


def _replace_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _replace_nan(part) for key, part in value.items()}
    if isinstance(value, float) and math.isnan(value):
        return None
    return value
