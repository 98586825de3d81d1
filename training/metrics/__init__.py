"""Metrics of scores and embeddings, computed with numpy alone.

A metric that is not defined (no labels, a constant column) is NaN, never an error.
"""

from attune.training.metrics.bootstrap import PairIntervals, accuracy_replicates, pair_intervals
from attune.training.metrics.graded_affect import (
    GradedAffect,
    measure_graded_affect,
    pearson,
    r_squared,
    sign_accuracy,
    spearman,
)
from attune.training.metrics.hubness import Distinctness, measure_distinctness
from attune.training.metrics.linear_probe import ProbeQuality, majority_share, measure_probe
from attune.training.metrics.pairs import (
    CORRESPONDS,
    calibration_error,
    match_rates,
    pair_accuracy,
    pair_auc,
    pair_weights,
    reliability,
)
from attune.training.metrics.retrieval_quality import (
    RetrievalQuality,
    measure_retrieval,
    precision_at,
    rank_gallery,
)

__all__ = [
    "CORRESPONDS",
    "Distinctness",
    "GradedAffect",
    "PairIntervals",
    "ProbeQuality",
    "RetrievalQuality",
    "accuracy_replicates",
    "calibration_error",
    "majority_share",
    "match_rates",
    "measure_distinctness",
    "measure_graded_affect",
    "measure_probe",
    "measure_retrieval",
    "pair_accuracy",
    "pair_auc",
    "pair_intervals",
    "pair_weights",
    "pearson",
    "precision_at",
    "r_squared",
    "rank_gallery",
    "reliability",
    "sign_accuracy",
    "spearman",
]
