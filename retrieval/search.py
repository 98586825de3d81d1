"""The nearest items of the other modality, exactly, with filters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.paths import is_below, is_below_any, matches_any
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

    @property
    def by_path(self) -> bool:
        """Whether the path decides anything."""
        return bool(self.below or self.exclude)


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
    among = allowed(library, kind, filters)
    ids, inner = library.index(kind).search(vector, filters.limit, among)
    scores = network.probability(inner)
    items = library.items(ids.tolist())
    results = []
    for rank, (item, score) in enumerate(zip(ids.tolist(), scores.tolist(), strict=True), start=1):
        if score < filters.min_score:
            break
        moment = best_moment(library, network, vector, items[item]) if kind == "music" else None
        results.append(result_of(items[item], rank, score, moment))
    return results


def allowed(library: Library, kind: Kind, filters: Filters) -> list[int] | None:
    """Return the ids of the items whose paths pass, None where all do."""
    if not filters.by_path:
        return None
    roots = sorted((root.path for root in library.roots()), key=len, reverse=True)
    return [
        item
        for item, path in library.paths(kind)
        if (not filters.below or is_below_any(path, filters.below))
        and not matches_any(_below_root(path, roots), filters.exclude)
    ]


def _below_root(path: str, roots: Sequence[str]) -> str:
    """Return what globs are compared with, here as in a build: the path from its root on."""
    root = next((root for root in roots if is_below(path, root)), "")
    return path[len(root) :] or path


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
    return Result(rank, item.path, score, item.affect, moment, item.title, item.artist)
