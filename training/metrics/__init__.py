"""Figures that say how good scores and embeddings are: plain numpy, arrays in, numbers out.

A figure that is not defined (no labels, a constant column) is NaN, never an error.
"""

from attune.training.metrics.affinity import (
    GradedAffect,
    graded_affect,
    pearson,
    r_squared,
    sign_accuracy,
    spearman,
)
from attune.training.metrics.bootstrap import PairIntervals, accuracy_replicates, pair_intervals
from attune.training.metrics.hubs import Distinctness, distinctness
from attune.training.metrics.pairs import (
    CORRESPONDS,
    calibration_error,
    called_true,
    pair_accuracy,
    pair_auc,
    pair_weights,
    reliability,
)
from attune.training.metrics.probe import ProbeQuality, majority_share, probe_quality
from attune.training.metrics.ranking import RetrievalQuality, precision_at, ranking, retrieval_quality

__all__ = [
    "CORRESPONDS",
    "Distinctness",
    "GradedAffect",
    "PairIntervals",
    "ProbeQuality",
    "RetrievalQuality",
    "accuracy_replicates",
    "calibration_error",
    "called_true",
    "distinctness",
    "graded_affect",
    "majority_share",
    "pair_accuracy",
    "pair_auc",
    "pair_intervals",
    "pair_weights",
    "pearson",
    "precision_at",
    "probe_quality",
    "r_squared",
    "ranking",
    "reliability",
    "retrieval_quality",
    "sign_accuracy",
    "spearman",
]
