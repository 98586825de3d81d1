"""Migration scripts, one module per schema version."""
