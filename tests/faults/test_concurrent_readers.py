"""Searches during builds."""

from __future__ import annotations

from pathlib import Path

import pytest

from attune.indexer.library import LibraryReader
from attune.tests.faults.concurrent_readers import read_during_builds


@pytest.mark.slow
def test_ten_readers_during_builds_never_see_two_generations_in_one(tmp_path: Path) -> None:
    report = read_during_builds(6.0, 10, tmp_path)
    assert report.mixed == []
    assert report.generations >= 2
    assert report.answers >= 20
    with LibraryReader(tmp_path / "library") as opened:
        assert opened.generation.id == report.generations + 1
    # Only the index folders of the last two generations are left, and perhaps one that a reader holds.
    assert len(list((tmp_path / "library" / "index").iterdir())) <= 3
