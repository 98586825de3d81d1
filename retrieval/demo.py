"""The queries of `attune demo` on the shipped samples, and their page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from attune.core.errors import escape_path
from attune.embedding.media_files import Kind
from attune.embedding.network import Network
from attune.indexer.library import LibraryReader
from attune.retrieval.affect_plane import search_plane
from attune.retrieval.answer_page import Section, write_page
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


_TITLE = "Music and pictures by the emotion they share"
_LEAD = "Made by attune demo from the shipped samples. Percentages are chances of a shared mood."


def write_demo_page(path: Path, queries: Sequence[DemoQuery]) -> None:
    """Write the page.

    Args:
        path: The HTML file.
        queries: The demo's queries, with one file each.

    Raises:
        AttuneError: The page cannot be written.
    """
    sections = [Section(f"{query.title}: {query.name}", query.answers, query.moods) for query in queries]
    write_page(path, _TITLE, _LEAD, sections)
