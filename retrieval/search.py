"""The nearest items of the other modality, exactly, with filters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.paths import is_below, matches_any
from embedding.backbones import PATCH_S
from embedding.media import Kind
from embedding.moments import SPAN
from embedding.network import Network
from indexer.library import Library
from indexer.records import Item
from retrieval.results import Moment, Result


@dataclass(frozen=True, slots=True)
class Filters:
    """What an answer must fulfil.

    Attributes:
        limit: At most so many answers.
        min_score: Least score in [0, 1].
        below: Absolute folders, one of which the file lies in; empty: anywhere.
        exclude: Globs that the path, from its root on, must not match.
    """

    limit: int = 10
    min_score: float = 0.0
    below: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


def nearest(
    library: Library, network: Network, vector: NDArray[np.float32], kind: Kind, filters: Filters
) -> list[Result]:
    """Rank the items of one kind by their correspondence with an embedding.

    Args:
        library: Where to look.
        network: The network of that library.
        vector: float32 (128,), unit length, of the other modality.
        kind: What is looked for.
        filters: Number, least score, folders.

    Returns:
        Best first; equal scores in the order of ids. A song comes with its best moment.
    """
    found = _passing(library, vector, kind, filters)
    scores = network.probability(np.array([inner for _, inner in found], np.float32))
    results = []
    for rank, ((item, _), score) in enumerate(zip(found, scores.tolist(), strict=True), start=1):
        if score < filters.min_score:
            break
        moment = best_moment(library, network, vector, item) if kind == "music" else None
        results.append(result_of(item, rank, score, moment))
    return results


def _passing(
    library: Library, vector: NDArray[np.float32], kind: Kind, filters: Filters
) -> list[tuple[Item, float]]:
    """Return the nearest items that pass, with their inner products."""
    among = inside(library, kind, filters)
    passes = exclusion(library, filters)
    wanted = filters.limit
    while True:
        ids, inner = library.nearest(kind, vector, wanted, among)
        items = library.items(ids.tolist())
        ranked = zip((items[item] for item in ids.tolist()), inner.tolist(), strict=True)
        passing = [(item, value) for item, value in ranked if passes(item)]
        if len(passing) >= filters.limit or len(ids) < wanted:
            return passing[: filters.limit]
        wanted *= 4  # what is excluded leaves room: look further


def inside(library: Library, kind: Kind, filters: Filters) -> list[int] | None:
    """Return the ids of the items that lie in the folders of a filter, None where any folder will do."""
    return library.ids_below(kind, filters.below) if filters.below else None


def exclusion(library: Library, filters: Filters) -> Callable[[Item], bool]:
    """Return what says whether the globs of a filter let an item pass."""
    if not filters.exclude:
        return lambda _: True
    roots = sorted((root.path for root in library.roots()), key=len, reverse=True)

    def passes(item: Item) -> bool:
        # As in a build, globs are compared with the path from its root on.
        root = next((root for root in roots if is_below(item.path, root)), "")
        return not matches_any(item.path[len(root) :] or item.path, filters.exclude)

    return passes


def best_moment(library: Library, network: Network, vector: NDArray[np.float32], item: Item) -> Moment | None:
    """Return the moment of a song that corresponds best with an embedding."""
    moments = library.moments(item.id)
    if moments is None or not len(moments):
        return None
    inner = moments @ vector
    best = int(np.argmax(inner))
    start_s = best * PATCH_S
    end_s = start_s + min(SPAN, item.feature_rows) * PATCH_S
    if item.duration_s is not None:
        end_s = min(end_s, item.duration_s)
    return Moment(start_s, end_s, float(network.probability(inner[best])))


def result_of(item: Item, rank: int, score: float, moment: Moment | None) -> Result:
    """Return an item as an answer."""
    return Result(rank, item.path, score, item.affect, moment, item.title, item.artist, item.id)
