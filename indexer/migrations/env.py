"""Alembic environment: run the migrations over the connection that `attune.indexer.migrate` passes in."""

from alembic import context

from attune.indexer.catalogue_tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
