"""Kept backbone features: one growing file of float16 rows for each backbone."""

from __future__ import annotations

import os
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.artefacts import fsync
from embedding.backbones import Backbone

FOLDER = "features"


class FeatureStore:
    """Rows are appended and never changed; the catalogue says which rows are whose.

    A row counts only once the catalogue names it. So a torn tail, left by a kill, is cut off before the
    next row is written.

    Args:
        library: The library's folder.
        backbone: Whose features.
    """

    def __init__(self, library: Path, backbone: Backbone) -> None:
        self._path = library / FOLDER / f"{backbone.id}.f16"
        self._width = backbone.width
        self._row_bytes = backbone.width * 2

    def count(self) -> int:
        """Return how many whole rows the file has; 0 if there is none."""
        return self._path.stat().st_size // self._row_bytes if self._path.exists() else 0

    def open_at(self, rows: int) -> None:
        """Make the store end after so many rows: those that the catalogue names.

        Where a damaged file has fewer, zeros take the place of those that are lost. No generation to come
        may name them.
        """
        self._path.parent.mkdir(exist_ok=True)
        with self._path.open("ab") as file:
            file.truncate(min(rows, self.count()) * self._row_bytes)  # half a row is a lost row
            file.truncate(rows * self._row_bytes)
        fsync(self._path.parent)

    def has(self, first: int, count: int) -> bool:
        """Say whether rows are kept and were not lost."""
        return self.read(first, count) is not None

    def read(self, first: int, count: int) -> NDArray[np.float16] | None:
        """Return rows, float16 (count, width); None if any of them is missing or was lost."""
        rows = np.asarray(self.rows()[first : first + count])
        return rows if len(rows) == count and rows.any(axis=1).all() else None

    def append(self, features: list[NDArray[np.float16]]) -> list[int]:
        """Write features durably at the end.

        Args:
            features: Arrays of shape (rows, width).

        Returns:
            The first row of each.
        """
        with self._path.open("ab") as file:
            first = file.tell() // self._row_bytes
            for rows in features:
                file.write(np.ascontiguousarray(rows, dtype="<f2").tobytes())
            file.flush()
            os.fsync(file.fileno())
        return list(accumulate((len(rows) for rows in features), initial=first))[:-1]

    def rows(self) -> NDArray[np.float16]:
        """Return all whole rows, memory-mapped: float16, shape (rows, width)."""
        count = self.count()
        if count == 0:
            return np.empty((0, self._width), np.float16)
        mapped: Any = np.memmap(self._path, dtype="<f2", mode="r", shape=(count, self._width))
        return mapped  # type: ignore[no-any-return]
