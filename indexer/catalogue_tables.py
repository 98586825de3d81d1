"""Table definitions of the catalogue, and the checksums of its rows, which reveal a flipped bit.

SQLite's pages have no checksums: it notices a broken tree, but not a changed value. The checksums are in the
columns named `seal`.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

from attune.embedding.affect import AFFECT_COLUMNS

metadata = MetaData()

_ID: Final = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only what is called INTEGER

LATER_AFFECT: Final = AFFECT_COLUMNS[5:]
"""Columns of affect that the third schema added; rows of networks that did not give them have none."""

# The table has one row: the generation that readers see.
state = Table(
    "state",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("generation", Integer, nullable=False),
)

generations = Table(
    "generations",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("network", String(16), nullable=False),
    Column("network_source", Text, nullable=False),
    Column("images", Integer, nullable=False),
    Column("music", Integer, nullable=False),
    Column("published_at", Float, nullable=False),
)

roots = Table(
    "roots",
    metadata,
    Column("path", LargeBinary, primary_key=True),
    Column("exclude", Text, nullable=False, server_default="[]"),  # of the first schema; now in `exclusions`
    Column("follow_links", Boolean, nullable=False),
    Column("unreachable", Text),  # why the last build could not find its files
    Column(
        "mounts", Text, nullable=False, server_default="[]"
    ),  # JSON: folders on other file systems below it
)

exclusions = Table(
    "exclusions",
    metadata,
    Column("id", Integer, primary_key=True),  # their order, as a later one may lift an earlier one
    Column("pattern", LargeBinary, nullable=False),  # Git's syntax; a path, if `path` is set
    Column("path", LargeBinary),
    Column("root", LargeBinary),  # the only root that it concerns, in a library of the first schema
)

# What the last build saw and left out, in numbers.
omissions = Table(
    "omissions",
    metadata,
    Column("reason", Text, primary_key=True),
    Column("files", Integer, nullable=False),
)

# A changed file gets a new row. In an existing row only `removed` changes. The facts about a file have the
# names of the fields of `MediaFacts`, from which they are written and read; a new fact needs both.
items = Table(
    "items",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("kind", String(5), nullable=False),
    Column("path", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("content", LargeBinary(32), nullable=False),
    Column("duration_s", Float),
    Column("width", Integer),
    Column("height", Integer),
    Column("title", Text),
    Column("artist", Text),
    Column("backbone", String(64), nullable=False),
    Column("feature_row", BigInteger, nullable=False),
    Column("feature_rows", Integer, nullable=False),
    Column("added", Integer, nullable=False),
    Column("removed", Integer),
    Column("taken", Text),  # ISO 8601, local time
    Column("features_crc", BigInteger, nullable=False),
    Column("seal", BigInteger, nullable=False),
    Column("rating", Integer),
    Column("sidecar_mtime_ns", BigInteger),
    Column("facts_version", Integer),  # of the rules by which the facts were read; none in the first schema
    # Removed by an exclusion or with its root, not because its file is gone: kept, so that it can come back.
    Column("left_out", Boolean, nullable=False, server_default="0"),
    Index("items_path", "path"),
    Index("items_content", "content"),
    Index("items_size", "size"),
    Index("items_removed", "removed"),
    sqlite_autoincrement=True,  # ids are never reused, since FAISS files of older generations hold them
)

embeddings = Table(
    "embeddings",
    metadata,
    Column("item", _ID, ForeignKey("items.id", ondelete="CASCADE"), primary_key=True),
    Column("network", String(16), primary_key=True),
    Column("vector", LargeBinary, nullable=False),  # float32 (128,)
    Column("valence", Float, nullable=False),
    Column("arousal", Float, nullable=False),
    Column("positive", Float, nullable=False),
    Column("neutral", Float, nullable=False),
    Column("negative", Float, nullable=False),
    Column("moments", LargeBinary),  # float16 (n, 128), music only
    Column("seal", BigInteger, nullable=False),
    *(Column(name, Float) for name in LATER_AFFECT),
)

skipped = Table(
    "skipped",
    metadata,
    Column("path", LargeBinary, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("reader", Text, nullable=False),  # version and extras; another reader tries the file again
    Column("reason", Text, nullable=False),
)

# Columns of later schemas; rows without a value in any of them have the checksum of the first schema.
_LATER_OF_ITEM: Final = ("rating", "sidecar_mtime_ns")
_NOT_SEALED: Final = ("id", "removed", "seal", "left_out", "facts_version", *_LATER_OF_ITEM)
_SEALED_OF_ITEM: Final = tuple(column.name for column in items.c if column.name not in _NOT_SEALED)
_SEALED_OF_EMBEDDING: Final = tuple(
    column.name for column in embeddings.c if column.name not in ("seal", *LATER_AFFECT)
)


def compute_item_checksum(row: Mapping[str, Any]) -> int:
    """Return the checksum of an item's row: of all columns that never change but its id and the checksum."""
    return _compute_checksum(row, _SEALED_OF_ITEM, _LATER_OF_ITEM)


def compute_embedding_checksum(row: Mapping[str, Any]) -> int:
    """Return the checksum of an embedding's row: of all columns but the checksum itself."""
    return _compute_checksum(row, _SEALED_OF_EMBEDDING, LATER_AFFECT)


def _compute_checksum(row: Mapping[str, Any], first: Sequence[str], later: Sequence[str]) -> int:
    added = [row[name] for name in later if row[name] is not None]
    return compute_values_checksum([*(row[name] for name in first), *added])


def compute_values_checksum(values: Iterable[Any]) -> int:
    """Return the CRC-32 of values, as SQLite returns them."""
    # `repr` depends on the characters that this version of Python considers printable; `ascii` does not.
    return zlib.crc32(ascii(tuple(values)).encode())
