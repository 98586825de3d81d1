"""The nearest items of the other modality, exactly, with filters; and what curating makes of them."""

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
    """What an answer must fulfil.

    Attributes:
        limit: At most so many answers.
        min_score: Least score in [0, 1].
        below: Absolute folders, one of which the file lies in; empty: anywhere.
        exclude: Globs that the path, from its root on, must not match.
        taken: When a picture was taken; None: whenever, also if it is not known.
        curation: How answers are chosen among those that pass.
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
        library: Where to look.
        network: The network of that library.
        vector: float32 (128,), unit length, of the other modality.
        kind: What is looked for.
        filters: Number, least score, folders.

    Returns:
        Best first, equal scores in the order of ids; or as `filters.curation` has it. A song comes with its
        best moment.
    """
    ranking = takewhile(
        lambda ranked: ranked.score >= filters.min_score,
        _iter_ranking(library, network, vector, kind, filters),
    )
    return build_results(library, network, vector, select_answers(library, network, kind, filters, ranking))


def select_answers(
    library: Library, network: Network, kind: Kind, filters: Filters, ranking: Iterable[RankedItem]
) -> list[CuratedAnswer]:
    """Return the answers that curating takes from a ranking of what passes the filters."""
    prints = Fingerprints(library, network.backbones[kind])
    return curate(ranking, filters.limit, filters.curation, prints)


def build_results(
    library: Library, network: Network, vector: NDArray[np.float32], choices: list[CuratedAnswer]
) -> list[Result]:
    """Return choices as answers; a song comes with the moment that fits an embedding best."""
    results = []
    for rank, choice in enumerate(choices, start=1):
        item = choice.ranked.item
        moment = find_best_moment(library, network, vector, item) if item.kind == "music" else None
        results.append(make_result(item, rank, choice.ranked.score, moment, choice.alike))
    return results


def _iter_ranking(
    library: Library, network: Network, vector: NDArray[np.float32], kind: Kind, filters: Filters
) -> Iterator[RankedItem]:
    """Yield the items that pass the filters, best first, looking as deep as somebody reads."""
    allowed_ids = filter_ids(library, kind, filters)
    passes = build_glob_filter(library, filters)
    wanted = filters.limit
    seen: set[int] = set()
    while True:
        ids, inner = library.nearest(kind, vector, wanted, allowed_ids)
        new = [place for place, item in enumerate(ids.tolist()) if item not in seen]
        fresh = ids[new].tolist()
        items = library.items(fresh)
        for item, score in zip(fresh, network.probability(inner[new]).tolist(), strict=True):
            if passes(items[item]):
                yield RankedItem(items[item], score, worth=score)
        if len(ids) < wanted:
            return
        seen.update(fresh)
        wanted *= 4  # what is excluded, folded or over its number leaves room: look further


def filter_ids(library: Library, kind: Kind, filters: Filters) -> list[int] | None:
    """Return the ids of the items that a filter's folders and dates let pass, None where all do."""
    below = library.ids_below(kind, filters.below) if filters.below else None
    if filters.taken is None:
        return below
    taken = library.ids_by_capture_date(filters.taken.first, filters.taken.after)
    return taken if below is None else sorted(set(taken).intersection(below))


def build_glob_filter(library: Library, filters: Filters) -> Callable[[Item], bool]:
    """Return what says whether the globs of a filter let an item pass."""
    if not filters.exclude:
        return lambda _: True
    roots = sorted((root.path for root in library.roots()), key=len, reverse=True)

    def passes(item: Item) -> bool:
        # As in a build, globs are compared with the path from its root on.
        root = next((root for root in roots if is_below(item.path, root)), "")
        return not matches_any(item.path[len(root) :] or item.path, filters.exclude)

    return passes


def find_best_moment(
    library: Library, network: Network, vector: NDArray[np.float32], item: Item
) -> Moment | None:
    """Return the moment of a song that corresponds best with an embedding."""
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
    """Return an item as an answer, with the near-duplicates that are folded into it."""
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
        alike=tuple(twin.path for twin in alike),
    )
