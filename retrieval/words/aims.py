"""What answers should be near to: places of the plane, and what words mean.

An aim is one such thing: a named mood, a point, or a sentence, which has a place (its mood), a meaning (what
it names), or both. A target is all that a query asks for, and all that it does not want.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from attune.core.progress import Progress
from attune.embedding.media_files import Kind
from attune.indexer.library import LibraryReader
from attune.indexer.records import Item
from attune.retrieval.words.meaning import Meaning

_WIDTH: Final = 0.5  # at this distance, a quarter of the width of the plane, closeness is 0.61
_GIVEN_WORTH: Final = 0.1  # to each file, before worth and closeness are multiplied
_FULL_WORTH: Final = 0.1  # a library whose best file is worth less has nothing that is meant


@dataclass(frozen=True, slots=True)
class Aim:
    """One thing that answers should be near to, or far from.

    Attributes:
        name: How people call it: the name of a mood, "the point", or a sentence in quotes.
        place: Its place on the plane; None if it says nothing of mood.
        meaning: What it names; None if it names nothing.
        weight: Weight of the meaning, in [0, 1]; the place has the rest.
        text: The sentence; None if it is none.
    """

    name: str
    place: tuple[float, float] | None
    meaning: Meaning | None = None
    weight: float = 0.0
    text: str | None = None

    def measure(
        self, library: LibraryReader, kind: Kind, progress: Progress | None = None
    ) -> NDArray[np.float64]:
        """Return how near the items of one kind are, float64 (n,), in [0, 1], ordered as `library.places`."""
        _, points = library.places(kind)
        worth = None if self.meaning is None else self.meaning.match(library, progress).worth
        return self.blend(points, worth)

    def blend(self, points: NDArray[np.float64], worth: NDArray[np.float64] | None) -> NDArray[np.float64]:
        """Return how near n files are, float64 (n,), in [0, 1].

        Closeness to the place and the stretched worth are joined by their weighted geometric mean, so that
        the best files have both. A little worth is given to each file: where a library has nothing that is
        meant, the place decides.

        Args:
            points: Their places, (n, 2).
            worth: How well they match the meaning, (n,), in [0, 1]; None for an aim without one.
        """
        if worth is None:
            return np.zeros(len(points)) if self.place is None else closeness(points, self.place)
        if self.place is None:
            return stretch(worth)
        meant = (stretch(worth) + _GIVEN_WORTH) / (1.0 + _GIVEN_WORTH)
        return np.asarray(closeness(points, self.place) ** (1.0 - self.weight) * meant**self.weight)


@dataclass(frozen=True, slots=True)
class Nearness:
    """How near the n items of one kind are to a target, in the order of `LibraryReader.places`.

    Attributes:
        ids: Ids of the items, int64 (n,), ascending.
        near: Mean closeness to the aims, float64 (n,), in [0, 1]; None without aims.
        kept: What closeness to unwanted things leaves, float64 (n,), in [0, 1].
    """

    ids: NDArray[np.int64]
    near: NDArray[np.float64] | None
    kept: NDArray[np.float64]

    @property
    def ranked_ids(self) -> NDArray[np.int64]:
        """Ids of all items, the nearest first."""
        return self.ids[np.argsort(-self.blend(None, slice(None)), kind="stable")]

    def blend_items(self, scores: NDArray[np.float64], items: Sequence[Item]) -> NDArray[np.float64]:
        """Return how well m items meet queries with some scores, float64 (..., m), in [0, 1]."""
        return self.blend(scores, np.searchsorted(self.ids, [item.id for item in items]))

    def blend(
        self, scores: NDArray[np.float64] | None, rows: NDArray[np.int64] | slice
    ) -> NDArray[np.float64]:
        """Return how well some items meet a query, float64 (m,), in [0, 1].

        Args:
            scores: Chance that each of the items shares the mood of a query's files, (..., m); None without
                files.
            rows: Their rows.
        """
        kept = self.kept[rows]
        if self.near is None:
            return np.asarray(kept if scores is None else scores * kept, np.float64)
        near = self.near[rows]
        return np.asarray((near if scores is None else (scores + near) / 2.0) * kept, np.float64)


@dataclass(frozen=True, slots=True)
class Target:
    """All that a query asks for beside its files.

    Attributes:
        aims: What answers should be near to; each counts the same.
        unwanted: What they should be far from.
    """

    aims: tuple[Aim, ...] = ()
    unwanted: tuple[Aim, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.aims or self.unwanted)

    def measure(self, library: LibraryReader, kind: Kind, progress: Progress | None = None) -> Nearness:
        """Measure all items of one kind.

        Args:
            library: The library.
            kind: The kind.
            progress: Told while the features of a library are read for the first time.
        """
        near = [aim.measure(library, kind, progress) for aim in self.aims]
        ids, _ = library.places(kind)
        kept = np.ones(len(ids))
        for aim in self.unwanted:
            kept = kept * (1.0 - aim.measure(library, kind, progress))
        return Nearness(ids, np.asarray(np.mean(near, axis=0)) if near else None, kept)


ANYTHING: Final = Target()
"""The target of a query that asks for nothing beside its files."""


def closeness(points: NDArray[np.float64], place: tuple[float, float]) -> NDArray[np.float64]:
    """Return the closeness of places to a place, float64 (n,), in [0, 1].

    It is exp(-d² / (2 · 0.5²)) at distance d.

    Args:
        points: Places, (n, 2).
        place: Valence and arousal; its own closeness is 1.
    """
    squares = ((points - np.asarray(place)) ** 2).sum(axis=1)
    return np.asarray(np.exp(-squares / (2 * _WIDTH**2)))


def stretch(worth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the worth of all files of a library, (n,), stretched so that the best file has 1.

    A library of which no file is worth a tenth has nothing that is meant, and is stretched less.
    """
    return np.asarray(worth / max(float(worth.max(initial=0.0)), _FULL_WORTH))
