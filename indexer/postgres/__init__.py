"""A library in PostgreSQL with pgvector: the same rows as in a folder, for many readers at once."""
