"""Query parameters of the HTTP API: filters, pages of results, time spans, points of the affect plane."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from attune.core.errors import UsageError
from attune.embedding.media_files import Kind
from attune.retrieval.answers import QueryEntry
from attune.retrieval.mood_words import MOODS
from attune.retrieval.search import Filters
from attune.retrieval.seeds import Span

MAX_REFERENCES = 16

Likes = Annotated[
    list[str],
    Query(
        alias="like",
        max_length=MAX_REFERENCES,
        description="More like these ids. May be repeated.",
    ),
]
Unlikes = Annotated[
    list[str],
    Query(
        alias="unlike",
        max_length=MAX_REFERENCES,
        description="Less like these ids. May be repeated.",
    ),
]


def read_filters(
    limit: Annotated[int, Query(ge=1, le=200, description="Maximum number of results.")] = 40,
    offset: Annotated[int, Query(ge=0, le=2000, description="Number of best results to skip.")] = 0,
    min_score: Annotated[float, Query(ge=0.0, le=1.0, description="Minimum score.")] = 0.0,
    below: Annotated[
        list[str] | None, Query(alias="in", max_length=16, description="Only files in these folders.")
    ] = None,
    exclude: Annotated[
        list[str] | None, Query(max_length=16, description="No files that match these glob patterns.")
    ] = None,
) -> Filters:
    """Read the parameters of every search. A folder is only compared with paths, never opened."""
    return Filters(limit, min_score, tuple(below or ()), tuple(exclude or ()), offset=offset)


def read_span(
    start_s: Annotated[
        float | None, Query(alias="from", ge=0, description="Use a song from this second on.")
    ] = None,
    end_s: Annotated[float | None, Query(alias="to", gt=0, description="Use it up to this second.")] = None,
) -> Span:
    """Read the part of a song to search with."""
    return Span(start_s, end_s)


def read_point(
    kind: Annotated[Kind, Query(description="What to search for.")] = "image",
    valence: Annotated[float | None, Query(ge=-1.0, le=1.0, description="Unpleasant to pleasant.")] = None,
    arousal: Annotated[float | None, Query(ge=-1.0, le=1.0, description="Quiet to excited.")] = None,
    mood: Annotated[str | None, Query(description="A named mood, instead of valence and arousal.")] = None,
) -> QueryEntry:
    """Read a point of the affect plane.

    Raises:
        UsageError: The parameters give no point, two points, or an unknown mood.
    """
    if mood is not None:
        if valence is not None or arousal is not None:
            raise UsageError("give either mood or valence and arousal")
        if mood not in MOODS:
            raise UsageError(f"mood {mood[:40]!r}: unknown; the moods are {', '.join(MOODS)}")
        valence, arousal = MOODS[mood]
    if valence is None or arousal is None:
        raise UsageError("give valence and arousal, or mood")
    return QueryEntry(None, kind, None, valence, arousal)
