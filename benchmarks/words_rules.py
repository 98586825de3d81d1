"""Rules that join what a sentence names with its mood, for a comparison."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from attune.retrieval.words.aims import Aim, closeness, stretch

Rule = Callable[[Aim, NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
"""Scores (n,) of files by an aim with a place and a meaning, their places (n, 2) and their worth (n,)."""


def _weigh(weight: float, reach: float = 0.0) -> Rule:
    """Return the rule of the shipped mean.

    With a reach, meaning has the weight for sentences whose places lie so far from the middle of the plane,
    and rises evenly to 1 at the middle.
    """

    def rule(aim: Aim, points: NDArray[np.float64], worth: NDArray[np.float64]) -> NDArray[np.float64]:
        share = min(_distance(aim) / reach, 1.0) if reach else 1.0
        return replace(aim, weight=1.0 - (1.0 - weight) * share).blend(points, worth)

    return rule


def _add(weight: float, reach: float = np.inf) -> Rule:
    """Return the rule of the arithmetic mean; meaning weighs at least 1 − distance / reach."""

    def rule(aim: Aim, points: NDArray[np.float64], worth: NDArray[np.float64]) -> NDArray[np.float64]:
        share = weight if np.isinf(reach) else max(weight, 1.0 - _distance(aim) / reach)
        return (1.0 - share) * closeness(points, _place(aim)) + share * stretch(worth)

    return rule


def _multiply(weight: float) -> Rule:
    """Return the rule of the geometric mean in which no worth is given to all files."""

    def rule(aim: Aim, points: NDArray[np.float64], worth: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(closeness(points, _place(aim)) ** (1.0 - weight) * stretch(worth) ** weight)

    return rule


def _place(aim: Aim) -> tuple[float, float]:
    assert aim.place is not None
    return aim.place


def _distance(aim: Aim) -> float:
    return float(np.hypot(*_place(aim)))


RULES: Final[dict[str, Rule]] = {
    "mood alone": _add(0.0),
    "meaning alone": _add(1.0),
    **{f"arithmetic, {weight:g}": _add(weight) for weight in (0.25, 0.5, 0.75, 0.9)},
    **{f"arithmetic, max({least:g}, 1 − |place| / 0.6)": _add(least, 0.6) for least in (0.5, 0.75)},
    **{f"product, {weight:g}": _multiply(weight) for weight in (0.25, 0.5, 0.75, 0.8)},
    **{f"product + 0.1, {weight:g}": _weigh(weight) for weight in (0.25, 0.5, 0.65, 0.75, 0.8, 0.85, 0.9)},
    "product + 0.1, 1 − 0.25 |place| / 1.2": _weigh(0.75, 1.2),
    "as shipped": lambda aim, points, worth: aim.blend(points, worth),
}
"""Rules by name; the number is the weight of meaning."""
