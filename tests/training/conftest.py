"""Marker of the tests that need labelled data."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "affect: needs the labelled data whose folder ATTUNE_AFFECT names")
