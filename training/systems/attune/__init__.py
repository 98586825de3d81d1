"""Attune's own system: linear heads, their calibration, and the affective space."""
