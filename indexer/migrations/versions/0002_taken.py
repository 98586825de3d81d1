"""Schema version 2: capture dates of pictures."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column `taken`; the next build fills it from the files without decoding them."""
    op.add_column("items", sa.Column("taken", sa.Text))
