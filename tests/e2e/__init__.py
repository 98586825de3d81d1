"""Tests of the installed `attune` command, run in processes of its own."""
