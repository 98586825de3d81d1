"""Values of a report as JSON holds them: null for what is not defined, tables by name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attune.training.metrics import QUADRANTS, Distinctness, MoodOrder, MoodQuality, MoodRetrieval


def format_interval(ends: tuple[float, float]) -> list[float] | None:
    """Return the ends of an interval; None if it is not defined."""
    return None if math.isnan(ends[0]) else list(ends)


def format_table(names: Sequence[str], table: NDArray[np.generic]) -> dict[str, dict[str, Any]]:
    """Return a square table, (K, K), by the names of its rows, then of its columns."""
    rows = table.tolist()
    return {name: dict(zip(names, row, strict=True)) for name, row in zip(names, rows, strict=True)}


def format_spread(spread: Distinctness) -> dict[str, float]:
    """Return the figures of distinctness."""
    return {
        "coverage@10": spread.coverage,
        "chance_coverage@10": spread.chance_coverage,
        "hub_lift@10": spread.hub_lift,
    }


def format_mood(figures: MoodQuality) -> dict[str, Any]:
    """Return the mood measure of a system that gives probabilities."""
    return {
        "accuracy": figures.accuracy,
        "ci95": format_interval(figures.accuracy_interval),
        "ece": figures.ece,
        **format_mood_order(figures.order),
        "confusion": format_table(QUADRANTS, figures.confusion),
    }


def format_mood_order(figures: MoodOrder) -> dict[str, Any]:
    """Return the mood measure of an order of all pairs."""
    return {
        "auc": figures.auc,
        "auc_ci95": format_interval(figures.auc_interval),
        "music_to_image": _format_mood_retrieval(figures.music_to_image),
        "image_to_music": _format_mood_retrieval(figures.image_to_music),
    }


def average_mood_orders(orders: Sequence[MoodOrder]) -> dict[str, Any]:
    """Return the mood measure of an order, averaged over the fold seeds; None for what is not defined."""
    return dict(average_documents([replace_nan(format_mood_order(order)) for order in orders]))


def replace_nan(value: Any) -> Any:
    """Return a JSON value with None in place of every NaN."""
    if isinstance(value, dict):
        return {key: replace_nan(part) for key, part in value.items()}
    if isinstance(value, list):
        return [replace_nan(part) for part in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    return value


def average_documents(documents: Sequence[Any]) -> Any:
    """Return the mean of JSON values of one form, number by number; None where any of them is None."""
    first = documents[0]
    if any(document is None for document in documents):
        return None
    if isinstance(first, dict):
        return {key: average_documents([document[key] for document in documents]) for key in first}
    if isinstance(first, list):
        return [average_documents(parts) for parts in zip(*documents, strict=True)]
    return first if isinstance(first, str) else float(np.mean(documents))


def _format_mood_retrieval(figures: MoodRetrieval) -> dict[str, Any]:
    return {
        "p@10": figures.p_at_10,
        "chance_p": figures.chance_p,
        "lift": figures.lift,
        "first": figures.first,
        "first_by_quadrant": list(figures.first_by_quadrant),
        "ndcg@10": figures.ndcg_at_10,
        "ndcg@10_ci95": format_interval(figures.ndcg_interval),
        **format_spread(figures.spread),
    }
