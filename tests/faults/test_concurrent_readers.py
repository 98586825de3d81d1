"""Readers and builders at once."""

from __future__ import annotations

from pathlib import Path

from attune.indexer.library import Library
from attune.tests.faults.concurrent_readers import read_during_builds


def test_ten_readers_during_builds_never_see_two_generations_in_one(tmp_path: Path) -> None:
    found = read_during_builds(6.0, 10, tmp_path)
    assert found.mixed == []
    assert found.generations >= 2
    assert found.answers >= 20
    with Library(tmp_path / "library") as opened:
        assert opened.generation.id == found.generations + 1
    # What no reader needs is gone: rows and index folders of the last two generations are left.
    assert len(list((tmp_path / "library" / "index").iterdir())) <= 3
