"""From files to a whole answer: what every face of Attune calls."""

from __future__ import annotations

import time
from collections.abc import Sequence

from attune.embedding.media_files import Kind
from attune.embedding.network import Network
from attune.indexer.library import Library
from attune.retrieval.affect_plane import MOODS, search_plane, search_with_mood
from attune.retrieval.results import Answer, LibraryInfo, QueryEntry, Result
from attune.retrieval.search import Filters, search_nearest
from attune.retrieval.seeds import WHOLE_SONG, QuerySource, Span, mean_vector


def find(
    library: Library,
    network: Network,
    seeds: QuerySource,
    paths: Sequence[str],
    filters: Filters,
    span: Span = WHOLE_SONG,
    against: Sequence[str] = (),
    mood: str | None = None,
    wanted: Kind | None = None,
) -> Answer:
    """Find what corresponds with files: in the kind that is wanted, else in the other kind than theirs.

    Scores are measured between the kinds; inside one kind they only order.

    Args:
        library: Where to look.
        network: The network of that library.
        seeds: What turns files into embeddings.
        paths: Files; their mean is asked with.
        filters: Number, least score, folders.
        span: The part of each song to ask with.
        against: Counter-seeds: files of either kind that answers shall be less like.
        mood: Name of a mood of `MOODS` that answers shall also lie near.
        wanted: What is looked for.

    Raises:
        UsageError: A file does not exist or is no media.
        MediaError: A file cannot be used.
    """
    began = time.perf_counter()
    asked = [seeds.seed(path, span) for path in paths]
    kind: Kind = wanted or ("image" if asked[0].kind == "music" else "music")
    vector = mean_vector(asked, [seeds.seed(path) for path in against])
    if mood is None:
        found = search_nearest(library, network, vector, kind, filters)
    else:
        found = search_with_mood(library, network, vector, MOODS[mood], kind, filters)
    return _build_answer(kind, [seed.asked for seed in asked], found, library, network, began)


def browse(library: Library, network: Network, point: QueryEntry, filters: Filters) -> Answer:
    """Find what lies near a point of the plane; the point's kind says what is looked for."""
    began = time.perf_counter()
    wanted: Kind = point.kind or "image"
    found = search_plane(library, network, point.valence, point.arousal, wanted, filters)
    return _build_answer(wanted, [point], found, library, network, began)


def _build_answer(
    wanted: Kind,
    asked: list[QueryEntry],
    found: list[Result],
    library: Library,
    network: Network,
    began: float,
) -> Answer:
    generation = library.generation
    source = LibraryInfo(str(library.path), generation.id, generation.images, generation.music, network.name)
    return Answer(wanted, asked, found, source, (time.perf_counter() - began) * 1000)
