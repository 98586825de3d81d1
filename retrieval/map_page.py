"""Interactive HTML map of a library: one file that draws the plane on a canvas, zooms, shows and plays.

For a small library the page contains thumbnails and excerpts. For a large one it contains only positions and
names, and shows and plays the files from their folders on this disk.
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
from numpy.typing import NDArray

from attune.core.errors import MediaError
from attune.core.progress import Progress
from attune.core.reachability import find_missing
from attune.embedding.backbones import PATCH_S
from attune.indexer.library import LibraryReader
from attune.retrieval.answers import describe_missing
from attune.retrieval.audio_clip import encode_mp3_clip
from attune.retrieval.best_moment import find_best_segment
from attune.retrieval.html_parts import data_uri, make_thumbnail, write_from_template
from attune.retrieval.library_map import MapLayer
from attune.retrieval.mood_words import MOODS

MAX_INLINE_PICTURES = 500
"""The largest number of pictures whose thumbnails are embedded in the page."""
MAX_INLINE_SONGS = 50
"""The largest number of songs of which excerpts are embedded in the page."""

_TEMPLATE = Path(__file__).with_name("map.html")
_SIDE = 200
_BATCH = 1000  # items that are read at a time, of which only two numbers are kept
_EXCERPT_S = 15.0
_QUANTIZATION_STEPS = 32767  # pairs of numbers are stored as 16-bit integers: finer than any screen


def write_map_page(
    path: Path, library: LibraryReader, layers: list[MapLayer], progress: Progress
) -> list[str]:
    """Write the map of a library.

    Args:
        path: The HTML file.
        library: The library.
        layers: Its pictures and its music, from `load_layers`.
        progress: Receives the progress over thumbnails and excerpts.

    Returns:
        Sentences on files that are not there now: their points have no thumbnail or excerpt.

    Raises:
        AttuneError: The page cannot be written.
    """
    pictures, music = layers
    missing = {layer.kind: _find_missing_previews(layer) for layer in layers}
    thumbnails = _encode_thumbnails(pictures, missing["image"], progress)
    clips = _encode_clips(music, missing["music"], library, progress)
    data = {
        "image": _encode_layer(pictures, library) | {"inside": thumbnails},
        "music": _encode_layer(music, library) | {"inside": clips},
        "moods": [[word, *place] for word, place in MOODS.items()],
    }
    title = f"{len(pictures.ids):,} pictures and {len(music.ids):,} songs by their emotion"
    # A name that contains "</script>" must not end the script.
    script = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    write_from_template(path, _TEMPLATE, {"title": html.escape(title), "data": script})
    return [
        describe_missing(len(missing[layer.kind]), len(layer.paths), noun, f"the map's {previews}")
        for layer, noun, previews in ((pictures, "picture", "thumbnails"), (music, "song", "excerpts"))
        if missing[layer.kind]
    ]


def _find_missing_previews(layer: MapLayer) -> set[str]:
    """Return the paths of files that are not there now, if the page holds previews of the layer."""
    inline = {"image": MAX_INLINE_PICTURES, "music": MAX_INLINE_SONGS}[layer.kind]
    return find_missing(layer.paths) if len(layer.paths) <= inline else set()


def _encode_layer(layer: MapLayer, library: LibraryReader) -> dict[str, Any]:
    """Return places, estimates of valence and arousal, file names and the index of each file's folder.

    Names and folders are URI-quoted.
    """
    folders: dict[str, int] = {}
    folder_indices, files = [], []
    for path in layer.paths:
        folder, name = os.path.split(path)
        folder_indices.append(folders.setdefault(folder, len(folders)))
        files.append(quote(os.fsencode(name)))
    return {
        "places": _encode_pairs(layer.points),
        "estimates": _encode_pairs(_load_estimates(layer, library)),
        "folders": [Path(folder).as_uri() for folder in folders],
        "folder": folder_indices,
        "files": files,
        "names": layer.names,
    }


def _load_estimates(layer: MapLayer, library: LibraryReader) -> NDArray[np.float64]:
    """Return the estimated valence and arousal of a layer's items, (n, 2)."""
    pairs: list[tuple[float, float]] = []
    for first in range(0, len(layer.ids), _BATCH):
        batch = layer.ids[first : first + _BATCH]
        items = library.items(batch)
        pairs += [(items[item].affect.valence, items[item].affect.arousal) for item in batch]
    return np.array(pairs, np.float64).reshape(-1, 2)


def _encode_pairs(pairs: NDArray[np.float64]) -> str:
    quantized = np.round(np.clip(pairs, -1.0, 1.0) * _QUANTIZATION_STEPS).astype("<i2")
    return base64.b64encode(quantized.tobytes()).decode("ascii")


def _encode_thumbnails(layer: MapLayer, missing: set[str], progress: Progress) -> list[str | None] | None:
    if len(layer.paths) > MAX_INLINE_PICTURES:
        return None
    uris: list[str | None] = []
    progress.start("thumbnails", len(layer.paths))
    for path in layer.paths:
        try:
            uris.append(None if path in missing else data_uri("image/jpeg", make_thumbnail(path, _SIDE)))
        except MediaError:
            uris.append(None)
        progress.advance()
    progress.finish()
    return uris


def _encode_clips(
    layer: MapLayer, missing: set[str], library: LibraryReader, progress: Progress
) -> list[str | None] | None:
    """Return an excerpt of each song as a data URI, from its most typical moment on; None if unreadable."""
    if len(layer.paths) > MAX_INLINE_SONGS:
        return None
    uris: list[str | None] = []
    progress.start("excerpts", len(layer.paths))
    for item, path, vector in zip(layer.ids, layer.paths, library.vectors(layer.ids), strict=True):
        moments = library.moments([item]).get(item)
        best = None if moments is None else find_best_segment(moments, vector)
        start_s = 0.0 if best is None else best[0] * PATCH_S
        try:
            clip = None if path in missing else encode_mp3_clip(path, start_s, _EXCERPT_S)
            uris.append(None if clip is None else data_uri("audio/mpeg", clip))
        except MediaError:
            uris.append(None)
        progress.advance()
    progress.finish()
    return uris
