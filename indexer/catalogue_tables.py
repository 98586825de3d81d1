"""Table definitions of the catalogue."""

from __future__ import annotations

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

metadata = MetaData()

NO_DATE = ""
"""Value of `items.taken` for a picture whose file has no capture date."""

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
    Column("exclude", Text, nullable=False),
    Column("follow_links", Boolean, nullable=False),
)

# A changed file gets a new row. In an existing row only `removed` changes, and `taken` while it is NULL.
items = Table(
    "items",
    metadata,
    Column("id", Integer, primary_key=True),
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
    Column("taken", Text),  # ISO 8601, local time; NO_DATE: the file has none; NULL: not read yet
    Column("backbone", String(64), nullable=False),
    Column("feature_row", BigInteger, nullable=False),
    Column("feature_rows", Integer, nullable=False),
    Column("added", Integer, nullable=False),
    Column("removed", Integer),
    Column("features_crc", BigInteger),  # NULL: the features were lost before checksums were introduced
    Column("seal", BigInteger),  # checksum of the columns that never change
    Index("items_path", "path"),
    Index("items_content", "content"),
    Index("items_size", "size"),
    Index("items_removed", "removed"),
    sqlite_autoincrement=True,  # ids are never reused, since FAISS files of older generations hold them
)

embeddings = Table(
    "embeddings",
    metadata,
    Column("item", Integer, ForeignKey("items.id", ondelete="CASCADE"), primary_key=True),
    Column("network", String(16), primary_key=True),
    Column("vector", LargeBinary, nullable=False),  # float32 (128,)
    Column("valence", Float, nullable=False),
    Column("arousal", Float, nullable=False),
    Column("positive", Float, nullable=False),
    Column("neutral", Float, nullable=False),
    Column("negative", Float, nullable=False),
    Column("moments", LargeBinary),  # float16 (n, 128), music only
    Column("seal", BigInteger),
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
