"""Tables as CSV and Parquet: what is written is read again, by others' programs, bit by bit."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pandas
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from attune.core.errors import AttuneError, UsageError
from attune.core.table_files import TableBatch, TableColumn, require_table_file, write_csv, write_table

COLUMNS = (TableColumn("name"), TableColumn("count", "integer"), TableColumn("share", "number"))
VECTORS = (*COLUMNS, TableColumn("vector", "vector", 3, "v_"))
BATCHES: list[TableBatch] = [
    {
        "name": ["a,b", 'quote" and\nline', None],
        "count": [1, None, -1],
        "share": [0.1, None, 1 / 3],
        "vector": np.array([[0.1, -2e-30, 1e30], [np.nan] * 3, [1, 2, 3]], np.float32),
    },
    {"name": ["ü – 海"], "count": [2**40], "share": [0.0], "vector": np.zeros((1, 3), np.float32)},
]


def check(frame: pandas.DataFrame) -> None:
    assert frame["name"].fillna("").tolist() == ["a,b", 'quote" and\nline', "", "ü – 海"]
    assert frame["count"].fillna(0).tolist() == [1, 0, -1, 2**40]
    assert frame["share"].fillna(-1).tolist() == [0.1, -1, 1 / 3, 0]


def test_csv_opens_in_pandas_and_in_duckdb(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_table(path, VECTORS, BATCHES, {"ignored": "in CSV"})
    for frame in (pandas.read_csv(path), duckdb.read_csv(str(path)).df()):
        check(frame)
        assert list(frame) == ["name", "count", "share", "v_0", "v_1", "v_2"]
        assert frame["v_1"].isna().tolist() == [False, True, False, False]
    assert b"\r" not in path.read_bytes()


def test_parquet_opens_in_pandas_and_in_duckdb(tmp_path: Path) -> None:
    path = tmp_path / "table.PARQUET"
    write_table(path, VECTORS, BATCHES, {"attune.network": "n"})
    for frame in (pandas.read_parquet(path), duckdb.read_parquet(str(path)).df()):
        check(frame)
        assert frame["vector"].isna().tolist() == [False, True, False, False]
        assert np.asarray(frame["vector"][0]).tobytes() == BATCHES[0]["vector"][0].tobytes()
    import pyarrow.parquet

    schema = pyarrow.parquet.read_schema(path)
    assert schema.metadata[b"attune.network"] == b"n"
    assert str(schema.field("vector").type) == "fixed_size_list<element: float>[3]"


@given(arrays(np.float32, (4, 3), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
def test_vectors_come_back_bit_by_bit(tmp_path: Path, vectors: np.ndarray) -> None:
    batch: list[TableBatch] = [{"vector": vectors}]
    path = tmp_path / "vectors.parquet"
    write_table(path, VECTORS[-1:], batch, {})
    read = np.stack(pandas.read_parquet(path)["vector"].tolist())
    assert read.dtype == np.float32 and read.tobytes() == vectors.tobytes()
    text = io.BytesIO()
    write_csv(text, VECTORS[-1:], batch)
    numbers = np.loadtxt(io.BytesIO(text.getvalue()), np.float32, delimiter=",", skiprows=1)
    assert numbers.tobytes() == vectors.tobytes()


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_without_rows_there_is_a_header(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"empty{suffix}"
    write_table(path, COLUMNS, [], {})
    frame = pandas.read_csv(path) if suffix == ".csv" else pandas.read_parquet(path)
    assert (list(frame), len(frame)) == (["name", "count", "share"], 0)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"table{suffix}"
    path.write_text("old")

    def fail() -> Iterator[TableBatch]:
        yield BATCHES[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_table(path, VECTORS, fail(), {})
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_wrong_files_are_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"--output .*x\.txt: name a \.csv or a \.parquet file"):
        require_table_file("--output", tmp_path / "x.txt")
    with pytest.raises(UsageError, match="no such folder"):
        require_table_file("--output", tmp_path / "none" / "x.csv")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    require_table_file("--output", tmp_path / "x.csv")
    with pytest.raises(AttuneError, match=r'pip install "attune-affect\[parquet\]"'):
        require_table_file("--output", tmp_path / "x.parquet")


def test_a_full_disk_is_an_error_in_one_line(tmp_path: Path) -> None:
    def fail() -> Iterator[TableBatch]:
        yield BATCHES[0]
        raise OSError(28, "No space left on device")

    with pytest.raises(AttuneError, match=r"t\.csv: cannot be written \(No space left on device\)"):
        write_table(tmp_path / "t.csv", VECTORS, fail(), {})
