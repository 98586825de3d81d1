"""Journeys: paths of songs or pictures through a library, from one mood to another."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from attune.embedding.media_files import Kind
from attune.embedding.network import Network
from attune.indexer.library import LibraryReader
from attune.indexer.records import Item
from attune.retrieval.answers import Answer, Answers, LibraryInfo, QueryEntry, mark_missing
from attune.retrieval.filter_notes import describe_filters
from attune.retrieval.journey_ends import JourneyEnd, resolve_end
from attune.retrieval.journey_parameters import JourneyParameters
from attune.retrieval.journey_path import trace_line
from attune.retrieval.journey_pool import JourneyPool
from attune.retrieval.mood_words import mood_word
from attune.retrieval.search import Filters
from attune.retrieval.seeds import QuerySource
from attune.retrieval.words.aims import closeness

logger = logging.getLogger(__name__)

_GAP = 0.25  # half the distance of neighbouring moods: beyond it, a step has the mood of another place
_NOUNS: dict[Kind, str] = {"image": "picture", "music": "song"}


@dataclass(frozen=True, slots=True)
class JourneyRequest:
    """What a journey should be.

    Attributes:
        kind: Kind of the files to pass.
        steps: Number of files, both ends counted, at least two.
        start: Where it begins. A file of the kind that the library has is itself the first step.
        end: Where it ends. A file of the kind that the library has is itself the last step.
        via: Places through which the line bends, in order.
    """

    kind: Kind
    steps: int
    start: JourneyEnd
    end: JourneyEnd
    via: tuple[JourneyEnd, ...] = ()

    @property
    def ends(self) -> list[JourneyEnd]:
        """Start, bends and end, in order."""
        return [self.start, *self.via, self.end]


@dataclass(frozen=True, slots=True)
class JourneyStep:
    """One file of a journey.

    Attributes:
        answer: The file; its closeness is that to the waypoint.
        waypoint: The place on the line that it stands for.
        step: Distance from the place of the file before it; None for the first one.
    """

    answer: Answer
    waypoint: tuple[float, float]
    step: float | None

    @property
    def gap(self) -> float:
        """Distance of its place from its waypoint."""
        return math.dist(self.answer.place, self.waypoint)


@dataclass(frozen=True, slots=True)
class Journey:
    """A path through a library.

    Attributes:
        kind: Kind of its files.
        start: The start.
        end: The end.
        via: The bends between them, in order.
        steps: The files, in order; no one twice.
        library: The library.
        elapsed_ms: Duration of the search in milliseconds.
        notes: Sentences on what people should know, such as a part of the way where the library has nothing.
    """

    kind: Kind
    start: QueryEntry
    end: QueryEntry
    via: tuple[QueryEntry, ...]
    steps: tuple[JourneyStep, ...]
    library: LibraryInfo
    elapsed_ms: float
    notes: tuple[str, ...] = ()

    @property
    def lengths(self) -> list[float]:
        """Distances between the places of successive files."""
        return [step.step for step in self.steps if step.step is not None]

    @property
    def mean_step(self) -> float | None:
        """Mean of these distances; None for fewer than two files."""
        return sum(self.lengths) / len(self.lengths) if self.lengths else None

    @property
    def largest_step(self) -> float | None:
        """The largest of these distances; None for fewer than two files."""
        return max(self.lengths, default=None)

    @property
    def answers(self) -> Answers:
        """The journey as answers to a query of its ends and bends."""
        query = [self.start, *self.via, self.end]
        results = [step.answer for step in self.steps]
        return Answers(self.kind, query, results, self.library, self.elapsed_ms, self.notes)


def resolve_request(
    seeds: QuerySource,
    start: str,
    end: str,
    query: JourneyParameters,
) -> JourneyRequest:
    """Return the request that texts stand for; see `resolve_end`.

    Raises:
        UsageError: A text is neither a file nor a mood, a place or words.
        MediaError: A file cannot be used.
    """
    ends = [resolve_end(text, seeds, query.kind) for text in (start, *query.via, end)]
    return JourneyRequest(query.kind, query.steps, ends[0], ends[-1], tuple(ends[1:-1]))


def plan_journey(
    library: LibraryReader, network: Network, request: JourneyRequest, filters: Filters
) -> Journey:
    """Find a path of files along a line on the plane, in even steps, none used twice.

    Near-duplicates of one another are not both in the path, unless the filters say so or both are its ends.

    Args:
        library: The library.
        network: The network of that library.
        request: What the journey should be.
        filters: Conditions on the files, of which limit, least score and variety do not count. Ends need not
            fulfil them.

    Raises:
        UsageError: An exclusion is no valid pattern, or a path that does not belong to the library.
    """
    began = time.perf_counter()
    kind = request.kind
    first, last = _own_item(request.start, kind), _own_item(request.end, kind)
    notes = []
    if first is not None and last is not None and first.id == last.id:
        last = None
        notes.append(f"both ends are the same {_NOUNS[kind]}, which is the first step alone")
    pool = JourneyPool(library, network, kind, filters, first, last)
    items, waypoints = _choose_items(pool, request, fold=filters.curation.fold)
    steps = _make_steps(items, waypoints)
    if len(steps) < request.steps:
        notes.append(
            f"{len(steps)} steps in place of {request.steps}: the library has no more {_NOUNS[kind]}s that "
            "pass the conditions and are no near-duplicates"
        )
    notes += [*_describe_gap(steps, kind), *_describe_jump(steps), *describe_filters(library, kind, filters)]
    generation = library.generation
    source = LibraryInfo(str(library.path), generation.id, generation.images, generation.music, network.name)
    elapsed_ms = (time.perf_counter() - began) * 1000
    logger.debug("a journey of %d steps of kind %s in %.1f ms", len(steps), kind, elapsed_ms)
    via = tuple(one.entry for one in request.via)
    ends = request.start.entry, request.end.entry
    return Journey(kind, *ends, via, steps, source, elapsed_ms, tuple(notes))


def _own_item(end: JourneyEnd, kind: Kind) -> Item | None:
    return end.item if end.item is not None and end.item.kind == kind else None


def _choose_items(
    pool: JourneyPool, request: JourneyRequest, *, fold: bool
) -> tuple[list[Item], NDArray[np.float64]]:
    """Return the items of a journey and their waypoints: as many as requested, or as there are."""
    count = min(request.steps, pool.size)
    while count > 0:
        waypoints = trace_line([end.entry.place for end in request.ends], count)
        path = pool.choose(waypoints)
        if path is None:
            count -= 1
        elif fold and pool.remove_duplicates(path, waypoints):
            count = min(count, pool.size)
        else:
            return path, waypoints
    return [], np.empty((0, 2))


def _make_steps(items: Sequence[Item], waypoints: NDArray[np.float64]) -> tuple[JourneyStep, ...]:
    aims = [(float(valence), float(arousal)) for valence, arousal in waypoints]
    answers = mark_missing(
        [
            Answer(item, rank, None, float(closeness(np.array([item.affect.place]), aim)[0]))
            for rank, (item, aim) in enumerate(zip(items, aims, strict=True), start=1)
        ]
    )
    lengths = [None, *(math.dist(one.place, other.place) for one, other in pairwise(answers))]
    return tuple(map(JourneyStep, answers, aims, lengths[: len(answers)]))


def _describe_gap(steps: Sequence[JourneyStep], kind: Kind) -> list[str]:
    """Return a sentence on the part of the line that is farthest from any file, if that is far."""
    worst = max(steps, key=lambda step: step.gap, default=None)
    if worst is None or worst.gap <= _GAP:
        return []
    far = sum(step.gap > _GAP for step in steps)
    others = "" if far == 1 else f"; {far} steps are farther than {_GAP:g} from the line"
    valence, arousal = worst.waypoint
    return [
        f"the library has too few {_NOUNS[kind]}s near {valence:+.2f}, {arousal:+.2f} "
        f"({mood_word(worst.waypoint)}): step {worst.answer.rank} is {worst.gap:.2f} away{others}"
    ]


def _describe_jump(steps: Sequence[JourneyStep]) -> list[str]:
    """Return a sentence on the largest step, if it is much larger than the one along the line."""
    jumps = [
        (here.step or 0.0, math.dist(before.waypoint, here.waypoint), here.answer.rank)
        for before, here in pairwise(steps)
    ]
    length, ideal, rank = max(jumps, default=(0.0, 0.0, 0))
    if length <= ideal + _GAP:
        return []
    return [f"the largest step, to step {rank}, is {length:.2f} long where the line goes {ideal:.2f}"]
