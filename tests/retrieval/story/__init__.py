"""Tests of `retrieval/story`."""
