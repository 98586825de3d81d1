"""What `attune demo` asks of the samples: two songs for their pictures, two pictures for their songs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from attune.core.errors import printable
from attune.embedding.media import Kind
from attune.embedding.network import Network
from attune.indexer.library import Library
from attune.retrieval.answer import find
from attune.retrieval.mood import Mood, moods
from attune.retrieval.plane import MOODS, nearest_on_plane
from attune.retrieval.query import Seeds
from attune.retrieval.results import Answer
from attune.retrieval.search import Filters

SAMPLES = Path(__file__).parent.parent / "samples"

_WAYS: tuple[tuple[Kind, str, int], ...] = (("music", "song", 10), ("image", "picture", 4))


@dataclass(frozen=True, slots=True)
class Scene:
    """One question, what its song or picture is called, its answer, and what was asked with."""

    title: str
    name: str
    answer: Answer
    moods: list[Mood]


def ask_both_ways(library: Library, network: Network) -> list[Scene]:
    """Ask with the song and the picture that the network finds nearest to sad, and nearest to festive."""
    seeds = Seeds(library, network)
    scenes = []
    for kind, noun, limit in _WAYS:
        for mood in ("sad", "festive"):
            (asked,) = nearest_on_plane(library, network, *MOODS[mood], kind, Filters(limit=1))
            answer = find(library, network, seeds, [asked.path], Filters(limit))
            name = asked.named or printable(Path(asked.path).name)
            scenes.append(Scene(f"A {mood} {noun}", name, answer, moods(seeds, [asked.path])))
    return scenes
