"""The page and the HTTP API: `attune serve`."""
