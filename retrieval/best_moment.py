"""The moment of a song that suits an embedding best."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attune.embedding.backbones import PATCH_S
from attune.embedding.network import Network
from attune.embedding.segments import segment_length
from attune.indexer.records import Item
from attune.retrieval.answers import Moment


def find_best_segment(
    segments: NDArray[np.float32], vector: NDArray[np.float32], first: int = 0, after: int | None = None
) -> tuple[int, float] | None:
    """Return the index of the segment with the largest inner product with an embedding, and that product.

    None if all that count are silent.

    Args:
        segments: float32 (n, 128), unit length, embeddings of a song's segments; silent ones are NaN.
        vector: float32 (128,), unit length.
        first: Index of the first segment that counts.
        after: Index after the last segment that counts; None: all from `first` on.
    """
    inner = np.nan_to_num(segments[first:after] @ vector, nan=-np.inf)
    best = int(np.argmax(inner))
    return (first + best, float(inner[best])) if inner[best] > -np.inf else None


def find_best_moment(
    network: Network,
    segments: NDArray[np.float32],
    vector: NDArray[np.float32],
    length_s: float,
    first: int = 0,
    after: int | None = None,
) -> Moment | None:
    """Return the moment of a song that suits an embedding best; None if all that count are silent.

    Args:
        network: The network that embedded both.
        segments: float32 (n, 128), unit length, embeddings of the song's segments; silent ones are NaN.
        vector: float32 (128,), unit length.
        length_s: Length of a segment in seconds.
        first: Index of the first segment that counts.
        after: Index after the last segment that counts; None: all from `first` on.
    """
    found = find_best_segment(segments, vector, first, after)
    if found is None:
        return None
    best, inner = found
    start_s = best * PATCH_S
    return Moment(start_s, start_s + length_s, float(network.score(np.array(inner))))


def find_item_moment(
    network: Network, segments: NDArray[np.float32] | None, vector: NDArray[np.float32], item: Item
) -> Moment | None:
    """Return the best moment of a library's song, at most up to the song's end; None for a picture.

    Args:
        network: The network that embedded both.
        segments: The song's segments as the library has them; None for a picture.
        vector: float32 (128,), unit length.
        item: The song or picture.
    """
    if segments is None or not len(segments):
        return None
    moment = find_best_moment(network, segments, vector, segment_length(item.feature_rows) * PATCH_S)
    if moment is None or item.duration_s is None or item.duration_s >= moment.end_s:
        return moment
    return Moment(moment.start_s, item.duration_s, moment.score)
