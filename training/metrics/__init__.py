"""Metrics of scores and embeddings, computed with numpy alone.

A metric that is not defined (no labels, a constant column) is NaN, never an error.
"""

from attune.training.metrics.bootstrap import (
    PairIntervals,
    accuracy_replicates,
    auc_replicates,
    pair_intervals,
)
from attune.training.metrics.graded_affect import (
    GradedAffect,
    measure_graded_affect,
    pearson,
    r_squared,
    sign_accuracy,
    spearman,
)
from attune.training.metrics.group_draws import percentile_interval
from attune.training.metrics.hubness import Distinctness, measure_distinctness, measure_spread
from attune.training.metrics.linear_probe import ProbeQuality, majority_share, measure_probe
from attune.training.metrics.mood_labels import QUADRANTS, MoodLabels, read_mood_labels
from attune.training.metrics.mood_quality import (
    MoodOrder,
    MoodQuality,
    measure_mood,
    measure_mood_order,
    pair_quadrants,
)
from attune.training.metrics.mood_retrieval import MoodRetrieval
from attune.training.metrics.pairs import (
    CORRESPONDS,
    calibration_error,
    match_rates,
    pair_accuracy,
    pair_auc,
    pair_weights,
    reliability,
)
from attune.training.metrics.polarity_quality import PolarityQuality, measure_polarity
from attune.training.metrics.rating_slope import rating_slope
from attune.training.metrics.retrieval_quality import (
    RetrievalQuality,
    measure_retrieval,
    precision_at,
    rank_gallery,
)

__all__ = [
    "CORRESPONDS",
    "QUADRANTS",
    "Distinctness",
    "GradedAffect",
    "MoodLabels",
    "MoodOrder",
    "MoodQuality",
    "MoodRetrieval",
    "PairIntervals",
    "PolarityQuality",
    "ProbeQuality",
    "RetrievalQuality",
    "accuracy_replicates",
    "auc_replicates",
    "calibration_error",
    "majority_share",
    "match_rates",
    "measure_distinctness",
    "measure_graded_affect",
    "measure_mood",
    "measure_mood_order",
    "measure_polarity",
    "measure_probe",
    "measure_retrieval",
    "measure_spread",
    "pair_accuracy",
    "pair_auc",
    "pair_intervals",
    "pair_quadrants",
    "pair_weights",
    "pearson",
    "percentile_interval",
    "precision_at",
    "r_squared",
    "rank_gallery",
    "rating_slope",
    "read_mood_labels",
    "reliability",
    "sign_accuracy",
    "spearman",
]
