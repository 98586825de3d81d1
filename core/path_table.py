"""Table for the terminal in which a path is never broken."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

_UNLIMITED = 100_000  # columns


@dataclass(frozen=True, slots=True)
class _Row:
    cells: tuple[str, ...]
    path: str
    details: tuple[str, ...]
    picture: RenderableType | None


class PathTable:
    """Rows of short cells, then a path with lines of details below it.

    Where the terminal is too narrow for the longest path, the table is wider than the terminal, so that a
    path can still be selected and copied whole; only details wrap.

    Args:
        columns: Names of the short columns; those in `numeric` are aligned to the right.
        path_column: Name of the column of paths.
        numeric: Names of columns that hold numbers.
    """

    def __init__(self, columns: Sequence[str], path_column: str, numeric: Collection[str]) -> None:
        self._columns = columns
        self._path_column = path_column
        self._numeric = numeric
        self._rows: list[_Row] = []

    def add_row(
        self,
        *cells: str,
        path: str,
        details: Sequence[str] = (),
        picture: RenderableType | None = None,
    ) -> None:
        """Add a row: the short cells, the path, further lines, and a picture beside them."""
        self._rows.append(_Row(cells, path, tuple(details), picture))

    def print(self, console: Console) -> None:
        """Print the table, at least as wide as its longest path needs."""
        needed = console.measure(
            self._build(with_details=False), options=console.options.update(max_width=_UNLIMITED)
        ).maximum
        width = console.width
        console.width = max(needed, width)  # Rich never prints wider than the console says it is
        try:
            console.print(self._build(with_details=True), crop=False)
        finally:
            console.width = width

    def _build(self, *, with_details: bool) -> Table:
        from rich.table import Table

        table = Table(box=None, header_style="bold", pad_edge=False)
        for column in self._columns:
            table.add_column(column, justify="right" if column in self._numeric else "left", no_wrap=True)
        table.add_column(self._path_column, overflow="fold")
        pictures = any(row.picture is not None for row in self._rows)
        if pictures:
            table.add_column("")
        for row in self._rows:
            text = "\n".join((row.path, *row.details)) if with_details else row.path
            table.add_row(*row.cells, text, *([row.picture or ""] if pictures else []))
        return table
