"""Search for the items that correspond best with an embedding, with filters and curation.

Below 250,000 items, or with a filter by folder or date, the search is exact; otherwise candidates come from
the approximate IVF index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from attune.core.paths import is_below, matches_any
from attune.embedding.media_files import Kind
from attune.embedding.network import Network
from attune.indexer.library import LibraryReader
from attune.indexer.records import Item
from attune.retrieval.answers import Answer
from attune.retrieval.best_moment import find_item_moment
from attune.retrieval.date_range import DateRange
from attune.retrieval.diversify import NO_CURATION, Curation, RankedItem, curate
from attune.retrieval.near_duplicates import Fingerprints


@dataclass(frozen=True, slots=True)
class Filters:
    """Conditions on the answers to a query.

    Attributes:
        limit: The largest number of answers.
        min_score: The least score, in [0, 1].
        below: Absolute folders, in one of which a file must be; empty: any folder.
        exclude: Globs that the path of a file, relative to its root, must not match.
        taken: Dates between which a picture must have been taken; None: any date, known or not.
        curation: Rules for choosing answers among the items that fulfil the conditions.
        offset: Number of best answers to skip.
        without: Ids of items that are no answers.
    """

    limit: int = 10
    min_score: float = 0.0
    below: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    taken: DateRange | None = None
    curation: Curation = NO_CURATION
    offset: int = 0
    without: frozenset[int] = frozenset()

    @property
    def depth(self) -> int:
        """Number of best answers to find, with those to skip."""
        return self.offset + self.limit


def search_nearest(
    library: LibraryReader, network: Network, vector: NDArray[np.float32], kind: Kind, filters: Filters
) -> list[Answer]:
    """Rank the items of one kind by their correspondence with an embedding.

    Args:
        library: The library to search.
        network: The network of that library.
        vector: float32 (128,), unit length, embedding of the query.
        kind: The kind of the answers.
        filters: Conditions on the answers.

    Returns:
        The answers, best first, ties in the order of ids; or in the order that `filters.curation` gives. A
        song has its best moment with it.
    """
    ranking = takewhile(
        lambda ranked: ranked.score >= filters.min_score,
        _iter_ranking(library, network, vector, kind, filters),
    )
    return find_moments(library, network, vector, select_answers(library, network, kind, filters, ranking))


def select_answers(
    library: LibraryReader, network: Network, kind: Kind, filters: Filters, ranking: Iterable[RankedItem]
) -> list[Answer]:
    """Choose answers from a ranking of items that pass the filters, by the rules in `filters.curation`."""
    prints = Fingerprints(library, network.backbones[kind])
    choices = curate(ranking, filters.depth, filters.curation, prints)
    return [
        Answer(choice.ranked.item, rank, choice.ranked.score, alike=tuple(item.path for item in choice.alike))
        for rank, choice in enumerate(choices[filters.offset :], start=filters.offset + 1)
    ]


def find_moments(
    library: LibraryReader, network: Network, vector: NDArray[np.float32], answers: list[Answer]
) -> list[Answer]:
    """Return answers, each song with its moment that corresponds best with an embedding."""
    songs = [answer.item.id for answer in answers if answer.item.kind == "music"]
    segments = library.moments(songs) if songs else {}
    return [
        replace(answer, moment=find_item_moment(network, segments.get(answer.item.id), vector, answer.item))
        for answer in answers
    ]


def _iter_ranking(
    library: LibraryReader, network: Network, vector: NDArray[np.float32], kind: Kind, filters: Filters
) -> Iterator[RankedItem]:
    """Yield the items that pass the filters, best first; the index is searched only as far as needed."""
    allowed_ids = filter_ids(library, kind, filters)
    passes = build_item_filter(library, filters)
    wanted = filters.depth + len(filters.without)
    seen: set[int] = set()
    while True:
        ids, inner = library.nearest(kind, vector, wanted, allowed_ids)
        new = [index for index, item in enumerate(ids.tolist()) if item not in seen]
        new_ids = ids[new].tolist()
        items = library.items(new_ids)
        for item, score in zip(new_ids, network.probability(inner[new]).tolist(), strict=True):
            if passes(items[item]):
                yield RankedItem(items[item], score, worth=score)
        if len(ids) < wanted:
            return
        seen.update(new_ids)
        wanted *= 4  # items were excluded, folded or over a limit: search further


def filter_ids(library: LibraryReader, kind: Kind, filters: Filters) -> list[int] | None:
    """Return the ids of the items in a filter's folders and dates; None if it has neither."""
    below = library.ids_below(kind, filters.below) if filters.below else None
    if filters.taken is None:
        return below
    taken = library.ids_by_capture_date(filters.taken.first, filters.taken.after)
    return taken if below is None else sorted(set(taken).intersection(below))


def build_item_filter(library: LibraryReader, filters: Filters) -> Callable[[Item], bool]:
    """Return a predicate that is true for items that pass the globs and ids of a filter."""
    if not filters.exclude:
        return lambda item: item.id not in filters.without
    roots = sorted((root.path for root in library.roots()), key=len, reverse=True)

    def passes(item: Item) -> bool:
        if item.id in filters.without:
            return False
        # As in a build, globs are compared with the path relative to its root.
        root = next((root for root in roots if is_below(item.path, root)), "")
        return not matches_any(item.path[len(root) :] or item.path, filters.exclude)

    return passes
