"""Versions of the tables of a library in PostgreSQL, as Alembic runs them."""
