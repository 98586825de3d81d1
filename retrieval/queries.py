"""Queries by file and by point of the plane, as the command line and the web server run them."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace

from attune.embedding.media_files import Kind
from attune.embedding.network import Network
from attune.indexer.library import LibraryReader
from attune.retrieval.answers import Answer, Answers, LibraryInfo, QueryEntry, mark_missing
from attune.retrieval.correspondence import measure_correspondence
from attune.retrieval.filter_notes import describe_filters
from attune.retrieval.mood_words import MOODS
from attune.retrieval.poor_match import describe_poor_match
from attune.retrieval.query_parameters import FindParameters
from attune.retrieval.search import Filters, search_nearest
from attune.retrieval.seeds import WHOLE_SONG, QuerySource, Span, mean_vector

logger = logging.getLogger(__name__)


def find(
    library: LibraryReader,
    network: Network,
    seeds: QuerySource,
    paths: Sequence[str],
    filters: Filters,
    span: Span = WHOLE_SONG,
    against: Sequence[str] = (),
    mood: str | None = None,
    wanted: Kind | None = None,
) -> Answers:
    """Find the items that share the mood of one or several files most probably.

    Scores are calibrated between pictures and music; within one kind they only give an order.

    Args:
        library: The library to search.
        network: The network of that library.
        seeds: Source of the embeddings of files.
        paths: Files, at least one; the query is the mean of their embeddings.
        filters: Conditions on the answers.
        span: The part of each song to use.
        against: Files of either kind that the answers should be less similar to; they are no answers.
        mood: Name of a mood of `MOODS` that the answers should also be close to.
        wanted: Kind of the answers; None: the other kind than that of the first file.

    Raises:
        UsageError: A file does not exist or is no media.
        MediaError: A file cannot be used.
    """
    began = time.perf_counter()
    query = [seeds.seed(path, span) for path in paths]
    kind: Kind = wanted or ("image" if query[0].kind == "music" else "music")
    vector = mean_vector(query, [seeds.seed(path) for path in against])
    unwanted = {item.id for path in against if (item := seeds.file(path).item) is not None}
    filters = replace(filters, without=filters.without | unwanted)
    if mood is None:
        found = search_nearest(library, network, vector, kind, filters)
    else:
        from attune.retrieval.affect_plane import search_with_mood

        found = search_with_mood(library, network, vector, MOODS[mood], kind, filters)
    correspondence = measure_correspondence(
        network, [item.affect for item in query], [answer.affect for answer in found]
    )
    found = [
        replace(answer, correspondence=chance) for answer, chance in zip(found, correspondence, strict=True)
    ]
    entries = [item.entry for item in query]
    notes = describe_poor_match(kind, entries, found, mood)
    return _build_answers(kind, entries, found, filters, library, network, began, notes)


def find_and_explain(
    library: LibraryReader,
    network: Network,
    seeds: QuerySource,
    paths: Sequence[str],
    query: FindParameters,
    filters: Filters,
    wanted: Kind | None = None,
) -> Answers:
    """Find the items that share the mood of files most probably, and explain them if the query says so.

    Args:
        library: The library to search.
        network: The network of that library.
        seeds: Source of the embeddings of files.
        paths: Files, at least one.
        query: The parameters of the query.
        filters: Conditions on the answers, from those parameters.
        wanted: Kind of the answers; None: the other kind than that of the first file.

    Raises:
        UsageError: A file does not exist or is no media.
        MediaError: A file cannot be used.
    """
    answers = find(library, network, seeds, paths, filters, query.span, query.against, query.mood, wanted)
    if not query.why:
        return answers
    from attune.retrieval.explain import explain_answers

    return explain_answers(answers, library, network, seeds, paths, query.span)


def browse(library: LibraryReader, network: Network, point: QueryEntry, filters: Filters) -> Answers:
    """Find the items nearest to a point of the plane; `point.kind` is the kind of the answers."""
    from attune.retrieval.affect_plane import search_plane

    began = time.perf_counter()
    wanted: Kind = point.kind or "image"
    found = search_plane(library, network, point.valence, point.arousal, wanted, filters)
    return _build_answers(wanted, [point], found, filters, library, network, began)


def _build_answers(
    wanted: Kind,
    query: list[QueryEntry],
    found: list[Answer],
    filters: Filters,
    library: LibraryReader,
    network: Network,
    began: float,
    notes: tuple[str, ...] = (),
) -> Answers:
    found = mark_missing(found)
    generation = library.generation
    source = LibraryInfo(str(library.path), generation.id, generation.images, generation.music, network.name)
    notes += describe_filters(library, wanted, filters)
    elapsed_ms = (time.perf_counter() - began) * 1000
    logger.debug("%d results of kind %s in %.1f ms", len(found), wanted, elapsed_ms)
    return Answers(wanted, query, found, source, elapsed_ms, notes)
