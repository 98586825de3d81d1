"""Queries in words."""
