"""Schema version 1: all tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "state",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("generation", sa.Integer, nullable=False),
    )
    op.create_table(
        "generations",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("network", sa.String(16), nullable=False),
        sa.Column("network_source", sa.Text, nullable=False),
        sa.Column("images", sa.Integer, nullable=False),
        sa.Column("music", sa.Integer, nullable=False),
        sa.Column("published_at", sa.Float, nullable=False),
    )
    op.create_table(
        "roots",
        sa.Column("path", sa.LargeBinary, primary_key=True),
        sa.Column("exclude", sa.Text, nullable=False),
        sa.Column("follow_links", sa.Boolean, nullable=False),
    )
    op.create_table(
        "items",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String(5), nullable=False),
        sa.Column("path", sa.LargeBinary, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("mtime_ns", sa.BigInteger, nullable=False),
        sa.Column("content", sa.LargeBinary(32), nullable=False),
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
        sqlite_autoincrement=True,
    )
    for column in ("path", "content", "size", "removed"):
        op.create_index(f"items_{column}", "items", [column])
    op.create_table(
        "embeddings",
        sa.Column("item", sa.Integer, sa.ForeignKey("items.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("network", sa.String(16), primary_key=True),
        sa.Column("vector", sa.LargeBinary, nullable=False),
        sa.Column("valence", sa.Float, nullable=False),
        sa.Column("arousal", sa.Float, nullable=False),
        sa.Column("positive", sa.Float, nullable=False),
        sa.Column("neutral", sa.Float, nullable=False),
        sa.Column("negative", sa.Float, nullable=False),
        sa.Column("moments", sa.LargeBinary),
    )
    op.create_table(
        "skipped",
        sa.Column("path", sa.LargeBinary, primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("mtime_ns", sa.BigInteger, nullable=False),
        sa.Column("reader", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
