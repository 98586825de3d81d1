"""File of rows that were derived from the features of items, so that they are not derived again.

A row is keyed by the id of its item and the CRC-32 of the features that it was derived from. If
anything is wrong with the file, the rows are derived again: it can be deleted at any time.
"""

from __future__ import annotations

import contextlib
import logging
import zlib
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from attune.core.atomic_files import atomic_write, make_folder
from attune.core.errors import escape_path
from attune.embedding.media_files import Kind

logger = logging.getLogger(__name__)

FOLDER: Final = "derived"
KEY: Final = (("id", "<i8"), ("crc", "<u4"))
"""The first fields of every row: id of the item, CRC-32 of its features."""

_CHECKSUM_BYTES: Final = 4


class RowCache:
    """The rows of one kind, in `derived/KIND-NAME.rows`: the rows as bytes, then their CRC-32.

    Args:
        library: The library's folder.
        kind: image or music.
        name: Name of what the rows are and of all that they depend on beside the features.
        row: Structured data type of a row; its first fields are those of `KEY`.
    """

    def __init__(self, library: Path, kind: Kind, name: str, row: np.dtype[Any]) -> None:
        self._path = library / FOLDER / f"{kind}-{name}.rows"
        self._kind = kind
        self._row = row

    def read(self) -> NDArray[Any]:
        """Return the stored rows, (n,) of the structured type, ordered by id; none if the file is damaged."""
        try:
            data = self._path.read_bytes()
        except OSError:
            return np.empty(0, self._row)
        rows, checksum = data[:-_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
        if len(rows) % self._row.itemsize or _compute_checksum(rows) != checksum:
            logger.warning("%s is damaged; it is made again", escape_path(self._path))
            return np.empty(0, self._row)
        return np.frombuffer(rows, self._row)

    def write(self, rows: NDArray[Any]) -> None:
        """Replace the file, and delete those of the same kind under other names: nothing reads them any more.

        A library that cannot be written keeps no rows. Of two processes that write at once, the file of the
        last one stays: each is complete.

        Args:
            rows: (n,) of the structured type, ordered by id.
        """
        data = rows.tobytes()
        with contextlib.suppress(OSError):
            make_folder(self._path.parent)
            with atomic_write(self._path) as temporary:
                temporary.write_bytes(data + _compute_checksum(data))
            for other in self._path.parent.glob(f"{self._kind}-*.rows"):
                if other != self._path:
                    other.unlink(missing_ok=True)

    @staticmethod
    def match(
        rows: NDArray[Any], ids: NDArray[np.int64], checksums: NDArray[np.uint32]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return which items have a row, and which row: places in `ids` (m,), and in `rows` (m,).

        Args:
            rows: Rows ordered by id.
            ids: Ids of items, ascending, int64 (n,).
            checksums: CRC-32 of their features, uint32 (n,).
        """
        _, in_ids, in_rows = np.intersect1d(ids, rows["id"], assume_unique=True, return_indices=True)
        same = rows["crc"][in_rows] == checksums[in_ids]
        return in_ids[same], in_rows[same]


def _compute_checksum(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(_CHECKSUM_BYTES, "little")
