"""Embeddings of a whole song and of its overlapping segments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import UsageError
from attune.embedding.backbones import PATCH_S
from attune.embedding.network import Network, NetworkEmbeddings
from attune.embedding.silent_patches import average_sounding, is_silent

SEGMENT_PATCHES = 3  # 9 s, about as long as a listener needs to judge the mood of a passage


@dataclass(frozen=True, slots=True)
class Segments:
    """A song's overlapping segments, which start `PATCH_S` seconds apart unless silent ones are left out.

    Attributes:
        starts_s: Start of each segment in seconds, float64 (n,).
        span_s: Length of each segment in seconds.
        embedded: Embedding and affect of each segment; NaN for one that is mostly silent.
    """

    starts_s: NDArray[np.float64]
    span_s: float
    embedded: NetworkEmbeddings

    def without_silence(self) -> Segments:
        """Return the segments that are not silent, at least one; their starts may be further apart."""
        sounds = ~is_silent(self.embedded.vectors)
        embedded = NetworkEmbeddings(self.embedded.vectors[sounds], self.embedded.affect[sounds])
        return Segments(self.starts_s[sounds], self.span_s, embedded)


def segment_length(patches: int) -> int:
    """Return how many patches a segment covers in a song of `patches` patches."""
    return min(SEGMENT_PATCHES, patches)


def embed_track(network: Network, features: NDArray[np.float16]) -> NetworkEmbeddings:
    """Embed a whole song, or a part of it, by the mean of the features of the patches that are not silent.

    Args:
        network: The network.
        features: float16 (patches, width); at least one patch is not silent.

    Returns:
        One vector and one row of affect.
    """
    return network.embed("music", average_sounding(features)[None])


def embed_segments(network: Network, features: NDArray[np.float16]) -> Segments:
    """Embed each segment of a song by the mean of the features of its patches that are not silent.

    A segment of which less than half sounds is NaN; only in a song without any better one it is embedded.

    Args:
        network: The network.
        features: float16 (patches, width); at least one patch is not silent.

    Returns:
        max(1, patches - 2) segments.
    """
    span = segment_length(len(features))
    sounds = ~is_silent(features)
    counts = _sum_windows(sounds[:, None].astype(np.float64), span)[:, 0]
    is_heard = counts >= min(span / 2, counts.max())
    sums = _sum_windows(np.where(sounds[:, None], features, 0).astype(np.float64), span)
    means = (sums[is_heard] / counts[is_heard, None]).astype(np.float32)
    starts_s: NDArray[np.float64] = np.arange(len(sums), dtype=np.float64) * PATCH_S
    return Segments(starts_s, span * PATCH_S, _spread(network.embed("music", means), is_heard))


def _sum_windows(rows: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Return the sum of each run of `length` rows, float64 (n - length + 1, width)."""
    sums = np.cumsum(np.pad(rows, ((1, 0), (0, 0))), axis=0)
    return np.asarray(sums[length:] - sums[:-length])


def _spread(embedded: NetworkEmbeddings, is_heard: NDArray[np.bool_]) -> NetworkEmbeddings:
    """Return embeddings with a row for each segment, NaN for those that are not heard."""
    if is_heard.all():
        return embedded
    arrays = embedded.vectors, embedded.affect
    vectors, affect = (np.full((len(is_heard), rows.shape[1]), np.nan, np.float32) for rows in arrays)
    vectors[is_heard], affect[is_heard] = embedded.vectors, embedded.affect
    return NetworkEmbeddings(vectors, affect)


def slice_features(
    features: NDArray[np.float16], start_s: float | None, end_s: float | None
) -> NDArray[np.float16]:
    """Return the rows of a song's features that overlap the time from `start_s` to `end_s`.

    Args:
        features: float16 (patches, width).
        start_s: In seconds; None means the beginning of the song.
        end_s: In seconds; None means the end of the song.

    Raises:
        UsageError: The range is empty, starts after the song's end or holds nothing but silence.
    """
    first = 0 if start_s is None else int(start_s // PATCH_S)
    last = len(features) if end_s is None else int(-(-end_s // PATCH_S))
    if end_s is not None and end_s <= (start_s or 0.0):
        raise UsageError("--to must be later than --from")
    if first >= len(features):
        raise UsageError(f"--from lies beyond the song's end ({len(features) * PATCH_S:.0f} s)")
    part = features[first : max(last, first + 1)]
    if is_silent(part).all():
        raise UsageError("nothing but silence lies between --from and --to: choose another part of the song")
    return part
