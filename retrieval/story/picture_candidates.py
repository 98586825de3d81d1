"""The pictures of a library that a story may show, and how alike they are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import LibraryError, MediaError
from attune.embedding.backbones import Backbone
from attune.embedding.capture_date import read_capture_date
from attune.indexer.library import Library
from attune.indexer.records import Item
from attune.retrieval.search import Filters, build_glob_filter, filter_ids

# Cosines of backbone features. Two crops, encodings or exposures of one photo lie above 0.97, nine in ten
# above 0.98; of 580,000 pairs of different pictures none did.
SIMILAR_COSINE: Final = 0.95
DUPLICATE_COSINE: Final = 0.98
_MIN_CANDIDATES: Final = 1000  # pictures to choose from, where there are so many
_CANDIDATES_PER_SPAN: Final = 4  # at least so many times the spans


@dataclass(frozen=True, slots=True)
class PictureCandidates:
    """m pictures.

    Attributes:
        items: The pictures.
        vectors: float32 (m, 128), their embeddings.
        likeness: float32 (m, m), cosines of their backbone features.
    """

    items: list[Item]
    vectors: NDArray[np.float32]
    likeness: NDArray[np.float32]

    @property
    def affect(self) -> NDArray[np.float64]:
        """Valence and arousal, float64 (m, 2)."""
        points = [(item.affect.valence, item.affect.arousal) for item in self.items]
        return np.array(points, np.float64).reshape(-1, 2)

    def take(self, which: Sequence[int]) -> PictureCandidates:
        """Return some of the pictures, in the order given."""
        rows = np.asarray(which, np.int64)
        likeness = self.likeness[np.ix_(rows, rows)]
        return PictureCandidates([self.items[index] for index in rows.tolist()], self.vectors[rows], likeness)


def gather_candidates(
    library: Library, backbone: Backbone, asked: NDArray[np.float32], filters: Filters
) -> PictureCandidates:
    """Return the pictures that come into question for some vectors: the nearest ones of each in turn.

    Files that are gone are left out; so is what shows the same as a picture that fits better.

    Args:
        library: Where to look.
        backbone: What the features of its pictures come from.
        asked: float32 (n, 128), one for each place to fill.
        filters: Folders and globs; the number and the least score do not matter.
    """
    wanted = max(_MIN_CANDIDATES, _CANDIDATES_PER_SPAN * len(asked))
    passes, allowed_ids = build_glob_filter(library, filters), filter_ids(library, "image", filters)
    ranked = [library.nearest("image", vector, wanted, allowed_ids)[0] for vector in asked]
    if not any(map(len, ranked)):
        return PictureCandidates([], np.zeros((0, asked.shape[1]), np.float32), np.zeros((0, 0), np.float32))
    columns = np.stack([np.resize(ids, max(map(len, ranked))) for ids in ranked if len(ids)], axis=1)
    in_turn = list(dict.fromkeys(columns.ravel().tolist()))
    found = library.items(in_turn)
    items = [found[key] for key in in_turn if passes(found[key]) and os.access(found[key].path, os.R_OK)]
    items = items[:wanted]
    vectors = library.vectors([item.id for item in items])
    candidates = PictureCandidates(items, vectors, _compute_similarity(library, backbone, items))
    return candidates.take(_drop_duplicates(candidates.likeness))


def _compute_similarity(library: Library, backbone: Backbone, items: Sequence[Item]) -> NDArray[np.float32]:
    try:
        rows = [library.features(item, backbone)[0] for item in items]
    except LibraryError:
        return np.eye(len(items), dtype=np.float32)  # lost features: no two pictures are known to be alike
    features = np.array(rows, np.float32).reshape(len(items), -1)
    features /= np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-6)
    return np.asarray(features @ features.T, np.float32)


def _drop_duplicates(likeness: NDArray[np.float32]) -> list[int]:
    """Return the indices of all but those that show the same as an earlier one."""
    kept: list[int] = []
    for index in range(len(likeness)):
        if not kept or float(likeness[index, kept].max()) < DUPLICATE_COSINE:
            kept.append(index)
    return kept


def read_capture_time(path: str, known: str | None = None) -> datetime:
    """Return when a picture was taken: as the library knows, by its EXIF date, or by the file's time, local.

    Raises:
        MediaError: The file is gone.
    """
    try:
        if (taken := known or read_capture_date(path)) is not None:
            return datetime.fromisoformat(taken)
        return datetime.fromtimestamp(Path(path).stat().st_mtime)
    except OSError as error:
        raise MediaError(path, f"cannot be read ({error.strerror})") from error
