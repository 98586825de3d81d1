"""Attune's own system: linear heads, their calibration, and the kernel map of their outputs."""
