"""Queries by file, by words and by point of the plane, as the command line and the web server run them."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace

from attune.core.errors import UsageError
from attune.core.progress import Progress
from attune.embedding.media_files import Kind
from attune.embedding.network import Network
from attune.indexer.library import LibraryReader
from attune.retrieval.answers import Answer, Answers, LibraryInfo, QueryEntry, mark_missing
from attune.retrieval.correspondence import measure_correspondence
from attune.retrieval.filter_notes import describe_filters
from attune.retrieval.poor_match import describe_poor_match
from attune.retrieval.query_parameters import BrowseParameters, FindParameters
from attune.retrieval.search import Filters, search_nearest
from attune.retrieval.seeds import WHOLE_SONG, QuerySource, Span, mean_vector
from attune.retrieval.words.aims import ANYTHING, Target
from attune.retrieval.words.targets import describe_idle_weight, describe_words

logger = logging.getLogger(__name__)


def find(
    library: LibraryReader,
    network: Network,
    seeds: QuerySource,
    paths: Sequence[str],
    filters: Filters,
    span: Span = WHOLE_SONG,
    against: Sequence[str] = (),
    target: Target = ANYTHING,
    wanted: Kind | None = None,
    progress: Progress | None = None,
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
        target: What the answers should also be near to, and far from.
        wanted: Kind of the answers; None: the other kind than that of the first file.
        progress: Told while the features of a library are read for the first time.

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
    if target:
        from attune.retrieval.target_search import search_with_target

        found = search_with_target(library, network, vector, target, kind, filters, progress)
    else:
        found = search_nearest(library, network, vector, kind, filters)
    correspondence = measure_correspondence(
        network, [item.affect for item in query], [answer.affect for answer in found]
    )
    found = [
        replace(answer, correspondence=chance) for answer, chance in zip(found, correspondence, strict=True)
    ]
    entries = [item.entry for item in query]
    notes = describe_poor_match(kind, entries, found, target)
    return _build_answers(kind, entries, found, filters, library, network, began, notes, target)


def find_and_explain(
    library: LibraryReader,
    network: Network,
    seeds: QuerySource,
    paths: Sequence[str],
    query: FindParameters,
    filters: Filters,
    wanted: Kind | None = None,
    progress: Progress | None = None,
) -> Answers:
    """Find the items that files and words ask for, and explain them if the query says so.

    Args:
        library: The library to search.
        network: The network of that library.
        seeds: Source of the embeddings of files.
        paths: Files; none if the query has words.
        query: The parameters of the query.
        filters: Conditions on the answers, from those parameters.
        wanted: Kind of the answers; None: the other kind than that of the first file.
        progress: Told while the features of a library are read for the first time.

    Raises:
        UsageError: A file does not exist or is no media, or words say nothing.
        MediaError: A file cannot be used.
    """
    kind: Kind = wanted or ("image" if seeds.file(paths[0]).kind == "music" else "music")
    target = query.make_target(network, kind)
    if not paths:
        if query.against or not query.span.whole:
            raise UsageError("words alone have no part of a song, and no file to be unlike; name a file too")
        answers = find_near(library, network, target, kind, filters, query.why, progress)
        return _note_idle_weight(answers, query.meaning)
    answers = find(library, network, seeds, paths, filters, query.span, query.against, target, kind, progress)
    answers = _note_idle_weight(answers, query.meaning)
    if not query.why:
        return answers
    from attune.retrieval.explain import explain_answers

    return explain_answers(answers, library, network, seeds, paths, query.span, target)


def find_near(
    library: LibraryReader,
    network: Network,
    target: Target,
    kind: Kind,
    filters: Filters,
    why: bool = False,
    progress: Progress | None = None,
) -> Answers:
    """Find the items that are nearest to a target, such as words, without any file.

    Args:
        library: The library to search.
        network: The network of that library.
        target: What the answers should be near to, and far from.
        kind: The kind of the answers.
        filters: Conditions on the answers.
        why: Whether each answer is explained.
        progress: Told while the features of a library are read for the first time.
    """
    from attune.retrieval.target_search import search_target

    began = time.perf_counter()
    found = search_target(library, network, target, kind, filters, progress)
    if why:
        from attune.retrieval.words.explanation import explain_target

        found = [replace(answer, explanation=explain_target(target, library, answer)) for answer in found]
    entries = [
        QueryEntry.from_place(kind, *aim.place)
        for aim in target.aims
        if aim.text is None and aim.place is not None
    ]
    return _build_answers(kind, entries, found, filters, library, network, began, target=target)


def browse(
    library: LibraryReader,
    network: Network,
    query: BrowseParameters,
    filters: Filters,
    progress: Progress | None = None,
) -> Answers:
    """Find the items nearest to a point of the plane, a named mood, or words.

    Args:
        library: The library to search.
        network: The network of that library.
        query: The parameters of the query.
        filters: Conditions on the answers, from those parameters.
        progress: Told while the features of a library are read for the first time.

    Raises:
        UsageError: Words say nothing.
    """
    target = query.make_target(network)
    answers = find_near(library, network, target, query.kind, filters, query.why, progress)
    return _note_idle_weight(answers, query.meaning)


def _note_idle_weight(answers: Answers, weight: float | None) -> Answers:
    return replace(answers, notes=answers.notes + describe_idle_weight(weight, answers.words))


def _build_answers(
    wanted: Kind,
    query: list[QueryEntry],
    found: list[Answer],
    filters: Filters,
    library: LibraryReader,
    network: Network,
    began: float,
    notes: tuple[str, ...] = (),
    target: Target = ANYTHING,
) -> Answers:
    found = mark_missing(found)
    generation = library.generation
    source = LibraryInfo(str(library.path), generation.id, generation.images, generation.music, network.name)
    notes += describe_filters(library, wanted, filters)
    elapsed_ms = (time.perf_counter() - began) * 1000
    logger.debug("%d results of kind %s in %.1f ms", len(found), wanted, elapsed_ms)
    words = describe_words(target) if target else ()
    return Answers(wanted, query, found, source, elapsed_ms, notes, words)
