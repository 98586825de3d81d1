"""A whole library on the valence–arousal plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attune.embedding.media_files import Kind
from attune.indexer.library import Library


@dataclass(frozen=True, slots=True)
class MapLayer:
    """All items of one kind, by id.

    Attributes:
        kind: image or music.
        ids: Keys in the library, ascending.
        points: Valence and arousal, float64 (n, 2).
        paths: Their files.
        names: Artist and title by position, where the tags name them.
    """

    kind: Kind
    ids: list[int]
    points: NDArray[np.float64]
    paths: list[str]
    names: dict[int, str]


def load_layers(library: Library) -> list[MapLayer]:
    """Return the pictures and the music of a library."""
    return [_load_layer(library, "image"), _load_layer(library, "music")]


def _load_layer(library: Library, kind: Kind) -> MapLayer:
    ids, points = library.affect(kind)
    known = ids.tolist()
    paths = dict(library.paths(kind))
    names = {}
    if kind == "music":  # pictures have no tags that name them
        items = library.items(known)
        for place, item in enumerate(known):
            tags = (items[item].artist, items[item].title)
            if named := " – ".join(tag for tag in tags if tag):
                names[place] = named
    return MapLayer(kind, known, points, [paths[item] for item in known], names)
