"""What `attune demo` asks of the samples: two songs for their pictures, two pictures for their songs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from embedding.media import Kind
from embedding.network import Network
from indexer.library import Library
from retrieval.answer import find
from retrieval.query import Seeds
from retrieval.results import Answer
from retrieval.search import Filters

SAMPLES = Path(__file__).parent.parent / "samples"

_SAD = np.array([-0.8, -0.6])
_FESTIVE = np.array([0.8, 0.6])


@dataclass(frozen=True, slots=True)
class Scene:
    """One question and its answer."""

    title: str
    answer: Answer


def ask_both_ways(library: Library, network: Network) -> list[Scene]:
    """Ask with the saddest and the most festive song and picture, as the network hears and sees them."""
    seeds = Seeds(library, network)
    scenes = []
    for word, direction in (("saddest", _SAD), ("most festive", _FESTIVE)):
        song = _extreme(library, "music", direction)
        scenes.append(Scene(f"The {word} song", find(library, network, seeds, [song], Filters(10))))
    for word, direction in (("saddest", _SAD), ("most festive", _FESTIVE)):
        picture = _extreme(library, "image", direction)
        scenes.append(Scene(f"The {word} picture", find(library, network, seeds, [picture], Filters(4))))
    return scenes


def _extreme(library: Library, kind: Kind, direction: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    ids, points = library.affect(kind)
    item = int(ids[np.argmax(points @ direction)])
    return library.items([item])[item].path
