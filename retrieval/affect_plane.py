"""The valence–arousal plane: named moods, search around a point, and search with a mood."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from attune.embedding.media_files import Kind
from attune.embedding.network import Network
from attune.indexer.library import LibraryReader
from attune.retrieval.answers import Answer
from attune.retrieval.diversify import RankedItem
from attune.retrieval.fit import Peers, sample_peers
from attune.retrieval.search import (
    Filters,
    add_fits,
    answer_query,
    build_item_filter,
    filter_ids,
    select_answers,
)

_BATCH = 100  # items that are read at a time, until enough of them pass the filters
_WIDTH = 0.5  # at this distance, a quarter of the width of the plane, closeness is 0.61


def search_plane(
    library: LibraryReader, network: Network, valence: float, arousal: float, kind: Kind, filters: Filters
) -> list[Answer]:
    """Rank items by their distance from a point of the plane.

    Args:
        library: The library to search.
        network: The network of that library.
        valence: Valence of the point, a place in [-1, 1].
        arousal: Arousal of the point, a place in [-1, 1].
        kind: The kind of the answers.
        filters: Conditions on the answers.

    Returns:
        The answers, nearest first, ties in the order of ids; they have a closeness in place of a score.
    """
    ids, points = library.places(kind)
    allowed_ids = filter_ids(library, kind, filters)
    if allowed_ids is not None:
        keep = np.isin(ids, allowed_ids)
        ids, points = ids[keep], points[keep]
    ranking = _rank(library, filters, ids, closeness(points, (valence, arousal)))
    return [
        Answer(choice.ranked.item, rank, None, choice.ranked.worth, alike=choice.alike_paths)
        for rank, choice in select_answers(library, network, kind, filters, ranking)
    ]


def search_with_mood(
    library: LibraryReader,
    network: Network,
    vector: NDArray[np.float32],
    mood: tuple[float, float],
    kind: Kind,
    filters: Filters,
) -> list[Answer]:
    """Rank items by shared mood with an embedding and closeness to a mood: "like this song, but calmer".

    The score is the mean of two numbers in [0, 1]: the chance that an item shares the mood of the embedding,
    and its closeness to the named mood. Every item of the library is compared.

    Args:
        library: The library to search.
        network: The network of that library.
        vector: float32 (128,), unit length, of the other modality.
        mood: Place of the mood: valence and arousal, each in [-1, 1].
        kind: The kind of the answers.
        filters: Conditions on the answers.

    Returns:
        The answers, best first, ties in the order of ids. A song has its best moment with it, whose score is
        the chance of a shared mood alone.
    """
    known, points = library.places(kind)
    near = closeness(points, mood)

    def score_items(ids: NDArray[np.int64], inner: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.asarray((network.score(inner) + near[np.searchsorted(known, ids)]) / 2.0)

    allowed_ids = filter_ids(library, kind, filters)
    if library.index(kind).exact:
        ids, inner = library.nearest(kind, vector, len(known))
        peers = Peers(ids, score_items(ids, inner), len(ids))
        keep = slice(None) if allowed_ids is None else np.isin(ids, allowed_ids)
        ranking = _rank(library, filters, ids[keep], peers.scores[keep])
    else:
        ids, inner = library.nearest(kind, vector, len(known), allowed_ids)
        ranking = _rank(library, filters, ids, score_items(ids, inner))
        sampled, inner = sample_peers(library, kind, vector)
        peers = Peers(sampled, score_items(sampled, inner), len(sampled))
    return add_fits(library, filters, answer_query(library, network, vector, kind, filters, ranking), peers)


def closeness(points: NDArray[np.float64], mood: tuple[float, float]) -> NDArray[np.float64]:
    """Return the closeness of places to a mood, exp(-d² / (2 · 0.5²)) at distance d, float64 (n,), in [0, 1].

    Args:
        points: Places, (n, 2).
        mood: Place of the mood; its own closeness is 1.
    """
    squares = ((points - np.asarray(mood)) ** 2).sum(axis=1)
    return np.asarray(np.exp(-squares / (2 * _WIDTH**2)))


def _rank(
    library: LibraryReader, filters: Filters, ids: NDArray[np.int64], worth: NDArray[np.float64]
) -> Iterator[RankedItem]:
    """Yield the items that pass a filter of items and of worth, best first, ties in the order of ids."""
    order = np.lexsort((ids, -worth))
    order = order[worth[order] >= filters.min_score]
    passes = build_item_filter(library, filters)
    for first in range(0, len(order), _BATCH):
        batch = order[first : first + _BATCH]
        items = library.items(ids[batch].tolist())
        for item, value in zip(ids[batch].tolist(), worth[batch].tolist(), strict=True):
            if passes(items[item]):
                yield RankedItem(items[item], value)
