"""From a ranking to a choice: near-duplicates folded, caps for artists and folders, variety.

    ranking ─ folded and capped, best first ─ pool ─ varied ─ answers

Each step is exact by its own definition, over the whole ranking: it is read as deep as the answers need it.
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

_POOL = 3  # candidates for each answer that is wanted, where answers are varied
_POOL_LEAST = 30


@dataclass(frozen=True, slots=True)
class Curation:
    """How answers are chosen from the ranking.

    Attributes:
        fold: Near-duplicates of a better answer are no answers of their own.
        diverse: Weight of variety against correspondence, in [0, 1]; 0: none.
        per_artist: At most so many songs of one artist; None: any number. Without an artist: no limit.
        per_folder: At most so many files of one folder; None: any number.
    """

    fold: bool = False
    diverse: float = 0.0
    per_artist: int | None = None
    per_folder: int | None = None


NO_CURATION = Curation()


@dataclass(frozen=True, slots=True)
class RankedItem:
    """One place of a ranking.

    Attributes:
        item: The picture or song.
        score: Its correspondence probability, or its closeness to a point; in [0, 1].
        worth: What it is ranked by, falling; the score, unless a mood was added.
    """

    item: Item
    score: float
    worth: float


@dataclass(slots=True)
class CuratedAnswer:
    """One answer that was chosen.

    Attributes:
        ranked: Its place in the ranking.
        alike: Near-duplicates that are folded into it, best first.
    """

    ranked: RankedItem
    alike: list[Item] = field(default_factory=list)


def curate(
    ranking: Iterable[RankedItem], limit: int, how: Curation, prints: FingerprintSource
) -> list[CuratedAnswer]:
    """Choose answers.

    1. The ranking is walked from its best on. With `fold`, an item that is a near-duplicate of an answer
       joins the first such answer. An item whose artist or folder has its full number is left out. Any other
       is an answer, until the pool is full: the walk ends where the next answer would stand.
    2. With `diverse` = d, the pool holds 3 candidates for each answer, 30 at least, and answers are taken out
       of it one by one: each time the one with the largest (1 - d) r - d s, the better ranked of equal ones
       (maximal marginal relevance; Carbonell and Goldstein, SIGIR 1998). r is its worth, scaled so that the
       pool's least is 0 and its largest 1. s is its likeness to the most alike answer that was taken: 0 for
       two items picked at random or less alike still, 1 for near-duplicates.

    Args:
        ranking: Best first; read as far as it is needed.
        limit: How many are wanted.
        how: What is asked for.
        prints: What likeness is measured on; not asked for where nothing is folded or varied.

    Returns:
        At most `limit` choices, in the order in which they are to be shown.
    """
    size = max(_POOL_LEAST, _POOL * limit) if how.diverse else limit
    pool = _fold_and_cap(ranking, size, how, prints)
    if not how.diverse:
        return pool
    vectors = np.stack([prints(choice.ranked.item) for choice in pool]) if pool else np.empty((0, 1))
    worth = np.array([choice.ranked.worth for choice in pool])
    similarity = prints.scale.rescale(vectors @ vectors.T)
    return [pool[place] for place in select_diverse(worth, similarity, how.diverse, limit)]


def select_diverse(
    worth: NDArray[np.floating], similarity: NDArray[np.floating], diverse: float, limit: int
) -> list[int]:
    """Choose by maximal marginal relevance, as step 2 of `curate` says.

    Args:
        worth: (n,), falling.
        similarity: (n, n), 0 to about 1.
        diverse: Weight of variety in [0, 1].
        limit: How many to choose.

    Returns:
        Places in the order in which they are chosen.
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
    ranking: Iterable[RankedItem], size: int, how: Curation, prints: FingerprintSource
) -> list[CuratedAnswer]:
    kept: list[CuratedAnswer] = []
    vectors: list[NDArray[np.float32]] = []
    counted: Counter[tuple[str, str]] = Counter()
    for ranked in ranking:
        vector = prints(ranked.item) if how.fold else None
        twin = None if vector is None else _find_duplicate(vector, vectors, prints.scale.same)
        if twin is not None:
            kept[twin].alike.append(ranked.item)
            continue
        groups = _groups(ranked.item, how)
        if any(counted[group] >= most for group, most in groups.items()):
            continue
        if len(kept) == size:
            break
        counted.update(groups.keys())
        kept.append(CuratedAnswer(ranked))
        if vector is not None:
            vectors.append(vector)
        elif len(kept) == size:
            break  # nothing more can join an answer: the ranking is not looked into any deeper
    return kept


def _find_duplicate(
    vector: NDArray[np.float32], vectors: Sequence[NDArray[np.float32]], least: float
) -> int | None:
    if not vectors:
        return None
    same = np.stack(vectors) @ vector >= least
    return int(np.argmax(same)) if same.any() else None


def _groups(item: Item, how: Curation) -> dict[tuple[str, str], int]:
    """Return the groups that an item counts in, with the largest number of each."""
    groups = {}
    if how.per_artist is not None and item.artist:
        groups["artist", item.artist.casefold()] = how.per_artist
    if how.per_folder is not None:
        groups["folder", os.path.dirname(item.path)] = how.per_folder  # noqa: PTH120 - of thousands of paths
    return groups
