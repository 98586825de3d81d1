"""Selection of answers from a ranking: folded near-duplicates, caps per artist and folder, and variety.

    ranking ─ folded and capped, best first ─ pool ─ varied ─ answers, best first

Each step follows its definition exactly, over the ranking that the search yields; the ranking is read only as
far as the answers require. From 250,000 items, the ranking itself comes from the approximate IVF index.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from attune.indexer.records import Item
from attune.retrieval.near_duplicates import FingerprintSource

_POOL_FACTOR = 3  # candidates for each requested answer, if answers are varied
_MIN_POOL = 30


@dataclass(frozen=True, slots=True)
class Curation:
    """Rules for choosing answers from a ranking.

    Attributes:
        fold: Whether near-duplicates of a better answer are folded into it, not answers of their own.
        diverse: Weight of variety against the score, in [0, 1]; 0: no variety.
        per_artist: The largest number of songs by one artist; None: no limit. Songs without an artist are
            never limited.
        per_folder: The largest number of files from one folder; None: no limit.
    """

    fold: bool = True
    diverse: float = 0.0
    per_artist: int | None = None
    per_folder: int | None = None


DEFAULT_CURATION = Curation()


@dataclass(frozen=True, slots=True)
class RankedItem:
    """One item of a ranking.

    Attributes:
        item: The picture or song.
        worth: The number by which items are ranked, descending: a score or a closeness, in [0, 1].
    """

    item: Item
    worth: float


@dataclass(slots=True)
class CuratedAnswer:
    """One chosen answer.

    Attributes:
        ranked: The item of the ranking.
        alike: Near-duplicates that are folded into it, best first.
    """

    ranked: RankedItem
    alike: list[Item] = field(default_factory=list)

    @property
    def alike_paths(self) -> tuple[str, ...]:
        """Paths of these near-duplicates."""
        return tuple(item.path for item in self.alike)


def curate(
    ranking: Iterable[RankedItem], limit: int, curation: Curation, prints: FingerprintSource
) -> list[CuratedAnswer]:
    """Choose answers from a ranking.

    1. The items are read from the best one on. With `fold`, an item that is a near-duplicate of an answer
       joins the first such answer. An item whose artist or folder has reached its limit is left out. Any
       other item becomes an answer, until the pool is full: reading stops at the item that would be the
       next answer.
    2. With `diverse` = d, the pool holds 3 candidates for each answer, at least 30, and answers are taken
       from it one by one: each time the candidate with the largest (1 - d) r - d s, the better ranked one of
       a tie (maximal marginal relevance; Carbonell and Goldstein, SIGIR 1998). r is its worth, scaled so that
       the smallest of the pool is 0 and the largest 1. s is its largest similarity to an answer that was
       taken before: 0 for items no more alike than two random ones, 1 where near-duplicates begin.
    3. The answers are put in the order of their worth.

    The answers for a smaller limit are the first of those for a larger one, unless they are varied: then each
    limit has a choice of its own.

    Args:
        ranking: Items, best first; read only as far as necessary.
        limit: The largest number of answers.
        curation: The rules.
        prints: Fingerprints for the similarity; not used if nothing is folded or varied.

    Returns:
        At most `limit` answers, best first; equal ones in the order of the ranking.
    """
    size = max(_MIN_POOL, _POOL_FACTOR * limit) if curation.diverse else limit
    chosen = _fold_and_cap(ranking, size, curation, prints)
    if curation.diverse and chosen:
        vectors = prints([choice.ranked.item for choice in chosen])
        worth = np.array([choice.ranked.worth for choice in chosen])
        similarity = prints.scale.rescale(vectors @ vectors.T)
        chosen = [
            chosen[index] for index in sorted(select_diverse(worth, similarity, curation.diverse, limit))
        ]
    # A ranking from the approximate index is read in rounds; a later one may find what an earlier one missed.
    return sorted(chosen, key=lambda choice: -choice.ranked.worth)


def select_diverse(
    worth: NDArray[np.floating], similarity: NDArray[np.floating], diverse: float, limit: int
) -> list[int]:
    """Choose candidates by maximal marginal relevance, as step 2 of `curate` defines it.

    Args:
        worth: (n,), descending.
        similarity: (n, n), from 0 to about 1.
        diverse: Weight of variety, in [0, 1].
        limit: The largest number of candidates to choose.

    Returns:
        Indices of the chosen candidates, in the order of choice.
    """
    if not len(worth):
        return []
    spread = float(worth.max() - worth.min())
    gain = (1.0 - diverse) * ((worth - worth.min()) / spread if spread > 0 else np.zeros(len(worth)))
    nearest = np.zeros(len(worth))
    chosen: list[int] = []
    for _ in range(min(limit, len(worth))):
        value = gain - diverse * nearest
        value[chosen] = -np.inf
        best = int(np.argmax(value))
        chosen.append(best)
        nearest = np.maximum(nearest, similarity[best])
    return chosen


def _fold_and_cap(
    ranking: Iterable[RankedItem], size: int, curation: Curation, prints: FingerprintSource
) -> list[CuratedAnswer]:
    answers: list[CuratedAnswer] = []
    finder = _DuplicateFinder(prints) if curation.fold else None
    counted: Counter[tuple[str, str]] = Counter()
    remaining = iter(ranking)
    # With folding, one item more than the missing answers is read, as it may join the last answer.
    while batch := list(islice(remaining, size - len(answers) + curation.fold)):
        if finder is not None:
            finder.read([ranked.item for ranked in batch])
        for place, ranked in enumerate(batch):
            original = None if finder is None else finder.find_original(place)
            if original is not None:
                answers[original].alike.append(ranked.item)
                continue
            groups = limited_groups(ranked.item, curation)
            if any(counted[group] >= limit for group, limit in groups.items()):
                continue
            if len(answers) == size:
                return answers
            counted.update(groups.keys())
            answers.append(CuratedAnswer(ranked))
            if finder is not None:
                finder.keep(place)
    return answers


class _DuplicateFinder:
    """Finds the answer of which an item is a near-duplicate; fingerprints are read for a batch of items.

    Args:
        prints: The fingerprints.
    """

    def __init__(self, prints: FingerprintSource) -> None:
        self._prints = prints
        self._least = prints.scale.same
        self._originals: list[NDArray[np.float32]] = []

    def read(self, items: Sequence[Item]) -> None:
        """Read a batch, and compare it with the answers before it and within itself."""
        self._batch = self._prints(items)
        above = np.stack([*self._originals, *self._batch])
        # In one thread: a matrix product of this size takes longer to spread over a busy processor's cores.
        self._alike = np.vecdot(self._batch[:, None], above[None]) >= self._least
        self._columns = list(range(len(self._originals)))  # of the answers, in their order

    def find_original(self, place: int) -> int | None:
        """Return the number of the first answer of which an item of the batch is a near-duplicate, if any."""
        matches = self._alike[place, self._columns]
        return int(np.argmax(matches)) if matches.any() else None

    def keep(self, place: int) -> None:
        """Take an item of the batch as the next answer."""
        self._columns.append(len(self._alike[0]) - len(self._batch) + place)
        self._originals.append(self._batch[place])


def limited_groups(item: Item, curation: Curation) -> dict[tuple[str, str], int]:
    """Return the limited groups to which an item belongs (its artist, its folder) and their limits."""
    groups = {}
    if curation.per_artist is not None and item.artist:
        groups["artist", item.artist.casefold()] = curation.per_artist
    if curation.per_folder is not None:
        folder = os.path.dirname(item.path)  # noqa: PTH120 - pathlib is too slow for thousands of paths
        groups["folder", folder] = curation.per_folder
    return groups
