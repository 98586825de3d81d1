"""Search for what is near to a target: a point of the plane, a mood, or words, with or without files."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from attune.core.progress import Progress
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
from attune.retrieval.words.aims import Target

_BATCH = 100  # items that are read at a time, until enough of them pass the filters


def search_target(
    library: LibraryReader,
    network: Network,
    target: Target,
    kind: Kind,
    filters: Filters,
    progress: Progress | None = None,
) -> list[Answer]:
    """Rank items by how near they are to a target.

    Args:
        library: The library to search.
        network: The network of that library.
        target: What the answers should be near to, and far from.
        kind: The kind of the answers.
        filters: Conditions on the answers.
        progress: Told while the features of a library are read for the first time.

    Returns:
        The answers, nearest first, ties in the order of ids; they have a closeness in place of a score.
    """
    ids, _ = library.places(kind)
    allowed_ids = filter_ids(library, kind, filters)
    keep = np.arange(len(ids)) if allowed_ids is None else np.flatnonzero(np.isin(ids, allowed_ids))
    worth = target.measure(library, kind, progress).blend(None, keep)
    return [
        Answer(choice.ranked.item, rank, None, choice.ranked.worth, alike=choice.alike_paths)
        for rank, choice in select_answers(
            library, network, kind, filters, _rank(library, filters, ids[keep], worth)
        )
    ]


def search_with_target(
    library: LibraryReader,
    network: Network,
    vector: NDArray[np.float32],
    target: Target,
    kind: Kind,
    filters: Filters,
    progress: Progress | None = None,
) -> list[Answer]:
    """Rank items by shared mood with an embedding and closeness to a target: "like this song, but calmer".

    The score is the mean of two numbers in [0, 1]: the chance that an item shares the mood of the embedding,
    and its closeness to what is wanted; what is unwanted lowers it. Every item of the library is compared.

    Args:
        library: The library to search.
        network: The network of that library.
        vector: float32 (128,), unit length, of the other modality.
        target: What the answers should also be near to, and far from.
        kind: The kind of the answers.
        filters: Conditions on the answers.
        progress: Told while the features of a library are read for the first time.

    Returns:
        The answers, best first, ties in the order of ids. A song has its best moment with it, whose score is
        the chance of a shared mood alone.
    """
    known, _ = library.places(kind)
    nearness = target.measure(library, kind, progress)

    def score_items(ids: NDArray[np.int64], inner: NDArray[np.float32]) -> NDArray[np.float64]:
        return nearness.blend(network.score(inner), np.searchsorted(known, ids))

    if library.is_exact(kind):
        ids, inner = library.nearest(kind, vector, len(known))
        peers = Peers(ids, score_items(ids, inner), len(ids))
        allowed_ids = filter_ids(library, kind, filters)
        keep = slice(None) if allowed_ids is None else np.isin(ids, allowed_ids)
        ranking = _rank(library, filters, ids[keep], peers.scores[keep])
    else:
        ids, inner = library.nearest(kind, vector, len(known), filters.selection)
        ranking = _rank(library, filters, ids, score_items(ids, inner))
        sampled, inner = sample_peers(library, kind, vector)
        peers = Peers(sampled, score_items(sampled, inner), len(sampled))
    return add_fits(library, filters, answer_query(library, network, vector, kind, filters, ranking), peers)


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
