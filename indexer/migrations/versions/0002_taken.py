"""Pictures get the date of their capture."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column; the next build fills it from the files, which it need not decode for that."""
    op.add_column("items", sa.Column("taken", sa.Text))
