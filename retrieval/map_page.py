"""The map as a page: one file, drawn on a canvas, that zooms, shows and plays.

Of a small library the page holds thumbnails and excerpts. Of a large one it holds places and names, and
shows and plays the files from where they lie on this disk.
"""

from __future__ import annotations

import base64
import html
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from attune.core.errors import MediaError
from attune.core.progress import Progress
from attune.embedding.backbones import PATCH_S
from attune.indexer.library import Library
from attune.retrieval.atlas import Layer
from attune.retrieval.excerpt import mp3_excerpt
from attune.retrieval.page_parts import data_uri, thumbnail, write_filled
from attune.retrieval.plane import MOODS

PICTURES_INSIDE = 500
"""Up to so many pictures, their thumbnails are part of the page."""
SONGS_INSIDE = 50
"""Up to so many songs, an excerpt of each is part of the page."""

_TEMPLATE = Path(__file__).with_name("map.html")
_SIDE = 200
_EXCERPT_S = 15.0
_STEPS = 32767  # places are kept as 16-bit integers: finer than any screen


def write_map_page(path: Path, library: Library, layers: list[Layer], progress: Progress) -> None:
    """Write the map of a library.

    Args:
        path: Where to.
        library: Whose.
        layers: Its pictures and its music.
        progress: Told of the thumbnails and excerpts.

    Raises:
        AttuneError: The page cannot be written.
    """
    pictures, music = layers
    data = {
        "image": _columns(pictures) | {"inside": _thumbnails(pictures, progress)},
        "music": _columns(music) | {"inside": _excerpts(music, library, progress)},
        "moods": [[word, *place] for word, place in MOODS.items() if word != "neutral"],
    }
    title = f"{len(pictures.ids):,} pictures and {len(music.ids):,} songs by their emotion"
    # A name that holds "</script>" must not end the script.
    script = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    write_filled(path, _TEMPLATE, {"title": html.escape(title), "data": script})


def _columns(layer: Layer) -> dict[str, Any]:
    """Return places, and files as the numbers of their folders and their names: URIs, quoted."""
    places = np.round(np.clip(layer.points, -1.0, 1.0) * _STEPS).astype("<i2")
    folders: dict[str, int] = {}
    of_folder, files = [], []
    for path in layer.paths:
        folder, name = os.path.split(path)
        of_folder.append(folders.setdefault(folder, len(folders)))
        files.append(quote(os.fsencode(name)))
    return {
        "places": base64.b64encode(places.tobytes()).decode("ascii"),
        "folders": [Path(folder).as_uri() for folder in folders],
        "folder": of_folder,
        "files": files,
        "names": layer.names,
    }


def _thumbnails(layer: Layer, progress: Progress) -> list[str | None] | None:
    if len(layer.paths) > PICTURES_INSIDE:
        return None
    inside: list[str | None] = []
    progress.start("thumbnails", len(layer.paths))
    for path in layer.paths:
        try:
            inside.append(data_uri("image/jpeg", thumbnail(path, _SIDE)))
        except MediaError:
            inside.append(None)
        progress.advance()
    progress.finish()
    return inside


def _excerpts(layer: Layer, library: Library, progress: Progress) -> list[str | None] | None:
    """Return of each song the excerpt around the moment that is most like the whole."""
    if len(layer.paths) > SONGS_INSIDE:
        return None
    inside: list[str | None] = []
    progress.start("excerpts", len(layer.paths))
    for item, path, vector in zip(layer.ids, layer.paths, library.vectors(layer.ids), strict=True):
        moments = library.moments(item)
        start_s = 0.0 if moments is None else float(np.argmax(moments @ vector)) * PATCH_S
        try:
            inside.append(data_uri("audio/mpeg", mp3_excerpt(path, start_s, _EXCERPT_S)))
        except MediaError:
            inside.append(None)
        progress.advance()
    progress.finish()
    return inside
