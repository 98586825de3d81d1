"""Content labels of all items of a library, derived from the stored features and kept beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from attune.core.progress import Progress, SilentProgress
from attune.embedding.backbones import Backbone
from attune.embedding.content_labels import (
    CLASSES_SHA256,
    LABELS_KEPT,
    TEMPERATURE,
    ContentLabels,
    compute_content_labels,
)
from attune.indexer.library import LibraryReader

_BATCH: Final = 512  # items whose features are in memory at once, 5 kB per picture
_ROW: Final = np.dtype(
    [("id", "<i8"), ("crc", "<u4"), ("indices", "<u2", LABELS_KEPT), ("shares", "<f2", LABELS_KEPT)]
)


@dataclass(frozen=True, slots=True)
class LibraryLabels:
    """Content labels of every item of one kind.

    Attributes:
        ids: Ids of the items, int64 (n,), ascending: the order of `LibraryReader.places`.
        labels: Their labels; all shares are 0 for an item whose features are lost.
    """

    ids: NDArray[np.int64]
    labels: ContentLabels

    def of(self, item: int) -> ContentLabels | None:
        """Return the labels of one item, (1, LABELS_KEPT); None if there is no such item."""
        place = int(np.searchsorted(self.ids, item))
        if place == len(self.ids) or self.ids[place] != item:
            return None
        return ContentLabels(self.labels.indices[place : place + 1], self.labels.shares[place : place + 1])


def open_content_labels(
    library: LibraryReader, backbone: Backbone, progress: Progress | None = None
) -> LibraryLabels:
    """Return the content labels of a library's items: the same object as long as the library is open.

    What an earlier call derived is read from the library's folder. For the other items, the features are
    read, and what is derived from them is added there.

    Args:
        library: The library.
        backbone: The backbone that made the features of one kind, with `has_content_labels`.
        progress: Receives the number of items whose features are read; silent by default. If it is
            interrupted, the next call continues.

    Raises:
        ArtefactError: The shipped classifier is missing or damaged.
    """
    name = f"content labels {backbone.id}"
    if name not in library.derived:
        library.derived[name] = _derive(library, backbone, progress or SilentProgress())
    found: LibraryLabels = library.derived[name]
    return found


def _derive(library: LibraryReader, backbone: Backbone, progress: Progress) -> LibraryLabels:
    ids, checksums = library.features_checksums(backbone.kind)
    version = f"labels-{backbone.id}-{CLASSES_SHA256[:8]}-{LABELS_KEPT}-{TEMPERATURE:g}"
    cache = library.open_row_cache(backbone.kind, version, _ROW)
    kept = cache.read()
    rows = np.zeros(len(ids), _ROW)
    rows["id"], rows["crc"] = ids, checksums
    in_ids, in_rows = cache.match(kept, ids, checksums)
    rows[in_ids] = kept[in_rows]
    is_known = np.zeros(len(ids), bool)
    is_known[in_ids] = True
    missing = np.flatnonzero(~is_known)
    progress.start(f"labels: {backbone.kind}", len(missing))
    try:
        for first in range(0, len(missing), _BATCH):
            places = missing[first : first + _BATCH]
            is_known[places] = _fill(rows, places, library, backbone)
            progress.advance(len(places))
    finally:
        if len(kept) != len(in_ids) or is_known.sum() != len(in_ids):
            cache.write(rows[is_known])
        progress.finish()
    return LibraryLabels(ids, ContentLabels(rows["indices"], rows["shares"]))


def _fill(
    rows: NDArray[Any], places: NDArray[np.int64], library: LibraryReader, backbone: Backbone
) -> NDArray[np.bool_]:
    """Derive the rows at some places; return at which of them the features could be read, bool (m,)."""
    items = library.items(rows["id"][places].tolist())
    features = library.find_features([items[item] for item in rows["id"][places].tolist()], backbone)
    readable = np.array([one is not None for one in features], bool)
    if readable.any():
        labels = compute_content_labels([one for one in features if one is not None], backbone)
        rows["indices"][places[readable]] = labels.indices
        rows["shares"][places[readable]] = labels.shares
    return readable
