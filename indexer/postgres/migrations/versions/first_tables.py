"""The tables of the third schema of a library in a folder, and the embeddings in half precision."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import UserDefinedType

from attune.indexer.postgres.server_connection import SCHEMA

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_PATH_KEY = "substr(path, 1, 1024)"


class _HalfVector(UserDefinedType[bytes]):
    def get_col_spec(self, **_: object) -> str:
        return "halfvec(128)"


def upgrade() -> None:
    """Make all tables.

    Paths are keys by their first 1,024 bytes: a B-tree refuses longer ones. Text that is compared or ordered
    has the collation C, so that the order is that of a library in a folder.
    """
    ordered = sa.Text(collation="C")
    _create(
        "library",
        sa.Column("id", sa.Uuid, primary_key=True, server_default=sa.text("gen_random_uuid()")),
        sa.Column("features_at", sa.Text, nullable=False),
    )
    _create(
        "state",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("generation", sa.Integer, nullable=False),
    )
    _create(
        "generations",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("network", sa.String(16), nullable=False),
        sa.Column("network_source", sa.Text, nullable=False),
        sa.Column("images", sa.Integer, nullable=False),
        sa.Column("music", sa.Integer, nullable=False),
        sa.Column("published_at", sa.Float, nullable=False),
    )
    _create(
        "roots",
        sa.Column("path", sa.LargeBinary, nullable=False),
        sa.Column("exclude", sa.Text, nullable=False, server_default="[]"),
        sa.Column("follow_links", sa.Boolean, nullable=False),
        sa.Column("unreachable", sa.Text),
        sa.Column("mounts", sa.Text, nullable=False, server_default="[]"),
    )
    _create(
        "exclusions",
        sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
        sa.Column("pattern", sa.LargeBinary, nullable=False),
        sa.Column("path", sa.LargeBinary),
        sa.Column("root", sa.LargeBinary),
    )
    _create(
        "omissions",
        sa.Column("reason", ordered, primary_key=True),
        sa.Column("files", sa.Integer, nullable=False),
    )
    _create(
        "skipped",
        sa.Column("path", sa.LargeBinary, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("mtime_ns", sa.BigInteger, nullable=False),
        sa.Column("reader", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_index("skipped_path", "skipped", ["path"], postgresql_using="hash", schema=SCHEMA)
    _create_items(ordered)
    _create_embeddings()


def _create_items(ordered: sa.Text) -> None:
    _create(
        "items",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("kind", sa.String(5), nullable=False),
        sa.Column("path", sa.LargeBinary, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("mtime_ns", sa.BigInteger, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("duration_s", sa.Float),
        sa.Column("width", sa.Integer),
        sa.Column("height", sa.Integer),
        sa.Column("title", sa.Text),
        sa.Column("artist", sa.Text),
        sa.Column("backbone", sa.String(64), nullable=False),
        sa.Column("feature_row", sa.BigInteger, nullable=False),
        sa.Column("feature_rows", sa.Integer, nullable=False),
        sa.Column("added", sa.Integer, nullable=False),
        sa.Column("removed", sa.Integer),
        sa.Column("taken", ordered),
        sa.Column("features_crc", sa.BigInteger, nullable=False),
        sa.Column("seal", sa.BigInteger, nullable=False),
        sa.Column("rating", sa.Integer),
        sa.Column("sidecar_mtime_ns", sa.BigInteger),
        sa.Column("facts_version", sa.Integer),
        sa.Column("left_out", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.create_index("items_path", "items", [sa.text(_PATH_KEY)], schema=SCHEMA)
    for column in ("content", "size", "added"):
        op.create_index(f"items_{column}", "items", [column], schema=SCHEMA)
    for column in ("removed", "taken", "rating"):
        there = sa.text(f"{column} IS NOT NULL")
        op.create_index(f"items_{column}", "items", [column], schema=SCHEMA, postgresql_where=there)


def _create_embeddings() -> None:
    _create(
        "embeddings",
        sa.Column("item", sa.BigInteger, sa.ForeignKey(f"{SCHEMA}.items.id", ondelete="CASCADE")),
        sa.Column("network", sa.String(16, collation="C")),
        sa.Column("vector", sa.LargeBinary, nullable=False),
        sa.Column("valence", sa.Float, nullable=False),
        sa.Column("arousal", sa.Float, nullable=False),
        sa.Column("positive", sa.Float, nullable=False),
        sa.Column("neutral", sa.Float, nullable=False),
        sa.Column("negative", sa.Float, nullable=False),
        sa.Column("moments", sa.LargeBinary),
        sa.Column("seal", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Float) for name in ("q1", "q2", "q3", "q4", "place_valence", "place_arousal")),
        sa.PrimaryKeyConstraint("item", "network"),
    )
    # What the server searches; narrow, so that many rows are on a page.
    _create(
        "vectors",
        sa.Column("item", sa.BigInteger),
        sa.Column("network", sa.String(16, collation="C")),
        sa.Column("kind", sa.String(5), nullable=False),
        sa.Column("half", _HalfVector, nullable=False),
        sa.PrimaryKeyConstraint("item", "network"),
        sa.ForeignKeyConstraint(
            ["item", "network"],
            [f"{SCHEMA}.embeddings.item", f"{SCHEMA}.embeddings.network"],
            ondelete="CASCADE",
        ),
    )


def _create(name: str, *columns: sa.schema.SchemaItem) -> None:
    op.create_table(name, *columns, schema=SCHEMA)
