"""Fault injection: kills, corruption, hostile files, full disks; and the tests that use it."""
