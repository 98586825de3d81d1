"""Foundations that every other package uses: errors, settings, atomic file writes, progress, console."""
