"""What a client's parameters mean: filters, spans, points of the plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Query

from attune.core.errors import UsageError
from attune.embedding.media_files import Kind
from attune.retrieval.affect_plane import MOODS
from attune.retrieval.results import QueryEntry
from attune.retrieval.search import Filters
from attune.retrieval.seeds import Span

MAX_REFERENCES = 16

Likes = Annotated[
    list[str],
    Query(alias="like", max_length=MAX_REFERENCES, description="Ids: more like these. May be repeated."),
]
Unlikes = Annotated[
    list[str], Query(alias="unlike", max_length=MAX_REFERENCES, description="Ids: less like these.")
]


@dataclass(frozen=True, slots=True)
class SearchParams:
    """Which part of an answer is wanted.

    Attributes:
        offset: How many of the best are passed over.
        limit: How many are wanted.
        filters: What results must fulfil; its limit leaves room for seeds that are passed over.
    """

    offset: int
    limit: int
    filters: Filters


def read_search_params(
    limit: Annotated[int, Query(ge=1, le=200, description="How many answers.")] = 40,
    offset: Annotated[int, Query(ge=0, le=2000, description="How many of the best to pass over.")] = 0,
    min_score: Annotated[float, Query(ge=0.0, le=1.0, description="Least score.")] = 0.0,
    below: Annotated[
        list[str] | None, Query(alias="in", max_length=16, description="Only below these folders.")
    ] = None,
    exclude: Annotated[
        list[str] | None, Query(max_length=16, description="Nothing that matches these globs.")
    ] = None,
) -> SearchParams:
    """Read the parameters that every question takes. A folder is compared with paths, never opened."""
    filters = Filters(offset + limit + MAX_REFERENCES, min_score, tuple(below or ()), tuple(exclude or ()))
    return SearchParams(offset, limit, filters)


def read_span(
    start_s: Annotated[
        float | None, Query(alias="from", ge=0, description="Ask with a song from this second on.")
    ] = None,
    end_s: Annotated[float | None, Query(alias="to", gt=0, description="And up to this one.")] = None,
) -> Span:
    """Read the part of a song to ask with."""
    return Span(start_s, end_s)


def read_point(
    kind: Annotated[Kind, Query(description="What to look for.")] = "image",
    valence: Annotated[float | None, Query(ge=-1.0, le=1.0, description="Unpleasant to pleasant.")] = None,
    arousal: Annotated[float | None, Query(ge=-1.0, le=1.0, description="Quiet to excited.")] = None,
    mood: Annotated[str | None, Query(description="A named mood instead.")] = None,
) -> QueryEntry:
    """Read a point of the plane.

    Raises:
        UsageError: There is none, or two.
    """
    if mood is not None:
        if valence is not None or arousal is not None:
            raise UsageError("give either mood or valence and arousal")
        if mood not in MOODS:
            raise UsageError(f"mood {mood[:40]!r}: unknown; there are {', '.join(MOODS)}")
        valence, arousal = MOODS[mood]
    if valence is None or arousal is None:
        raise UsageError("give valence and arousal, or mood")
    return QueryEntry(None, kind, None, valence, arousal)
