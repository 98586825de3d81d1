"""Recovery of rows from a catalogue with a damaged B-tree, page by page.

SQLite's file format (https://www.sqlite.org/fileformat2.html) keeps rows in leaf pages that can be read
without the pages above them. The content of a cell counts as a row only if its checksum (column `seal`) is
right or, in the small tables without checksums, if it has the right number of values of the right types.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Boolean, DefaultClause, Float, Integer, LargeBinary, Table

from attune.indexer.catalogue_tables import (
    compute_embedding_checksum,
    compute_item_checksum,
    embeddings,
    exclusions,
    generations,
    items,
    roots,
    skipped,
)

RowValues = dict[str, Any]
_LEAF: Final = 0x0D  # type of a page that holds rows of a table
_PAGE_SIZES: Final = frozenset(1 << power for power in range(9, 17))
_FLOAT_TYPE: Final = 7
_INTEGER_BYTES: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}


@dataclass(slots=True)
class SalvagedRows:
    """Recovered rows, by their keys.

    Attributes:
        items: Id to row.
        embeddings: (item, network) to row.
        generations: Id to row.
        roots: Path to row.
        skipped: Path to row.
        exclusions: Id to row.
    """

    items: dict[int, RowValues] = field(default_factory=dict)
    embeddings: dict[tuple[int, str], RowValues] = field(default_factory=dict)
    generations: dict[int, RowValues] = field(default_factory=dict)
    roots: dict[bytes, RowValues] = field(default_factory=dict)
    skipped: dict[bytes, RowValues] = field(default_factory=dict)
    exclusions: dict[int, RowValues] = field(default_factory=dict)


def salvage(database: Path, columns: Mapping[str, Sequence[str]]) -> SalvagedRows:
    """Read all undamaged rows; nothing is written.

    A page that SQLite has freed may still hold old versions of rows. Of two item rows with the same id, the
    one that is marked as removed is newer, since a row is never changed back.

    Args:
        database: The SQLite file; its write-ahead log is read too.
        columns: Column names of each table, in the order in which a row stores them.

    Raises:
        OSError: The file cannot be read.
    """
    found = SalvagedRows()
    for rowid, values in _iter_cells(_read_pages(database)):

        def read(table: Table, rowid: int = rowid, values: Sequence[Any] = values) -> RowValues | None:
            return _parse_row(table, columns[table.name], rowid, values)

        if (row := read(items)) is not None and row["seal"] == compute_item_checksum(row):
            known = found.items.get(rowid)
            if known is None or known["removed"] is None:
                found.items[rowid] = row
        elif (row := read(embeddings)) is not None and row["seal"] == compute_embedding_checksum(row):
            found.embeddings[row["item"], row["network"]] = row
        elif (row := read(generations)) is not None:
            found.generations[row["id"]] = row
        elif (row := read(roots)) is not None and _is_root(row):
            found.roots[row["path"]] = row
        elif (row := read(skipped)) is not None:
            found.skipped[row["path"]] = row
        elif (row := read(exclusions)) is not None and row["pattern"]:
            found.exclusions[rowid] = row
    return found


def _is_root(row: RowValues) -> bool:
    try:
        globs = json.loads(row["exclude"])
    except ValueError:
        return False
    return isinstance(globs, list) and Path(os.fsdecode(row["path"])).is_absolute()


def _parse_row(table: Table, names: Sequence[str], rowid: int, values: Sequence[Any]) -> RowValues | None:
    """Return values as a row of a table, None if their number or types are wrong."""
    missing = len(names) - len(values)  # columns that were added to the table after the row was written
    if missing < 0:
        return None
    row: RowValues = {}
    for name, value in zip(names, [*values, *[None] * missing], strict=True):
        column = table.c[name]
        if value is None and not column.nullable and isinstance(column.server_default, DefaultClause):
            value = _python_type(column.type)(str(column.server_default.arg))  # it was added later
        if value is None and column.primary_key and isinstance(column.type, Integer):
            value = rowid  # SQLite stores the integer key of a row outside its values
        if isinstance(value, int) and isinstance(column.type, Float):
            value = float(value)  # SQLite stores whole numbers as integers to save bytes
        if not (isinstance(value, _python_type(column.type)) or (value is None and column.nullable)):
            return None
        row[name] = value
    return row


def _python_type(kind: object) -> type[Any]:
    if isinstance(kind, LargeBinary):
        return bytes
    if isinstance(kind, Float):
        return float
    return int if isinstance(kind, Integer | Boolean) else str


def _read_pages(database: Path) -> Mapping[int, bytes]:
    """Return the pages by number, from 1; a page of the write-ahead log replaces that of the file."""
    whole = database.read_bytes()
    size = _page_size(whole)
    pages = {1 + at // size: whole[at : at + size] for at in range(0, len(whole) - size + 1, size)}
    log = database.with_name(f"{database.name}-wal")
    if log.exists():
        pages |= _read_wal_pages(log.read_bytes())
    return pages


def _page_size(whole: bytes) -> int:
    stored = int.from_bytes(whole[16:18], "big")
    size = 1 << 16 if stored == 1 else stored
    return size if size in _PAGE_SIZES else 4096  # SQLite's default


def _read_wal_pages(log: bytes) -> dict[int, bytes]:
    """Return the last committed version of each page in a write-ahead log."""
    if len(log) < 32:
        return {}
    size, salt = int.from_bytes(log[8:12], "big"), log[16:24]
    done: dict[int, bytes] = {}
    pending: dict[int, bytes] = {}
    if size not in _PAGE_SIZES:
        return done
    for at in range(32, len(log) - size - 23, size + 24):
        number, committed = struct.unpack(">II", log[at : at + 8])
        if log[at + 8 : at + 16] != salt:
            break  # the rest is left over from before the log was last reset
        pending[number] = log[at + 24 : at + 24 + size]
        if committed:
            done |= pending
            pending = {}
    return done


def _iter_cells(pages: Mapping[int, bytes]) -> Iterator[tuple[int, list[Any]]]:
    """Yield key and values of every cell that can be decoded."""
    for number, page in pages.items():
        head = 100 if number == 1 else 0
        if page[head] != _LEAF:
            continue
        count = int.from_bytes(page[head + 3 : head + 5], "big")
        for slot in range(min(count, len(page) // 2)):
            pointer = page[head + 8 + 2 * slot : head + 10 + 2 * slot]
            try:
                yield _decode_cell(page, int.from_bytes(pointer, "big"), pages)
            except (IndexError, ValueError, struct.error):
                continue  # a damaged cell is not a row


def _decode_cell(page: bytes, at: int, pages: Mapping[int, bytes]) -> tuple[int, list[Any]]:
    """Decode a cell of a table's leaf page; return the row's key and values.

    Raises:
        IndexError, ValueError: It is not a valid cell.
    """
    length, at = _decode_varint(page, at)
    rowid, at = _decode_varint(page, at)
    usable = len(page)
    most, least = usable - 35, (usable - 12) * 32 // 255 - 23
    if length <= most:
        return rowid, _decode_record(page[at : at + length])
    local_size = least + (length - least) % (usable - 4)
    local_size = local_size if local_size <= most else least
    payload, following = bytearray(page[at : at + local_size]), page[at + local_size : at + local_size + 4]
    while len(payload) < length:
        spilled = pages.get(int.from_bytes(following, "big"))
        if spilled is None:
            raise ValueError("the chain of its pages is broken")
        payload += spilled[4:]
        following = spilled[:4]
    return rowid, _decode_record(bytes(payload[:length]))


def _decode_record(payload: bytes) -> list[Any]:
    end, at = _decode_varint(payload, 0)
    kinds = []
    while at < end:
        kind, at = _decode_varint(payload, at)
        kinds.append(kind)
    values = []
    for kind in kinds:
        value, at = _decode_value(payload, at, kind)
        values.append(value)
    if at != len(payload):
        raise ValueError("not a record")
    return values


def _decode_value(payload: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind == 0:
        return None, at
    if kind in (8, 9):
        return kind - 8, at
    if kind in _INTEGER_BYTES:
        end = at + _INTEGER_BYTES[kind]
        return int.from_bytes(payload[at:end], "big", signed=True), end
    if kind == _FLOAT_TYPE:
        return struct.unpack(">d", payload[at : at + 8])[0], at + 8
    if kind < 12:
        raise ValueError("a reserved type")
    end = at + (kind - 12) // 2
    value = payload[at:end]
    return (value.decode() if kind % 2 else value), end


def _decode_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for length in range(8):
        byte = data[at + length]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + length + 1
    value = value << 8 | data[at + 8]
    return value - (1 << 64) if value >> 63 else value, at + 9
