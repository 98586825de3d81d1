"""Tests of `attune.benchmarks`."""
