"""Web page and HTTP API of `attune serve`."""
