"""Near-duplicates and similarity of files of one kind, measured on the features of the frozen backbone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from attune.embedding.backbones import (
    EFFICIENTNET_LITE0,
    EFFICIENTNET_LITE2_FACES,
    MUSICNN_HARMONY,
    MUSICNN_MSD,
    Backbone,
)
from attune.embedding.silent_patches import average_sounding
from attune.indexer.library import LibraryReader
from attune.indexer.records import Item

_DUPLICATE_SHARE: Final = 0.875  # of the way from the mean cosine of random files to 1
_SAMPLE_SIZE: Final = 200  # items on which the mean cosine of random files is measured
_MAX_RANDOM_COSINE: Final = 0.999  # a library of nothing but copies must not make the scale empty
_KEPT: Final = 2000  # fingerprints in memory, 10 kB each, of which a server's next query needs many again


@dataclass(frozen=True, slots=True)
class SimilarityScale:
    """Scale of the cosines between fingerprints of one backbone.

    Attributes:
        random: Mean cosine of two files picked at random, below 1.
    """

    random: float

    @property
    def same(self) -> float:
        """The least cosine at which two files count as near-duplicates."""
        return self.random + _DUPLICATE_SHARE * (1.0 - self.random)

    def rescale(self, cosines: NDArray[np.floating]) -> NDArray[np.floating]:
        """Map cosines to a scale with 0 for random files and 1 where near-duplicates begin.

        Args:
            cosines: Of any shape. Values below `random` become 0; a cosine of 1 becomes 8/7.
        """
        return np.asarray(np.maximum((cosines - self.random) / (self.same - self.random), 0.0))


# Measured. Photos count as near-duplicates from 0.9675 on: of 500,000 pairs of different ones one in 10,000
# lies above 0.929; 95 in 100 copies at half the size, cut by a tenth, tilted by 3 degrees or 20 percent
# brighter lie above 0.968. Music from 0.99 on: of pairs of different pieces one in 1,000 lies above 0.987; a
# piece and its MP3 lie above 0.990.
_MEASURED: Final = {
    EFFICIENTNET_LITE0.name: SimilarityScale(0.74),
    EFFICIENTNET_LITE2_FACES.name: SimilarityScale(0.82),
    MUSICNN_MSD.name: SimilarityScale(0.92),
    MUSICNN_HARMONY.name: SimilarityScale(0.92),
}
# Blocks of features that do not count: only the content of a picture does, and the sound of a song. Two
# different people who smile alike are no near-duplicates.
_IGNORED_BLOCKS: Final = {"meaning", "faces", "face_pooled", "harmony"}


class FingerprintSource(Protocol):
    """Fingerprints of items, and the scale of their cosines."""

    @property
    def scale(self) -> SimilarityScale:
        """The scale of the cosines between these fingerprints."""

    def __call__(self, items: Sequence[Item]) -> NDArray[np.float32]:
        """Return the fingerprints of n items, float32 (n, width), of unit length or zero."""


class Fingerprints:
    """Fingerprints of a library's items of one kind; the last ones are kept in memory.

    Args:
        library: The library that holds the items and their features.
        backbone: The backbone that made the features: one of the library's network.
    """

    def __init__(self, library: LibraryReader, backbone: Backbone) -> None:
        self._library = library
        self._backbone = backbone
        counted = [name for name in backbone.layout.names if name not in _IGNORED_BLOCKS]
        self._columns = backbone.layout.select(np.arange(backbone.width)[None], counted)[0]
        self._lost = np.zeros(len(self._columns), np.float32)
        self._known: dict[int, NDArray[np.float32]] = {}

    def __call__(self, items: Sequence[Item]) -> NDArray[np.float32]:
        """Return the fingerprints of n items, float32 (n, width), of unit length.

        That of an item whose features are lost or damaged is zero, so that it resembles nothing.
        """
        known = self._known
        read = self._read([item for item in items if item.id not in known])
        found = {item.id: known[item.id] for item in items if item.id in known} | read
        self._known = found if len(known) > _KEPT else known | read  # other threads may be reading `known`
        return np.stack([found.get(item.id, self._lost) for item in items])

    def _read(self, items: Sequence[Item]) -> dict[int, NDArray[np.float32]]:
        stored = self._library.find_features(items, self._backbone)
        found = {
            item.id: features for item, features in zip(items, stored, strict=True) if features is not None
        }
        prints = compute_fingerprints(list(found.values()), self._columns) if found else ()
        return dict(zip(found, prints, strict=True))

    @cached_property
    def scale(self) -> SimilarityScale:
        """The scale: a constant for the shipped backbones, measured on the library for any other."""
        return find_similarity_scale(self._backbone, self._sample)

    def _sample(self) -> NDArray[np.float32]:
        ids = [item for item, _ in self._library.paths(self._backbone.kind)]
        sampled_ids = ids[:: max(1, len(ids) // _SAMPLE_SIZE)]
        prints = self(list(self._library.items(sampled_ids).values()))
        return prints[prints.any(axis=1)]  # without those that are lost


def open_fingerprints(library: LibraryReader, backbone: Backbone) -> Fingerprints:
    """Return the fingerprints of a library's items: the same object as long as the library is open."""
    name = f"fingerprints {backbone.id}"
    found: Fingerprints = library.derived.setdefault(name, Fingerprints(library, backbone))
    return found


def find_similarity_scale(backbone: Backbone, sample: Callable[[], NDArray[np.float32]]) -> SimilarityScale:
    """Return the scale of a backbone.

    Args:
        backbone: The backbone.
        sample: Returns fingerprints of different files, (n, width); called only if the backbone is not a
            shipped one.
    """
    if backbone.name in _MEASURED:
        return _MEASURED[backbone.name]
    return SimilarityScale(min(mean_cosine(sample()), _MAX_RANDOM_COSINE))


def mean_cosine(prints: NDArray[np.float32]) -> float:
    """Return the mean cosine over all pairs of n fingerprints, (n, width); 0 for fewer than two."""
    if len(prints) < 2:
        return 0.0
    return float((prints @ prints.T)[np.triu_indices(len(prints), 1)].mean())


def compute_fingerprints(
    features: Sequence[NDArray[np.float16]], columns: NDArray[np.int64] | slice = slice(None)
) -> NDArray[np.float32]:
    """Return the means of the sounding feature rows of n items, at unit length, float32 (n, width).

    Args:
        features: float16 (rows, width) each, as a library stores them; at least one.
        columns: The columns that count.
    """
    means = np.stack([average_sounding(rows) for rows in features])[:, columns]
    return np.asarray(means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12), np.float32)
