"""Schema migrations of the catalogue (Alembic)."""
