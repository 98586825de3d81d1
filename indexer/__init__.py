"""A library of media files becomes an index that is never half written."""
