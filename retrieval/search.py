"""Search for the items that share the mood of an embedding most probably, with filters and curation.

A small library is searched exactly, a large one by an approximate index (`attune.indexer.embedding_search`).
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Final

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import UsageError, escape_path
from attune.core.exclusion_argument import resolve_exclusion
from attune.core.exclusion_rules import ExclusionRules
from attune.core.exclusions import Exclusion
from attune.core.reachability import stat_with_timeout
from attune.embedding.media_files import Kind
from attune.embedding.network import Network
from attune.indexer.library import LibraryReader
from attune.indexer.records import EVERYTHING, Item, Selection
from attune.retrieval.answers import Answer
from attune.retrieval.best_moment import find_item_moment
from attune.retrieval.date_range import DateRange
from attune.retrieval.diversify import DEFAULT_CURATION, CuratedAnswer, Curation, RankedItem, curate
from attune.retrieval.fit import Peers, measure_fits, rank_peers
from attune.retrieval.near_duplicates import open_fingerprints

_KINDS: Final[tuple[Kind, ...]] = ("image", "music")


@dataclass(frozen=True, slots=True)
class Filters:
    """Conditions on the answers to a query.

    Attributes:
        limit: The largest number of answers.
        min_score: The least score, or closeness to a point of the plane, in [0, 1].
        below: Absolute folders, in one of which a file must be; empty: any folder.
        exclude: What is left out, as it was typed: paths, and patterns in Git's syntax.
        taken: Dates between which a picture must have been taken; None: any date, known or not.
        rating: The least number of stars; None: any rating, known or not.
        curation: Rules for choosing answers among the items that fulfil the conditions.
        offset: Number of best answers to skip.
        without: Ids of items that are no answers.
        folder: The current folder, absolute, to which paths in `exclude` are relative; None: there is none.
    """

    limit: int = 10
    min_score: float = 0.0
    below: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    taken: DateRange | None = None
    rating: int | None = None
    curation: Curation = DEFAULT_CURATION
    offset: int = 0
    without: frozenset[int] = frozenset()
    folder: str | None = None

    @property
    def depth(self) -> int:
        """Number of best answers to find, with those to skip."""
        return self.offset + self.limit

    @property
    def selection(self) -> Selection:
        """The conditions that the catalogue of a library decides: folders, dates and rating."""
        taken = None if self.taken is None else (self.taken.first, self.taken.after)
        return Selection(self.below, taken, self.rating)


def search_nearest(
    library: LibraryReader, network: Network, vector: NDArray[np.float32], kind: Kind, filters: Filters
) -> list[Answer]:
    """Rank the items of one kind by the chance that they share the mood of an embedding.

    Args:
        library: The library to search.
        network: The network of that library.
        vector: float32 (128,), unit length, embedding of the query.
        kind: The kind of the answers.
        filters: Conditions on the answers.

    Returns:
        The answers, best first, ties in the order of ids. A song has its best moment with it.
    """
    ranking = takewhile(
        lambda ranked: ranked.worth >= filters.min_score,
        _iter_ranking(library, network, vector, kind, filters),
    )
    answers = answer_query(library, network, vector, kind, filters, ranking)
    return add_fits(library, filters, answers, rank_peers(library, network, kind, vector, answers))


def answer_query(
    library: LibraryReader,
    network: Network,
    vector: NDArray[np.float32],
    kind: Kind,
    filters: Filters,
    ranking: Iterable[RankedItem],
) -> list[Answer]:
    """Choose answers from a ranking by score, each song with its best moment.

    Args:
        library: The library that was searched.
        network: The network of that library.
        vector: float32 (128,), unit length, embedding of the query.
        kind: The kind of the answers.
        filters: Conditions on the answers.
        ranking: The items that pass the filters, best first.
    """
    choices = select_answers(library, network, kind, filters, ranking)
    songs = [choice.ranked.item.id for _, choice in choices if kind == "music"]
    segments = library.moments(songs) if songs else {}
    answers = []
    for rank, choice in choices:
        item = choice.ranked.item
        moment = find_item_moment(network, segments.get(item.id), vector, item)
        answers.append(Answer(item, rank, choice.ranked.worth, moment=moment, alike=choice.alike_paths))
    return answers


def add_fits(
    library: LibraryReader, filters: Filters, answers: Sequence[Answer], peers: Peers
) -> list[Answer]:
    """Return answers with their fits.

    Files that are no answers at all, such as those of the query, are no peers. Other filters do not count.
    """
    if answers and filters.without:
        kind = answers[0].item.kind
        found = library.items(list(filters.without)).values()
        peers = peers.leave_out([item.id for item in found if item.kind == kind])
    fits = measure_fits(answers, peers)
    return [replace(answer, fit=fit) for answer, fit in zip(answers, fits, strict=True)]


def select_answers(
    library: LibraryReader, network: Network, kind: Kind, filters: Filters, ranking: Iterable[RankedItem]
) -> list[tuple[int, CuratedAnswer]]:
    """Choose answers from a ranking, by the rules in `filters.curation`, and return them with their ranks."""
    prints = open_fingerprints(library, network.backbones[kind])
    choices = curate(ranking, filters.depth, filters.curation, prints)
    return list(enumerate(choices[filters.offset :], start=filters.offset + 1))


def _iter_ranking(
    library: LibraryReader, network: Network, vector: NDArray[np.float32], kind: Kind, filters: Filters
) -> Iterator[RankedItem]:
    """Yield the items that pass the filters, best first; the index is searched only as far as needed."""
    passes = build_item_filter(library, filters)
    wanted = filters.depth + len(filters.without)
    if filters.curation.fold:
        wanted += 1 + filters.depth // 4  # so many may be near-duplicates before a second search is needed
    seen: set[int] = set()
    while True:
        ids, inner = library.nearest(kind, vector, wanted, filters.selection)
        new = [index for index, item in enumerate(ids.tolist()) if item not in seen]
        new_ids = ids[new].tolist()
        items = library.items(new_ids)
        for item, score in zip(new_ids, network.score(inner[new]).tolist(), strict=True):
            if passes(items[item]):
                yield RankedItem(items[item], score)
        if len(ids) < wanted:
            return
        seen.update(new_ids)
        wanted *= 4  # items were excluded, folded or over a limit: search further


def filter_ids(library: LibraryReader, kind: Kind, filters: Filters) -> NDArray[np.int64] | None:
    """Return the ids of the items that pass a filter's folders, dates and rating; None if it has none."""
    return None if filters.selection == EVERYTHING else library.ids(kind, filters.selection)


def require_folders(library: LibraryReader, folders: Sequence[str], name: str) -> None:
    """Check that each folder of a filter is there, or was there at the build: its disk may be away.

    Args:
        library: The library that is searched.
        folders: Absolute folders.
        name: How errors call the parameter.

    Raises:
        UsageError: A folder is not there, and the library has no file below it.
    """
    for folder in folders:
        try:
            is_folder = stat.S_ISDIR(stat_with_timeout(folder).st_mode)
        except (OSError, ValueError):
            is_folder = False
        if not is_folder and not any(library.has_any(kind, Selection(below=(folder,))) for kind in _KINDS):
            raise UsageError(f"{name} {escape_path(folder)}: no such folder")


def build_item_filter(library: LibraryReader, filters: Filters) -> Callable[[Item], bool]:
    """Return a predicate that is true for items that pass the exclusions and ids of a filter.

    Raises:
        UsageError: An exclusion is no valid pattern, or a path that does not belong to the library.
    """
    if not filters.exclude:
        return lambda item: item.id not in filters.without
    roots = [root.path for root in library.roots()]
    rules = ExclusionRules(roots, resolve_exclusions(roots, filters))
    return lambda item: item.id not in filters.without and not rules.excludes(item.path)


def resolve_exclusions(roots: Sequence[str], filters: Filters) -> list[Exclusion]:
    """Return the rules that the exclusions of a filter stand for in a library.

    Args:
        roots: Absolute paths of the folders that the library follows.
        filters: The filter.

    Raises:
        UsageError: An exclusion is no valid pattern, or a path that does not belong to the library.
    """
    return [resolve_exclusion(text, roots, filters.folder) for text in filters.exclude]
