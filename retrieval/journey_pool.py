"""The items of a library that a journey may pass: by place, within limits, near-duplicates removed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from attune.core.exclusion_rules import ExclusionRules
from attune.embedding.media_files import Kind
from attune.embedding.network import Network
from attune.indexer.library import LibraryReader
from attune.indexer.records import Item
from attune.retrieval.diversify import Curation, RankedItem, curate, limited_groups
from attune.retrieval.journey_path import WIDTHS, Cap, choose_near, find_path
from attune.retrieval.near_duplicates import open_fingerprints
from attune.retrieval.search import Filters, filter_ids, resolve_exclusions

_DEPTH = 10  # times as many items are looked through where groups are limited
_FOLD = Curation(fold=True)


class JourneyPool:
    """Items that pass the filters, and the fixed ends of the journey.

    Args:
        library: The library.
        network: Its network.
        kind: Kind of the items.
        filters: Conditions on the items; the ends need not fulfil them.
        first: The item at which the journey begins; None: any.
        last: The item at which it ends, another one; None: any.
    """

    def __init__(
        self,
        library: LibraryReader,
        network: Network,
        kind: Kind,
        filters: Filters,
        first: Item | None,
        last: Item | None,
    ) -> None:
        self._library = library
        self._curation = filters.curation
        self._first, self._last = first, last
        self._prints = open_fingerprints(library, network.backbones[kind])
        ids, points = library.places(kind)
        keep = ~np.isin(ids, [end.id for end in self.ends])
        if (allowed := filter_ids(library, kind, filters)) is not None:
            keep &= np.isin(ids, allowed)
        if filters.exclude:
            keep &= ~np.isin(ids, _list_excluded(library, kind, filters))
        self._ids, self._points = ids[keep], points[keep]
        self._caps = self._limit_groups()

    @property
    def ends(self) -> list[Item]:
        """The fixed ends, in order."""
        return [end for end in (self._first, self._last) if end is not None]

    @property
    def size(self) -> int:
        """The largest number of steps that limits on artists and folders may admit."""
        free = len(self._ids)
        for cap in self._caps:
            sizes = np.bincount(cap.codes[cap.codes >= 0], minlength=len(cap.used))
            admitted = np.minimum(sizes, np.maximum(cap.limit - cap.used, 0)).sum()
            free = min(free, int(admitted) + int((cap.codes < 0).sum()))
        return len(self.ends) + free

    def choose(self, waypoints: NDArray[np.float64]) -> list[Item] | None:
        """Return one item for each waypoint, none twice; None if limits leave no path."""
        for width in WIDTHS:
            path = self._find_path(waypoints, width)
            if path is not None:
                return path
            if width >= len(self._ids):
                break
        return None

    def remove_duplicates(self, path: Sequence[Item], waypoints: NDArray[np.float64]) -> bool:
        """Remove near-duplicates of items of a path from the pool; ends stay.

        Of two near-duplicates in the path, the one nearer to its waypoint stays. Where one is removed, so are
        the near-duplicates among the items near its waypoint, which would take its place.

        Returns:
            Whether the path has near-duplicates, so that another one must be chosen.
        """
        ends = {end.id for end in self.ends}
        errors = [
            (item.id not in ends, float(np.linalg.norm(np.subtract(item.affect.place, waypoint))), step)
            for step, (item, waypoint) in enumerate(zip(path, waypoints, strict=True))
        ]
        order = [step for *_, step in sorted(errors)]
        folded = self._fold([path[step] for step in order]) - ends
        if not folded:
            return False
        kept = [path[step] for step in order if path[step].id not in folded]
        taken = waypoints[[step for step in order if path[step].id in folded]]
        near = np.concatenate(choose_near(self._points, taken, WIDTHS[0]))
        known = {item.id for item in path}
        others = [one for one in dict.fromkeys(self._ids[near].tolist()) if one not in known]
        items = self._library.items(others)
        folded |= self._fold([*kept, *(items[one] for one in others)]) - ends
        self._remove(folded)
        return True

    def _fold(self, items: Iterable[Item]) -> set[int]:
        """Return the ids of the items that are near-duplicates of earlier ones."""
        ranking = [RankedItem(item, 0.0) for item in items]
        choices = curate(ranking, len(ranking), _FOLD, self._prints)
        return {item.id for choice in choices for item in choice.alike}

    def _remove(self, ids: Collection[int]) -> None:
        keep = ~np.isin(self._ids, list(ids))
        self._ids, self._points = self._ids[keep], self._points[keep]
        self._caps = [replace(cap, codes=cap.codes[keep]) for cap in self._caps]

    def _find_path(self, waypoints: NDArray[np.float64], width: int) -> list[Item] | None:
        near = self._find_candidates(waypoints, width)
        chosen = np.unique(np.concatenate(near))
        ids = self._ids[chosen].tolist()
        candidates = [np.searchsorted(chosen, one) for one in near]
        ends = self.ends
        if self._first is not None:
            candidates[0] = np.array([len(ids)])
        if self._last is not None:
            candidates[-1] = np.array([len(ids) + len(ends) - 1])
        places = np.array([*self._points[chosen], *(end.affect.place for end in ends)]).reshape(-1, 2)
        free = np.full(len(ends), -1)  # the ends count already, and nothing keeps them out
        caps = [replace(cap, codes=np.concatenate([cap.codes[chosen], free])) for cap in self._caps]
        path = find_path(places, waypoints, candidates, caps)
        if path is None:
            return None
        wanted = [ids[index] for index in path.tolist() if index < len(ids)]
        known = self._library.items(wanted) | {end.id: end for end in ends}
        order = [*ids, *(end.id for end in ends)]
        return [known[order[index]] for index in path.tolist()]

    def _find_candidates(self, waypoints: NDArray[np.float64], width: int) -> list[NDArray[np.int64]]:
        """Return for each waypoint the indices of the nearest items, no more of a group than its limit."""
        if not self._caps:
            return choose_near(self._points, waypoints, width)
        found = choose_near(self._points, waypoints, width * _DEPTH)
        for cap in self._caps:
            found = [near[_count_before(cap.codes[near]) < cap.limit] for near in found]
        return [near[:width] for near in found]

    def _limit_groups(self) -> list[Cap]:
        """Return the limits on artists and folders over the items of the pool; the ends count already."""
        limits = {"artist": self._curation.per_artist, "folder": self._curation.per_folder}
        if all(limit is None for limit in limits.values()):
            return []
        read = self._library.items(self._ids.tolist())
        of_items = [limited_groups(read[one], self._curation) for one in self._ids.tolist()]
        of_ends = [limited_groups(end, self._curation) for end in self.ends]
        caps = []
        for name, limit in limits.items():
            if limit is None:
                continue
            numbers: dict[str, int] = {}
            codes = [_number_group(name, groups, numbers) for groups in of_items]
            codes_of_ends = [_number_group(name, groups, numbers) for groups in of_ends]
            counted = [code for code in codes_of_ends if code >= 0]
            used = np.bincount(np.array(counted, np.int64), minlength=max(1, len(numbers)))
            caps.append(Cap(np.array(codes, np.int64), limit, used))
        return caps


def _number_group(name: str, groups: Iterable[tuple[str, str]], numbers: dict[str, int]) -> int:
    """Return the number of an item's group of one kind, a new one for a new group; -1 if it has none."""
    for kind, group in groups:
        if kind == name:
            return numbers.setdefault(group, len(numbers))
    return -1


def _count_before(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each item how many before it have its group, int64 (n,); 0 for items in no group."""
    order = np.argsort(codes, kind="stable")
    counts = np.empty(len(codes), np.int64)
    counts[order] = np.arange(len(codes)) - np.searchsorted(codes[order], codes[order])
    return np.where(codes < 0, 0, counts)


def _list_excluded(library: LibraryReader, kind: Kind, filters: Filters) -> list[int]:
    """Return the ids of the items that the exclusions of a filter leave out.

    Raises:
        UsageError: An exclusion is no valid pattern, or a path that does not belong to the library.
    """
    roots = [root.path for root in library.roots()]
    rules = ExclusionRules(roots, resolve_exclusions(roots, filters))
    return [item for item, path in library.paths(kind) if rules.excludes(path)]
