"""Systems that learn correspondence, one module each."""
