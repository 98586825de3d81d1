"""Tests of `attune.indexer`."""
