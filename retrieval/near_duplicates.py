"""How alike two files of one kind are, by what the frozen backbone sees or hears in them."""

from __future__ import annotations

from collections.abc import Callable
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
from attune.indexer.library import Library
from attune.indexer.records import Item

_DUPLICATE_SHARE: Final = 0.875  # of the way from random files to identical ones
_SAMPLE_SIZE: Final = 200  # items that the likeness of random ones is measured on


@dataclass(frozen=True, slots=True)
class SimilarityScale:
    """What cosines between the features of one backbone mean.

    Attributes:
        random: The mean of two files picked at random.
    """

    random: float

    @property
    def same(self) -> float:
        """From here on two files count as near-duplicates."""
        return self.random + _DUPLICATE_SHARE * (1.0 - self.random)

    def rescale(self, cosines: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return 0 where files are no more alike than two random ones, 1 where near-duplicates begin."""
        return np.asarray(np.maximum((cosines - self.random) / (self.same - self.random), 0.0))


# Measured. Photos count as near-duplicates from 0.97 on: of 500,000 pairs of different ones one in 10,000
# lies above 0.952; 95 in 100 copies at half the size, cut by a tenth, tilted by 3 degrees or 20 percent
# brighter lie above 0.973. Music from 0.99 on: of pairs of different pieces one in 1,000 lies above 0.987; a
# piece and its MP3 lie above 0.990.
_MEASURED: Final = {
    EFFICIENTNET_LITE0.name: SimilarityScale(0.76),
    EFFICIENTNET_LITE2_FACES.name: SimilarityScale(0.82),
    MUSICNN_MSD.name: SimilarityScale(0.92),
    MUSICNN_HARMONY.name: SimilarityScale(0.92),
}
# What a file shows, what it sounds like: features before the meaning and the faces, before the harmony. Two
# strangers who smile alike are no duplicates.
_COLUMNS: Final = {EFFICIENTNET_LITE2_FACES.name: 2640, MUSICNN_HARMONY.name: MUSICNN_MSD.width}


class FingerprintSource(Protocol):
    """Fingerprints of items, and what their cosines mean."""

    @property
    def likeness(self) -> SimilarityScale:
        """The scale."""

    def __call__(self, item: Item) -> NDArray[np.float32]:
        """Return an item's fingerprint, unit length."""


class Fingerprints:
    """The fingerprints of a library's items of one kind, each computed once.

    Args:
        library: Whose.
        backbone: What made their features: that of the library's network.
    """

    def __init__(self, library: Library, backbone: Backbone) -> None:
        self._library = library
        self._backbone = backbone
        self._known: dict[int, NDArray[np.float32]] = {}

    def __call__(self, item: Item) -> NDArray[np.float32]:
        """Return an item's fingerprint, float32 (width,).

        Raises:
            LibraryError: Its features are lost.
        """
        if item.id not in self._known:
            features = self._library.features(item, self._backbone)
            self._known[item.id] = fingerprint(features[:, : _COLUMNS.get(self._backbone.name)])
        return self._known[item.id]

    @cached_property
    def likeness(self) -> SimilarityScale:
        """The scale: measured before for the shipped backbones, on the library itself for any other."""
        return find_similarity_scale(self._backbone, self._sample)

    def _sample(self) -> NDArray[np.float32]:
        ids = [item for item, _ in self._library.paths(self._backbone.kind)]
        some = ids[:: max(1, len(ids) // _SAMPLE_SIZE)]
        return np.stack([self(item) for item in self._library.items(some).values()])


def find_similarity_scale(backbone: Backbone, sample: Callable[[], NDArray[np.float32]]) -> SimilarityScale:
    """Return the scale of a backbone.

    Args:
        backbone: Whose.
        sample: Gives fingerprints of different files, (n, width), where the backbone is not a shipped one.
    """
    return _MEASURED.get(backbone.name) or SimilarityScale(mean_cosine(sample()))


def mean_cosine(prints: NDArray[np.float32]) -> float:
    """Return the mean cosine over the pairs of n fingerprints, (n, width); 0 of fewer than two."""
    if len(prints) < 2:
        return 0.0
    return float((prints @ prints.T)[np.triu_indices(len(prints), 1)].mean())


def fingerprint(features: NDArray[np.float16]) -> NDArray[np.float32]:
    """Return the mean of an item's feature rows, unit length, float32 (width,).

    Args:
        features: float16 (rows, width), as a library keeps them.
    """
    mean = features.astype(np.float32).mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), np.float32)
