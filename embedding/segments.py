"""Embeddings of a whole song and of its overlapping segments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import UsageError
from attune.embedding.backbones import PATCH_S
from attune.embedding.network import Network, NetworkEmbeddings

SEGMENT_PATCHES = 3  # 9 s, about as long as a listener needs to judge the mood of a passage


@dataclass(frozen=True, slots=True)
class Segments:
    """A song's overlapping segments, which start `PATCH_S` seconds apart.

    Attributes:
        starts_s: Start of each segment in seconds, float64 (n,).
        span_s: Length of each segment in seconds.
        embedded: Embedding and affect of each segment.
    """

    starts_s: NDArray[np.float64]
    span_s: float
    embedded: NetworkEmbeddings


def segment_length(patches: int) -> int:
    """Return how many patches a segment covers in a song of `patches` patches."""
    return min(SEGMENT_PATCHES, patches)


def embed_track(network: Network, features: NDArray[np.float16]) -> NetworkEmbeddings:
    """Embed a whole song, or a part of it, by the mean of its patches' features.

    Args:
        network: The network.
        features: float16 (patches, width).

    Returns:
        One vector and one row of affect.
    """
    return network.embed("music", features.astype(np.float32).mean(axis=0, keepdims=True))


def embed_segments(network: Network, features: NDArray[np.float16]) -> Segments:
    """Embed each segment of a song by the mean of its patches' features.

    Args:
        network: The network.
        features: float16 (patches, width).

    Returns:
        max(1, patches - 2) segments.
    """
    span = segment_length(len(features))
    sums = np.cumsum(np.pad(features.astype(np.float64), ((1, 0), (0, 0))), axis=0)
    means = ((sums[span:] - sums[:-span]) / span).astype(np.float32)
    starts_s: NDArray[np.float64] = np.arange(len(means), dtype=np.float64) * PATCH_S
    return Segments(starts_s, span * PATCH_S, network.embed("music", means))


def slice_features(
    features: NDArray[np.float16], start_s: float | None, end_s: float | None
) -> NDArray[np.float16]:
    """Return the rows of a song's features that overlap the time from `start_s` to `end_s`.

    Args:
        features: float16 (patches, width).
        start_s: In seconds; None means the beginning of the song.
        end_s: In seconds; None means the end of the song.

    Raises:
        UsageError: The range is empty or starts after the song's end.
    """
    first = 0 if start_s is None else int(start_s // PATCH_S)
    last = len(features) if end_s is None else int(-(-end_s // PATCH_S))
    if end_s is not None and end_s <= (start_s or 0.0):
        raise UsageError("--to must be later than --from")
    if first >= len(features):
        raise UsageError(f"--from lies beyond the song's end ({len(features) * PATCH_S:.0f} s)")
    return features[first : max(last, first + 1)]
