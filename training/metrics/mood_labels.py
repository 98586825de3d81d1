"""Mood of labelled files: places on the plane of valence and arousal, and mood quadrants.

Data sets use the scales of valence and arousal differently, so that a rating is judged by its rank in its
set. Quadrants are codes, int8: 0 to 3 in the order of QUADRANTS, -1 none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attune.training.manifest import QUADRANT_CORNER, LabelledRow, group_names, ratings
from attune.training.metrics.graded_affect import average_ranks

QUADRANTS = tuple(QUADRANT_CORNER)
"""Names of the mood quadrants: Q1 festive, Q2 tense, Q3 sad, Q4 calm."""

FEWEST_RATINGS = 30
"""A set with fewer rated rows gives no places: ranks among few rows say little."""

_MIDDLE = 1 / 3


@dataclass(frozen=True, slots=True)
class MoodLabels:
    """Mood of N labelled files.

    Attributes:
        places: float64 (N, 2), places in valence and arousal, in [-1, 1]; NaN where there is none.
        quadrants: int8 (N,), mood quadrants; a file with a quadrant has a place.
        groups: Name of each file's group, unique across data sets.
    """

    places: NDArray[np.float64]
    quadrants: NDArray[np.int8]
    groups: NDArray[np.str_]

    @property
    def placed(self) -> NDArray[np.bool_]:
        """Which files have a place, (N,)."""
        return np.asarray(~np.isnan(self.places).any(axis=1))

    def take(self, positions: NDArray[np.int64]) -> MoodLabels:
        """Return the labels of the files at the given positions, (K,), with their places as they are."""
        return MoodLabels(self.places[positions], self.quadrants[positions], self.groups[positions])


def read_mood_labels(rows: Sequence[LabelledRow]) -> MoodLabels:
    """Return the mood of labelled files; all files that are judged together must be given at once.

    The place of a file is the mid-rank r of its rating among the n files of its set that have both ratings,
    (2r - 1)/n - 1. A file without ratings, or of a set with fewer than `FEWEST_RATINGS`, stands at the corner
    of its quadrant if it has one. The mood quadrant is the file's own; without one, that of its place, if the
    place is outside the middle third on both axes.
    """
    places = _rank_within_sets(rows)
    own = np.array([-1 if row.quadrant is None else QUADRANTS.index(row.quadrant) for row in rows], np.int8)
    corners = np.array([*QUADRANT_CORNER.values(), (np.nan, np.nan)])[own]  # code -1 is the last row
    placed = ~np.isnan(places).any(axis=1, keepdims=True)
    places = np.where(placed, places, corners).reshape(-1, 2)
    quadrants = np.where(own >= 0, own, _find_quadrants(places)).astype(np.int8)
    return MoodLabels(places, quadrants, np.array(group_names(rows), dtype=np.str_))


def _rank_within_sets(rows: Sequence[LabelledRow]) -> NDArray[np.float64]:
    """Return the place of each row in its set, (N, 2), NaN where too few rows are rated."""
    rated = ratings(rows)
    known = ~np.isnan(rated).any(axis=1)
    names = np.array([row.set for row in rows], dtype=np.str_)
    places = np.full((len(rows), 2), np.nan)
    for name in np.unique(names):
        members = np.flatnonzero(known & (names == name))
        if members.size >= FEWEST_RATINGS:
            ranks = np.stack([average_ranks(axis) for axis in rated[members].T], axis=1)
            places[members] = (2 * ranks - 1) / members.size - 1
    return places


def _find_quadrants(places: NDArray[np.float64]) -> NDArray[np.int8]:
    valence, arousal = places.T
    outside = (np.abs(places) > _MIDDLE).all(axis=1)  # NaN is not
    quadrant = np.select(
        [(valence > 0) & (arousal > 0), (valence < 0) & (arousal > 0), (valence < 0) & (arousal < 0)],
        [0, 1, 2],
        3,
    )
    return np.where(outside, quadrant, -1).astype(np.int8)
