"""Tests of the installed program, run as a person runs it."""
