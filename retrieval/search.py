"""Search for the items that correspond best with an embedding, with filters and curation.

Below 250,000 items, or with a filter by folder or date, the search is exact; otherwise candidates come from
the approximate IVF index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from attune.core.paths import is_below, matches_any
from attune.embedding.backbones import PATCH_S
from attune.embedding.media_files import Kind
from attune.embedding.network import Network
from attune.embedding.segments import SEGMENT_PATCHES
from attune.indexer.library import Library
from attune.indexer.records import Item
from attune.retrieval.date_range import DateRange
from attune.retrieval.diversify import NO_CURATION, CuratedAnswer, Curation, RankedItem, curate
from attune.retrieval.near_duplicates import Fingerprints
from attune.retrieval.results import Moment, Result


@dataclass(frozen=True, slots=True)
class Filters:
    """Conditions on the results of a query.

    Attributes:
        limit: The largest number of results.
        min_score: The least score, in [0, 1].
        below: Absolute folders, in one of which a file must be; empty: any folder.
        exclude: Globs that the path of a file, relative to its root, must not match.
        taken: Dates between which a picture must have been taken; None: any date, known or not.
        curation: Rules for choosing results among the items that fulfil the conditions.
    """

    limit: int = 10
    min_score: float = 0.0
    below: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    taken: DateRange | None = None
    curation: Curation = NO_CURATION


def search_nearest(
    library: Library, network: Network, vector: NDArray[np.float32], kind: Kind, filters: Filters
) -> list[Result]:
    """Rank the items of one kind by their correspondence with an embedding.

    Args:
        library: The library to search.
        network: The network of that library.
        vector: float32 (128,), unit length, embedding of the query.
        kind: The kind of the results.
        filters: Conditions on the results.

    Returns:
        The results, best first, ties in the order of ids; or in the order that `filters.curation` gives. A
        song has its best moment with it.
    """
    ranking = takewhile(
        lambda ranked: ranked.score >= filters.min_score,
        _iter_ranking(library, network, vector, kind, filters),
    )
    return build_results(library, network, vector, select_answers(library, network, kind, filters, ranking))


def select_answers(
    library: Library, network: Network, kind: Kind, filters: Filters, ranking: Iterable[RankedItem]
) -> list[CuratedAnswer]:
    """Choose answers from a ranking of items that pass the filters, by the rules in `filters.curation`."""
    prints = Fingerprints(library, network.backbones[kind])
    return curate(ranking, filters.limit, filters.curation, prints)


def build_results(
    library: Library, network: Network, vector: NDArray[np.float32], choices: list[CuratedAnswer]
) -> list[Result]:
    """Return chosen answers as results; a song gets the moment that corresponds best with an embedding."""
    results = []
    for rank, choice in enumerate(choices, start=1):
        item = choice.ranked.item
        moment = find_best_moment(library, network, vector, item) if item.kind == "music" else None
        results.append(make_result(item, rank, choice.ranked.score, moment, choice.alike))
    return results


def _iter_ranking(
    library: Library, network: Network, vector: NDArray[np.float32], kind: Kind, filters: Filters
) -> Iterator[RankedItem]:
    """Yield the items that pass the filters, best first; the index is searched only as far as needed."""
    allowed_ids = filter_ids(library, kind, filters)
    passes = build_glob_filter(library, filters)
    wanted = filters.limit
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


def filter_ids(library: Library, kind: Kind, filters: Filters) -> list[int] | None:
    """Return the ids of the items in a filter's folders and dates; None if it has neither."""
    below = library.ids_below(kind, filters.below) if filters.below else None
    if filters.taken is None:
        return below
    taken = library.ids_by_capture_date(filters.taken.first, filters.taken.after)
    return taken if below is None else sorted(set(taken).intersection(below))


def build_glob_filter(library: Library, filters: Filters) -> Callable[[Item], bool]:
    """Return a predicate that is true for items whose path matches none of a filter's globs."""
    if not filters.exclude:
        return lambda _: True
    roots = sorted((root.path for root in library.roots()), key=len, reverse=True)

    def passes(item: Item) -> bool:
        # As in a build, globs are compared with the path relative to its root.
        root = next((root for root in roots if is_below(item.path, root)), "")
        return not matches_any(item.path[len(root) :] or item.path, filters.exclude)

    return passes


def find_best_moment(
    library: Library, network: Network, vector: NDArray[np.float32], item: Item
) -> Moment | None:
    """Return the moment of a song that corresponds best with an embedding, float32 (128,), if it has any."""
    moments = library.moments(item.id)
    if moments is None or not len(moments):
        return None
    inner = moments @ vector
    best = int(np.argmax(inner))
    start_s = best * PATCH_S
    end_s = start_s + min(SEGMENT_PATCHES, item.feature_rows) * PATCH_S
    if item.duration_s is not None:
        end_s = min(end_s, item.duration_s)
    return Moment(start_s, end_s, float(network.probability(inner[best])))


def make_result(
    item: Item, rank: int, score: float, moment: Moment | None, alike: Sequence[Item] = ()
) -> Result:
    """Return an item as a result, with the near-duplicates `alike` that are folded into it."""
    return Result(
        rank=rank,
        id=item.id,
        path=item.path,
        score=score,
        affect=item.affect,
        moment=moment,
        title=item.title,
        artist=item.artist,
        taken=item.taken,
        duration_s=item.duration_s,
        alike=tuple(duplicate.path for duplicate in alike),
    )
