"""The pictures of a library that a film may show, and their similarity."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import MediaError
from attune.core.reachability import find_missing
from attune.embedding.backbones import Backbone
from attune.embedding.capture_facts import read_capture_facts
from attune.indexer.library import LibraryReader
from attune.indexer.records import Item
from attune.retrieval.near_duplicates import Fingerprints
from attune.retrieval.search import Filters, build_item_filter, filter_ids

_MIN_CANDIDATES: Final = 1000  # pictures to choose from, if the library has so many
_CANDIDATES_PER_SPAN: Final = 4  # pictures to choose from, for each span at least


@dataclass(frozen=True, slots=True)
class PictureCandidates:
    """The m pictures from which those of a film are chosen.

    Attributes:
        items: The pictures.
        vectors: float32 (m, 128), their embeddings.
        similarity: float32 (m, m), on the scale of `near_duplicates`: 0 for two pictures that are no more
            alike than random ones, 1 where near-duplicates begin.
        missing: Number of pictures that would be among them if their files were there now.
    """

    items: list[Item]
    vectors: NDArray[np.float32]
    similarity: NDArray[np.float32]
    missing: int = 0

    @property
    def places(self) -> NDArray[np.float64]:
        """Place of each picture on the plane, float64 (m, 2)."""
        return np.array([item.affect.place for item in self.items], np.float64).reshape(-1, 2)

    def take(self, indices: Sequence[int]) -> PictureCandidates:
        """Return some of the pictures, in the order of the indices."""
        rows = np.asarray(indices, np.int64)
        similarity = self.similarity[np.ix_(rows, rows)]
        return PictureCandidates(
            [self.items[index] for index in rows.tolist()], self.vectors[rows], similarity, self.missing
        )


def gather_candidates(
    library: LibraryReader,
    backbone: Backbone,
    queries: NDArray[np.float32],
    filters: Filters,
    preferred: Sequence[int] = (),
) -> PictureCandidates:
    """Return the pictures nearest to any of several query vectors, without near-duplicates.

    The vectors take turns: the nearest picture of each comes first, then the second of each, and so on. Files
    that cannot be read any more are left out, and so are near-duplicates of a picture that comes earlier.

    Args:
        library: The library that holds the pictures.
        backbone: The backbone that made the features of its pictures.
        queries: float32 (n, 128), embeddings of the moments for which pictures are wanted.
        filters: Folders, dates and exclusions; its number and least score have no effect.
        preferred: Ids of pictures that are wanted for another reason, the best first; every second candidate
            is one of them.
    """
    wanted = max(_MIN_CANDIDATES, _CANDIDATES_PER_SPAN * len(queries))
    passes = build_item_filter(library, filters)
    ranked = [library.nearest("image", vector, wanted, filters.selection)[0] for vector in queries]
    if not any(map(len, ranked)):
        return PictureCandidates(
            [], np.zeros((0, queries.shape[1]), np.float32), np.zeros((0, 0), np.float32)
        )
    columns = np.stack([np.resize(ids, max(map(len, ranked))) for ids in ranked if len(ids)], axis=1)
    others = list(preferred)
    if others and (allowed_ids := filter_ids(library, "image", filters)) is not None:
        allowed = set(allowed_ids.tolist())
        others = [key for key in others if key in allowed]
    in_turn = list(dict.fromkeys(_alternate(columns.ravel().tolist(), others)))
    found = library.items(in_turn)
    passing = [found[key] for key in in_turn if passes(found[key])]
    missing = find_missing(item.path for item in passing)
    items = [item for item in passing if item.path not in missing and os.access(item.path, os.R_OK)]
    items = items[:wanted]
    vectors = library.vectors([item.id for item in items])
    candidates = PictureCandidates(
        items, vectors, _compute_similarity(Fingerprints(library, backbone), items), len(missing)
    )
    return candidates.take(_drop_duplicates(candidates.similarity))


def _alternate(first: Sequence[int], second: Sequence[int]) -> Iterator[int]:
    """Yield the ids of two lists in turn, then what is left of the longer one."""
    for pair in zip_longest(first, second):
        yield from (key for key in pair if key is not None)


def _compute_similarity(prints: Fingerprints, items: Sequence[Item]) -> NDArray[np.float32]:
    if not items:
        return np.zeros((0, 0), np.float32)
    vectors = prints(items)
    return np.asarray(prints.scale.rescale(vectors @ vectors.T), np.float32)


def _drop_duplicates(similarity: NDArray[np.float32]) -> list[int]:
    """Return the indices of all pictures that are no near-duplicate of an earlier one in the list."""
    kept: list[int] = []
    for index in range(len(similarity)):
        if not kept or float(similarity[index, kept].max()) < 1.0:
            kept.append(index)
    return kept


def read_capture_time(path: str, capture_date: str | None = None) -> datetime:
    """Return when a picture was taken, in local time.

    Args:
        path: The picture.
        capture_date: ISO 8601 date that the library has for it. Without one, the date in the file
            counts; without that, the file's modification time.

    Raises:
        MediaError: The file is gone.
    """
    try:
        if (taken := capture_date or read_capture_facts(path, "image").taken) is not None:
            return datetime.fromisoformat(taken)
        return datetime.fromtimestamp(Path(path).stat().st_mtime)
    except OSError as error:
        raise MediaError(path, f"cannot be read ({error.strerror})") from error
