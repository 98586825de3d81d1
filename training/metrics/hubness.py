"""Distinctness of retrieval: whether different queries get different answers.

Items that appear in very many top lists are known as hubs (Radovanovic, Nanopoulos, Ivanovic 2010).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attune.training.metrics.retrieval_quality import rank_gallery


@dataclass(frozen=True, slots=True)
class Distinctness:
    """Spread of the top lists of all queries over the gallery.

    Attributes:
        coverage: Share of the gallery that appears in any top list.
        chance_coverage: Expected coverage of random top lists.
        hub_lift: Share of top lists that contain the most frequent item, divided by the expected share k/n.
    """

    coverage: float
    chance_coverage: float
    hub_lift: float


def measure_distinctness(scores: NDArray[np.floating], k: int = 10) -> Distinctness:
    """Measure how widely the top k of all queries spread over the gallery; no labels are needed.

    Args:
        scores: (queries, gallery), higher is better; of equal scores the earlier item ranks first.
        k: Length of the top lists; the whole gallery if it has fewer items.

    Returns:
        The three figures; NaN without queries or gallery.
    """
    return measure_spread(rank_gallery(scores)[:, :k], scores.shape[1])


def measure_spread(answers: NDArray[np.intp], gallery: int) -> Distinctness:
    """Measure how widely top lists spread over the gallery.

    Args:
        answers: (queries, k) gallery positions of each query's top list; none occurs twice in a list.
        gallery: Number of items in the gallery.

    Returns:
        The three figures; NaN without queries or gallery.
    """
    queries, k = answers.shape
    if not queries or not gallery:
        return Distinctness(float("nan"), float("nan"), float("nan"))
    appearances = np.bincount(answers.ravel(), minlength=gallery)
    return Distinctness(
        coverage=float(np.mean(appearances > 0)),
        chance_coverage=1.0 - (1.0 - k / gallery) ** queries,
        hub_lift=float(appearances.max() / queries / (k / gallery)),
    )
