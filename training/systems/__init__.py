"""The systems that are trained and compared, one file each."""
