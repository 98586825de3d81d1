"""Tables as files, CSV or Parquet, written in batches of rows."""

from __future__ import annotations

import contextlib
import csv
import io
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from attune.core.atomic_files import atomic_write
from attune.core.errors import AttuneError, UsageError, escape_path
from attune.core.parquet import open_parquet_library
from attune.core.paths import require_writable

PARQUET_SUFFIX: Final = ".parquet"

ColumnValues = Sequence[Any] | NDArray[np.float32]
TableBatch = Mapping[str, ColumnValues]
"""Values of some rows by column: a sequence with None for a null, or, of vectors, float32 (rows, width), in
which a row that begins with NaN is a null."""


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of a table.

    Attributes:
        name: Its name.
        type: Type of its values; an integer has 64 bits, a number is float64, a vector float32 (width,).
        width: Width of its vectors; 0 for other types.
        prefix: A vector has one column per number in CSV: its prefix and the number from 0, such as `e_0`.
    """

    name: str
    type: Literal["text", "integer", "number", "vector"] = "text"
    width: int = 0
    prefix: str = ""

    @property
    def csv_names(self) -> list[str]:
        """Names of its columns in CSV."""
        return [f"{self.prefix}{index}" for index in range(self.width)] if self.width else [self.name]


def require_table_file(option: str, path: Path) -> None:
    """Check before any work is done that a table can be written.

    Args:
        option: What errors call the file, such as `--output`.
        path: The file.

    Raises:
        UsageError: Its suffix is neither .csv nor .parquet, its folder does not exist, or it is a folder.
        AttuneError: It is Parquet, and pyarrow is not installed.
    """
    if path.suffix.lower() not in (".csv", PARQUET_SUFFIX):
        raise UsageError(f"{option} {escape_path(path)}: name a .csv or a .parquet file")
    require_writable(option, path)
    if path.suffix.lower() == PARQUET_SUFFIX:
        open_parquet_library()


def write_table(
    path: Path,
    columns: Sequence[TableColumn],
    batches: Iterable[TableBatch],
    metadata: Mapping[str, str],
) -> None:
    """Write a table to a file, whose suffix tells the form; an old file is replaced once all is written.

    Args:
        path: The file, .csv or .parquet.
        columns: The columns, in order.
        batches: The rows, some at a time; only one batch is held in memory.
        metadata: Texts that Parquet stores beside the schema; CSV has no place for them.

    Raises:
        UsageError: The suffix is another one, its folder does not exist, or it is a folder.
        AttuneError: The file cannot be written, or is Parquet, and pyarrow is not installed.
    """
    require_table_file("file", path)
    if path.suffix.lower() == PARQUET_SUFFIX:
        with _replace_file(path) as file:
            _write_parquet(file, columns, batches, metadata)
    else:
        write_csv_file(path, columns, batches)


def write_csv_file(path: Path, columns: Sequence[TableColumn], batches: Iterable[TableBatch]) -> None:
    """Write a table to a CSV file of any name; an old file is replaced once all is written.

    Args:
        path: The file.
        columns: The columns, in order.
        batches: The rows, some at a time.

    Raises:
        AttuneError: The file cannot be written.
    """
    with _replace_file(path) as file:
        write_csv(file, columns, batches)


@contextlib.contextmanager
def _replace_file(path: Path) -> Iterator[IO[bytes]]:
    try:
        with atomic_write(path) as temporary, temporary.open("wb") as file:
            yield file
    except OSError as error:
        raise AttuneError(f"{escape_path(path)}: cannot be written ({error.strerror or error})") from error


def write_csv(stream: IO[bytes], columns: Sequence[TableColumn], batches: Iterable[TableBatch]) -> None:
    """Write a table as CSV in UTF-8, with a header; a null is an empty cell.

    A float32 has nine digits, by which it can be told from every other.

    Args:
        stream: Receives the bytes, a batch at a time.
        columns: The columns, in order.
        batches: The rows, some at a time.
    """
    header = [name for column in columns for name in column.csv_names]
    stream.write(_format_lines([header]))
    for batch in batches:
        cells = [_format_cells(column, batch[column.name]) for column in columns]
        rows = ([cell for part in row for cell in part] for row in zip(*cells, strict=True))
        stream.write(_format_lines(rows))


def print_csv(columns: Sequence[TableColumn], batches: Iterable[TableBatch]) -> None:
    """Print a table as CSV in UTF-8 on stdout.

    Args:
        columns: The columns, in order.
        batches: The rows, some at a time.

    Raises:
        BrokenPipeError: Nobody reads any more.
    """
    sys.stdout.flush()
    try:
        write_csv(sys.stdout.buffer, columns, batches)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise BrokenPipeError from None  # with its number Typer would exit with 1, but `| head` is no failure


def _format_cells(column: TableColumn, values: ColumnValues) -> Iterator[Sequence[Any]]:
    """Yield the cells of each row."""
    if not column.width:
        yield from ((value,) for value in values)
        return
    form, nothing = ",".join(["%.9g"] * column.width), [""] * column.width
    for row in values:
        yield nothing if np.isnan(row[0]) else (form % tuple(row.tolist())).split(",")


def _format_lines(rows: Iterable[Iterable[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8")


def _write_parquet(
    file: IO[bytes],
    columns: Sequence[TableColumn],
    batches: Iterable[TableBatch],
    metadata: Mapping[str, str],
) -> None:
    arrow, parquet = open_parquet_library()
    types = {"text": arrow.string(), "integer": arrow.int64(), "number": arrow.float64()}
    fields = [
        (one.name, arrow.list_(arrow.float32(), one.width) if one.width else types[one.type])
        for one in columns
    ]
    schema = arrow.schema(fields).with_metadata(dict(metadata))
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in batches:
            arrays = [
                _make_vectors(arrow, batch[one.name], one.width)
                if one.width
                else arrow.array(batch[one.name], types[one.type])
                for one in columns
            ]
            writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))


def _make_vectors(arrow: Any, values: ColumnValues, width: int) -> Any:
    vectors = np.ascontiguousarray(values, np.float32)
    lost = arrow.array(np.isnan(vectors[:, 0]))
    return arrow.FixedSizeListArray.from_arrays(arrow.array(vectors.ravel()), width, mask=lost)
