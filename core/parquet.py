"""The library that reads and writes Parquet, an extra."""

from __future__ import annotations

from typing import Any, NamedTuple

from attune.core.errors import AttuneError


class ParquetLibrary(NamedTuple):
    """The two modules of pyarrow that are used.

    Attributes:
        arrow: `pyarrow`.
        parquet: `pyarrow.parquet`.
    """

    arrow: Any
    parquet: Any


def open_parquet_library() -> ParquetLibrary:
    """Return pyarrow.

    Raises:
        AttuneError: It is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        raise AttuneError('Parquet needs its extra: pip install "attune-affect[parquet]"') from error
    return ParquetLibrary(pyarrow, pyarrow.parquet)
