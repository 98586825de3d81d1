"""A sentence becomes a place on the valence–arousal plane."""
