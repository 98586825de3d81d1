"""Positions of a library's items on the valence–arousal plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attune.embedding.media_files import Kind
from attune.indexer.library import LibraryReader


@dataclass(frozen=True, slots=True)
class MapLayer:
    """The n items of one kind, in the order of ids.

    Attributes:
        kind: image or music.
        ids: Keys in the library, ascending.
        points: Places on the plane, float64 (n, 2).
        paths: Absolute paths of the files.
        names: Artist and title of songs that have such tags, by index into the other lists.
    """

    kind: Kind
    ids: list[int]
    points: NDArray[np.float64]
    paths: list[str]
    names: dict[int, str]


def load_layers(library: LibraryReader) -> list[MapLayer]:
    """Return two layers: the pictures of a library and its music."""
    return [_load_layer(library, "image"), _load_layer(library, "music")]


def _load_layer(library: LibraryReader, kind: Kind) -> MapLayer:
    ids, points = library.places(kind)
    item_ids = ids.tolist()
    paths = dict(library.paths(kind))
    names = {}
    if kind == "music":  # pictures have no artist and title
        items = library.items(item_ids)
        for index, item in enumerate(item_ids):
            tags = (items[item].artist, items[item].title)
            if name := " – ".join(tag for tag in tags if tag):
                names[index] = name
    return MapLayer(kind, item_ids, points, [paths[item] for item in item_ids], names)
