"""Queries of `attune demo` on the samples: pictures for two songs, and songs for two pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from attune.core.errors import escape_path
from attune.embedding.media_files import Kind
from attune.embedding.network import Network
from attune.indexer.library import LibraryReader
from attune.retrieval.affect_plane import search_plane
from attune.retrieval.answers import Answers
from attune.retrieval.mood import Mood, estimate_moods
from attune.retrieval.mood_words import MOODS
from attune.retrieval.queries import find
from attune.retrieval.search import Filters
from attune.retrieval.seeds import QueryResolver

SAMPLES = Path(__file__).parent.parent / "samples"

_QUERY_KINDS: tuple[tuple[Kind, str, int], ...] = (("music", "song", 10), ("image", "picture", 4))


@dataclass(frozen=True, slots=True)
class DemoQuery:
    """One query of the demo.

    Attributes:
        title: Heading, such as "A sad song".
        name: Name of the song or picture of the query.
        answers: Its answers.
        moods: The mood of that song or picture.
    """

    title: str
    name: str
    answers: Answers
    moods: list[Mood]


def run_demo_queries(library: LibraryReader, network: Network) -> list[DemoQuery]:
    """Run a query with each of four samples: the song and the picture nearest to sad, and to festive."""
    seeds = QueryResolver(library, network)
    queries = []
    for kind, noun, limit in _QUERY_KINDS:
        for mood in ("sad", "festive"):
            (sample,) = search_plane(library, network, *MOODS[mood], kind, Filters(limit=1))
            answers = find(library, network, seeds, [sample.path], Filters(limit))
            name = sample.display_name or escape_path(Path(sample.path).name)
            queries.append(DemoQuery(f"A {mood} {noun}", name, answers, estimate_moods(seeds, [sample.path])))
    return queries
