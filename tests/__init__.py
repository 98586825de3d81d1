"""Tests, in one folder per package."""
