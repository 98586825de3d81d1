"""What Alembic runs to change the tables: over the connection that it is given, in the schema of Attune."""

from alembic import context

from attune.indexer.postgres.server_connection import SCHEMA

context.configure(connection=context.config.attributes["connection"], version_table_schema=SCHEMA)
context.run_migrations()
