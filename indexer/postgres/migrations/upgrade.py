"""Making the tables of a library in PostgreSQL, and bringing them up to date."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, text

from attune.indexer.postgres.server_connection import SCHEMA


def upgrade_tables(connection: Connection) -> None:
    """Bring the tables to the last version, inside the transaction that is open.

    Args:
        connection: Connection to the database.
    """
    from alembic import command
    from alembic.config import Config

    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
