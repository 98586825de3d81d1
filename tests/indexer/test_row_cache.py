"""The file of derived rows: what is written is read, and nothing wrong is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from attune.indexer.row_cache import FOLDER, KEY, RowCache

ROW = np.dtype([*KEY, ("value", "<f2", 3)])


def make_rows(ids: list[int]) -> np.ndarray:
    rows = np.zeros(len(ids), ROW)
    rows["id"], rows["crc"], rows["value"] = ids, [7 * item for item in ids], np.array(ids)[:, None]
    return rows


def test_rows_come_back(tmp_path: Path) -> None:
    cache = RowCache(tmp_path, "image", "a", ROW)
    assert len(cache.read()) == 0
    cache.write(make_rows([2, 3, 5]))
    np.testing.assert_array_equal(RowCache(tmp_path, "image", "a", ROW).read(), make_rows([2, 3, 5]))
    cache.write(make_rows([]))
    assert len(cache.read()) == 0


@pytest.mark.parametrize("place", [0, 10, -1])
def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, place: int) -> None:
    cache = RowCache(tmp_path, "image", "a", ROW)
    cache.write(make_rows([2, 3, 5]))
    (path,) = (tmp_path / FOLDER).iterdir()
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    assert len(cache.read()) == 0
    path.write_bytes(data[:-9])
    assert len(cache.read()) == 0
    path.write_bytes(b"")
    assert len(cache.read()) == 0


def test_rows_match_by_id_and_checksum() -> None:
    rows = make_rows([2, 3, 5, 9])
    ids = np.array([1, 3, 5, 9], np.int64)
    checksums = np.array([7, 21, 36, 63], np.uint32)  # 5 has other features now
    in_ids, in_rows = RowCache.match(rows, ids, checksums)
    assert in_ids.tolist() == [1, 3]
    assert in_rows.tolist() == [1, 3]


def test_writing_removes_what_an_older_network_left(tmp_path: Path) -> None:
    RowCache(tmp_path, "image", "old", ROW).write(make_rows([1]))
    RowCache(tmp_path, "music", "old", ROW).write(make_rows([1]))
    RowCache(tmp_path, "image", "new", ROW).write(make_rows([1]))
    assert sorted(path.name for path in (tmp_path / FOLDER).iterdir()) == ["image-new.rows", "music-old.rows"]


def test_a_library_that_cannot_be_written_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("a file where the folder would be")
    cache = RowCache(tmp_path, "image", "a", ROW)
    cache.write(make_rows([1]))
    assert len(cache.read()) == 0
