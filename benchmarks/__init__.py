"""Programs that time Attune and print a table and JSON."""
