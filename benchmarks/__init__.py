"""Benchmarks of speed, memory and accuracy (`attune benchmark`); each prints a table or JSON."""
