"""The report of an evaluation and its JSON document, with null for figures that are not defined."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attune.embedding.affect import POLARITIES
from attune.training.metrics import Distinctness, MoodQuality, PairIntervals, RetrievalQuality
from attune.training.report_values import (
    format_interval,
    format_mood,
    format_spread,
    format_table,
    replace_nan,
)


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
class AffectMetrics:
    """Whether scores and shown values follow valence and arousal.

    Attributes:
        spearman: Rank correlation of score with closeness in valence and arousal, over all pairs.
        spearman_within: The same over the pairs of one polarity, averaged over the polarities.
        valence_slope: Slope of the ratings on the valence that is shown, over rated photographs.
        arousal_slope: The same for arousal.
    """

    spearman: float
    spearman_within: float
    valence_slope: float
    arousal_slope: float


@dataclass(frozen=True, slots=True)
class PolarityMetrics:
    """Polarity of single files: as the network predicts it, and as a probe reads it from the embeddings.

    Attributes:
        accuracy: Share of files whose most probable polarity, by the network's posterior, is the true one.
        balanced_accuracy: Mean over the polarities of that share.
        majority: Share of the most frequent polarity.
        confusion: (3, 3) number of files by true and predicted polarity; None without labels or posterior.
        probe_accuracy: Accuracy of a linear classifier that is fitted to the evaluated embeddings,
            cross-validated by groups.
        probe_balanced_accuracy: Its balanced accuracy.
    """

    accuracy: float
    balanced_accuracy: float
    majority: float
    confusion: NDArray[np.int64] | None
    probe_accuracy: float
    probe_balanced_accuracy: float


@dataclass(frozen=True, slots=True)
class ImageMetrics:
    """Polarity of images, and predicted affect compared with ratings."""

    polarity: PolarityMetrics
    valence_r: float
    arousal_r: float
    valence_r2: float
    arousal_r2: float


@dataclass(frozen=True, slots=True)
class MusicMetrics:
    """Polarity of music, and predicted affect compared with quadrants (signs) and ratings (slopes)."""

    polarity: PolarityMetrics
    valence_sign: float
    arousal_sign: float
    valence_slope: float
    arousal_slope: float


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """All figures of one evaluation; NaN where a figure is not defined."""

    system: str
    protocol: EvaluationProtocol
    correspondence: Correspondence
    music_to_image: Direction
    image_to_music: Direction
    mood: MoodQuality
    affect: AffectMetrics
    image: ImageMetrics
    music: MusicMetrics

    def to_json(self) -> dict[str, Any]:
        """Return the JSON document; figures that are not defined are None."""
        document: dict[str, Any] = replace_nan(
            {
                "system": self.system,
                "protocol": asdict(self.protocol),
                "correspondence": _format_correspondence(self.correspondence),
                "retrieval": {
                    "music_to_image": _format_direction(self.music_to_image),
                    "image_to_music": _format_direction(self.image_to_music),
                },
                "mood": format_mood(self.mood),
                "affect": asdict(self.affect),
                "image": {
                    **_format_polarity(self.image.polarity),
                    "valence_r": self.image.valence_r,
                    "arousal_r": self.image.arousal_r,
                    "valence_r2": self.image.valence_r2,
                    "arousal_r2": self.image.arousal_r2,
                },
                "music": {
                    **_format_polarity(self.music.polarity),
                    "valence_sign": self.music.valence_sign,
                    "arousal_sign": self.music.arousal_sign,
                    "valence_slope": self.music.valence_slope,
                    "arousal_slope": self.music.arousal_slope,
                },
            }
        )
        return document


def _format_correspondence(figures: Correspondence) -> dict[str, Any]:
    return {
        "accuracy": figures.accuracy,
        "ci95": format_interval(figures.intervals.accuracy),
        "auc": figures.auc,
        "auc_ci95": format_interval(figures.intervals.auc),
        "ece": figures.ece,
        "per_class": format_table(POLARITIES, figures.per_class),
    }


def _format_direction(figures: Direction) -> dict[str, float]:
    quality = figures.quality
    return {
        "p@1": quality.p_at_1,
        "p@5": quality.p_at_5,
        "p@10": quality.p_at_10,
        "mrr": quality.mrr,
        "ndcg@10": quality.ndcg_at_10,
        "chance_p": quality.chance_p,
        **format_spread(figures.spread),
    }


def _format_polarity(figures: PolarityMetrics) -> dict[str, Any]:
    confusion = figures.confusion
    return {
        "accuracy": figures.accuracy,
        "balanced_accuracy": figures.balanced_accuracy,
        "majority": figures.majority,
        "confusion": None if confusion is None else format_table(POLARITIES, confusion),
        "probe": {
            "accuracy": figures.probe_accuracy,
            "balanced_accuracy": figures.probe_balanced_accuracy,
        },
    }
