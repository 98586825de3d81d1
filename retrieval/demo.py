"""The queries of `attune demo` on the shipped samples, and their page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from attune.core.errors import AttuneError, escape_path
from attune.embedding.network import Network
from attune.indexer.library import LibraryReader
from attune.retrieval.answer_page import Section, write_page
from attune.retrieval.answers import Answers
from attune.retrieval.mood import Mood, estimate_moods
from attune.retrieval.queries import find
from attune.retrieval.search import Filters
from attune.retrieval.seeds import QueryResolver

SAMPLES = Path(__file__).parent.parent / "samples"

_PICTURES, _SONGS = 10, 4


@dataclass(frozen=True, slots=True)
class Showcase:
    """The samples that stand for a mood in the demo.

    Attributes:
        mood: Name of a mood of `MOODS`.
        song: Path of a song, relative to `SAMPLES`.
        picture: Path of a picture, relative to `SAMPLES`.
    """

    mood: str
    song: str
    picture: str


# Chosen by eye, from the first ten pictures of every song and the first songs of every picture
# (`attune benchmark samples --sheets`), and by the titles of the songs. The sample that lies nearest to a
# mood need not be one that a person would show for it: the network takes a bay in the rain (photo-084) for
# festive, and finds it for both of the festive songs that are left out here.
SHOWCASES = (
    Showcase("calm", "music/song-11.opus", "photos/photo-021.jpg"),  # fields, flowers, swans; a lake
    Showcase("sad", "music/song-16.opus", "photos/photo-039.jpg"),  # a shack, a foggy pier; a grey city
    Showcase("festive", "music/song-19.opus", "photos/photo-060.jpg"),  # lights, young animals; a lit gate
)


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


def run_demo_queries(library: LibraryReader, network: Network, folder: Path = SAMPLES) -> list[DemoQuery]:
    """Run a query with the song, then with the picture, of each showcase.

    Args:
        library: A library of the samples.
        network: The network of that library.
        folder: Folder of the samples.

    Raises:
        AttuneError: A sample of a showcase is not there.
    """
    seeds = QueryResolver(library, network)
    queries = []
    for title, sample, limit in _iter_questions():
        path = folder / sample
        if not path.is_file():
            raise AttuneError(f"{escape_path(path)}: missing, a sample of the demo; install Attune again")
        answers = find(library, network, seeds, [str(path)], Filters(limit))
        item = seeds.file(str(path)).item
        name = (item.display_name if item else "") or escape_path(path.name)
        queries.append(DemoQuery(title, name, answers, estimate_moods(seeds, [str(path)])))
    return queries


def _iter_questions() -> Iterator[tuple[str, str, int]]:
    """Yield the heading, the sample and the number of answers of each query."""
    for showcase in SHOWCASES:
        yield f"A {showcase.mood} song", showcase.song, _PICTURES
    for showcase in SHOWCASES:
        yield f"A {showcase.mood} picture", showcase.picture, _SONGS


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
