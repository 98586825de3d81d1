"""Libraries: scanning folders, building and publishing the index, verifying and repairing it."""
