"""Schema version 3: checksums of rows and features.

`attune.indexer.migrate` computes them in the same transaction.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("items", sa.Column("features_crc", sa.BigInteger))
    op.add_column("items", sa.Column("seal", sa.BigInteger))
    op.add_column("embeddings", sa.Column("seal", sa.BigInteger))
