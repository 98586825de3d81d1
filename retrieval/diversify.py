"""Selection of answers from a ranking: folded near-duplicates, caps per artist and folder, and variety.

    ranking ─ folded and capped, best first ─ pool ─ varied ─ answers

Each step follows its definition exactly, over the ranking that the search yields; the ranking is read only as
far as the answers require. From 250,000 items, the ranking itself comes from the approximate IVF index.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

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
        diverse: Weight of variety against correspondence, in [0, 1]; 0: no variety.
        per_artist: The largest number of songs by one artist; None: no limit. Songs without an artist are
            never limited.
        per_folder: The largest number of files from one folder; None: no limit.
    """

    fold: bool = False
    diverse: float = 0.0
    per_artist: int | None = None
    per_folder: int | None = None


NO_CURATION = Curation()


@dataclass(frozen=True, slots=True)
class RankedItem:
    """One item of a ranking.

    Attributes:
        item: The picture or song.
        score: Its correspondence probability, or its closeness to a point; in [0, 1].
        worth: The value by which items are ranked, descending: the score, unless the query has a mood.
    """

    item: Item
    score: float
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

    Args:
        ranking: Items, best first; read only as far as necessary.
        limit: The largest number of answers.
        curation: The rules.
        prints: Fingerprints for the similarity; not used if nothing is folded or varied.

    Returns:
        At most `limit` answers, in the order in which they are shown.
    """
    size = max(_MIN_POOL, _POOL_FACTOR * limit) if curation.diverse else limit
    pool = _fold_and_cap(ranking, size, curation, prints)
    if not curation.diverse:
        return pool
    vectors = np.stack([prints(choice.ranked.item) for choice in pool]) if pool else np.empty((0, 1))
    worth = np.array([choice.ranked.worth for choice in pool])
    similarity = prints.scale.rescale(vectors @ vectors.T)
    return [pool[index] for index in select_diverse(worth, similarity, curation.diverse, limit)]


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
    vectors: list[NDArray[np.float32]] = []
    counted: Counter[tuple[str, str]] = Counter()
    for ranked in ranking:
        vector = prints(ranked.item) if curation.fold else None
        duplicate = None if vector is None else _find_duplicate(vector, vectors, prints.scale.same)
        if duplicate is not None:
            answers[duplicate].alike.append(ranked.item)
            continue
        groups = _groups(ranked.item, curation)
        if any(counted[group] >= limit for group, limit in groups.items()):
            continue
        if len(answers) == size:
            break
        counted.update(groups.keys())
        answers.append(CuratedAnswer(ranked))
        if vector is not None:
            vectors.append(vector)
        elif len(answers) == size:
            break  # no further item can join an answer, so the ranking need not be read any further
    return answers


def _find_duplicate(
    vector: NDArray[np.float32], vectors: Sequence[NDArray[np.float32]], min_cosine: float
) -> int | None:
    """Return the index of the first of some fingerprints that is a near-duplicate of another, if any."""
    if not vectors:
        return None
    matches = np.stack(vectors) @ vector >= min_cosine
    return int(np.argmax(matches)) if matches.any() else None


def _groups(item: Item, curation: Curation) -> dict[tuple[str, str], int]:
    """Return the limited groups to which an item belongs (its artist, its folder) and their limits."""
    groups = {}
    if curation.per_artist is not None and item.artist:
        groups["artist", item.artist.casefold()] = curation.per_artist
    if curation.per_folder is not None:
        folder = os.path.dirname(item.path)  # noqa: PTH120 - pathlib is too slow for thousands of paths
        groups["folder", folder] = curation.per_folder
    return groups
