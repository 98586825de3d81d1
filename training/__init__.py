"""Training networks on labelled media, and evaluating them."""
