"""The valence–arousal plane: named moods, search around a point, and search with a mood."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from attune.embedding.media_files import Kind
from attune.embedding.network import Network
from attune.indexer.library import LibraryReader
from attune.retrieval.answers import Answer
from attune.retrieval.diversify import RankedItem
from attune.retrieval.search import (
    Filters,
    build_item_filter,
    filter_ids,
    find_moments,
    select_answers,
)

_BATCH = 100  # items that are read at a time, until enough of them pass the filters
_DIAGONAL = math.sqrt(8.0)  # from (-1, -1) to (1, 1)


def search_plane(
    library: LibraryReader, network: Network, valence: float, arousal: float, kind: Kind, filters: Filters
) -> list[Answer]:
    """Rank items by their distance from a point of the plane.

    Args:
        library: The library to search.
        network: The network of that library.
        valence: Valence of the point, in [-1, 1].
        arousal: Arousal of the point, in [-1, 1].
        kind: The kind of the answers.
        filters: Conditions on the answers.

    Returns:
        The answers, nearest first, or in the order that `filters.curation` gives; the score is the closeness.
    """
    ids, points = _load_points(library, kind, filters)
    scores = closeness(points, (valence, arousal))
    order = np.lexsort((ids, -scores))
    order = order[scores[order] >= filters.min_score]
    ranking = _filter_ranking(library, filters, ids[order], scores[order], scores[order])
    return select_answers(library, network, kind, filters, ranking)


def search_with_mood(
    library: LibraryReader,
    network: Network,
    vector: NDArray[np.float32],
    mood: tuple[float, float],
    kind: Kind,
    filters: Filters,
) -> list[Answer]:
    """Rank items by correspondence with an embedding and closeness to a mood: "like this song, but calmer".

    Items are ranked by the mean of two numbers in [0, 1]: the correspondence probability and the closeness to
    the mood. Every item of the library is compared.

    Args:
        library: The library to search.
        network: The network of that library.
        vector: float32 (128,), unit length, of the other modality.
        mood: Valence and arousal, each in [-1, 1].
        kind: The kind of the answers.
        filters: Conditions on the answers.

    Returns:
        The answers, best first, ties in the order of ids; or in the order that `filters.curation` gives. The
        score is still the correspondence probability, so scores need not decrease.
    """
    ids, points = _load_points(library, kind, filters)
    found, inner = library.nearest(kind, vector, max(len(ids), 1), ids.tolist())
    scores = network.probability(inner)
    worth = (scores + closeness(points[np.searchsorted(ids, found)], mood)) / 2.0
    order = np.lexsort((found, -worth))
    order = order[scores[order] >= filters.min_score]
    ranking = _filter_ranking(library, filters, found[order], scores[order], worth[order])
    return find_moments(library, network, vector, select_answers(library, network, kind, filters, ranking))


def closeness(points: NDArray[np.float64], mood: tuple[float, float]) -> NDArray[np.float64]:
    """Return 1 minus the distance from a mood divided by the plane's diagonal, float64 (n,), in [0, 1].

    Args:
        points: Valence and arousal, (n, 2).
        mood: Valence and arousal of the mood; its own closeness is 1.
    """
    return np.asarray(1.0 - np.hypot(points[:, 0] - mood[0], points[:, 1] - mood[1]) / _DIAGONAL)


def _load_points(
    library: LibraryReader, kind: Kind, filters: Filters
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the ids, ascending, and points, (n, 2), of the items in the folders and dates of a filter."""
    ids, points = library.affect(kind)
    allowed_ids = filter_ids(library, kind, filters)
    if allowed_ids is None:
        return ids, points
    keep = np.isin(ids, allowed_ids)
    return ids[keep], points[keep]


def _filter_ranking(
    library: LibraryReader,
    filters: Filters,
    ids: NDArray[np.int64],
    scores: NDArray[np.float64],
    worth: NDArray[np.float64],
) -> Iterator[RankedItem]:
    """Yield the items that pass a filter of items, in the given order."""
    passes = build_item_filter(library, filters)
    for first in range(0, len(ids), _BATCH):
        batch = slice(first, first + _BATCH)
        items = library.items(ids[batch].tolist())
        rows = zip(ids[batch].tolist(), scores[batch].tolist(), worth[batch].tolist(), strict=True)
        for item, score, value in rows:
            if passes(items[item]):
                yield RankedItem(items[item], score, value)
