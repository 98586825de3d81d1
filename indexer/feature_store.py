"""Storage of backbone features: one append-only file of float16 rows per backbone."""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Callable, Iterable
from itertools import accumulate
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from attune.core.atomic_files import fsync, make_folder
from attune.core.progress import Progress
from attune.embedding.backbones import DEFAULT_BACKBONES, Backbone

FOLDER = "features"
LOST_FEATURES = "lost some features; `attune repair` computes them again"
"""What is said of a library some of whose features are missing or damaged."""
COPIED_PART_BYTES = 1 << 20


class FeatureStore:
    """Append-only file of feature rows; the catalogue records which rows belong to which item.

    A row is valid only if the catalogue refers to it. So incomplete rows at the end, left by a kill, are cut
    off before the next row is written.

    Args:
        library: The library's folder.
        backbone: Backbone that computed the features.
        open_file: Opens a file for appending; tests replace it to simulate a failing disk.
    """

    def __init__(
        self,
        library: Path,
        backbone: Backbone,
        open_file: Callable[[Path], IO[bytes]] = lambda path: path.open("ab"),
    ) -> None:
        self._open_file = open_file
        self._mapped: NDArray[np.float16] | None = None
        self._path = library / FOLDER / f"{backbone.id}.f16"
        self._width = backbone.width
        self._row_bytes = backbone.width * 2

    def count(self) -> int:
        """Return the number of complete rows in the file; 0 if there is no file."""
        try:
            return self._path.stat().st_size // self._row_bytes
        except FileNotFoundError:
            return 0

    def open_at(self, rows: int) -> None:
        """Cut the file off after the rows to which the catalogue refers.

        If a damaged file has fewer rows, zeros replace the lost ones. Later generations must not refer to
        those rows.

        Args:
            rows: Number of rows that the file has afterwards.
        """
        make_folder(self._path.parent)
        with self._path.open("ab") as file:
            file.truncate(min(rows, self.count()) * self._row_bytes)  # an incomplete row is lost
            file.truncate(rows * self._row_bytes)
        fsync(self._path.parent)

    def has(self, first: int, count: int, crc: int | None) -> bool:
        """Return whether rows are complete and match their CRC-32."""
        return crc is not None and self.compute_crc(first, count) == crc

    def compute_crc(self, first: int, count: int) -> int | None:
        """Return the CRC-32 of the bytes of rows; None if any of them is missing or was lost."""
        rows = self._read_rows(first, count)
        return None if rows is None else _compute_crc32(rows)

    def read(self, first: int, count: int, crc: int | None) -> NDArray[np.float16] | None:
        """Return rows, float16 (count, width); None if any of them is missing, was lost or is damaged."""
        rows = self._read_rows(first, count)
        return rows if rows is not None and _compute_crc32(rows) == crc else None

    def _read_rows(self, first: int, count: int) -> NDArray[np.float16] | None:
        rows = np.asarray(self.rows()[first : first + count])
        # A lost row is all zeros. To compare integers takes a tenth of the time.
        return rows if len(rows) == count and rows.view("<u2").any(axis=1).all() else None

    def append(self, features: list[NDArray[np.float16]]) -> list[tuple[int, int]]:
        """Write features durably at the end of the file; if that fails, the file keeps its old length.

        Args:
            features: Arrays of shape (rows, width).

        Returns:
            For each array, the number of its first row and its CRC-32.

        Raises:
            OSError: The disk is full, or fails.
        """
        blocks = [np.ascontiguousarray(rows, dtype="<f2").data for rows in features]
        with self._open_file(self._path) as file:
            end = file.tell()
            try:
                for block in blocks:
                    file.write(block)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                with contextlib.suppress(OSError):
                    file.truncate(end)
                raise
        firsts = accumulate((len(rows) for rows in features), initial=end // self._row_bytes)
        return list(zip(firsts, map(zlib.crc32, blocks), strict=False))

    def rows(self) -> NDArray[np.float16]:
        """Return all complete rows, memory-mapped, float16 (rows, width)."""
        count = self.count()
        if count == 0:
            return np.empty((0, self._width), np.float16)
        if self._mapped is None or len(self._mapped) != count:
            mapped: Any = np.memmap(self._path, dtype="<f2", mode="r", shape=(count, self._width))
            self._mapped = mapped
        return self._mapped


def open_feature_stores(library: Path, backbones: Iterable[Backbone] = ()) -> dict[str, FeatureStore]:
    """Return the stores of the shipped backbones and of any others, by the id of the backbone."""
    return {
        backbone.id: FeatureStore(library, backbone) for backbone in (*DEFAULT_BACKBONES.values(), *backbones)
    }


def list_feature_files(library: Path) -> dict[str, Path]:
    """Return the feature files of all backbones by name, also of those that are not installed."""
    return {path.name: path for path in sorted((library / FOLDER).glob("*.f16"))}


def copy_feature_file(source: Path, library: Path, progress: Progress) -> int:
    """Make the file of a library equal to another one of the same name, durably; return the bytes written.

    What is there already is compared and kept. The progress advances by one for each part of
    `COPIED_PART_BYTES`.

    Raises:
        OSError: The disk is full, or fails; a part of the file is written then.
    """
    written = 0
    make_folder(library / FOLDER)
    target = library / FOLDER / source.name
    target.touch()
    with source.open("rb") as reader, target.open("r+b") as writer:
        while part := reader.read(COPIED_PART_BYTES):
            if writer.read(len(part)) != part:
                writer.seek(reader.tell() - len(part))
                writer.write(part)
                written += len(part)
            progress.advance()
        writer.truncate(reader.tell())
        writer.flush()
        os.fsync(writer.fileno())
    fsync(target.parent)
    return written


def _compute_crc32(rows: NDArray[np.float16]) -> int:
    return zlib.crc32(np.ascontiguousarray(rows, "<f2").data)
