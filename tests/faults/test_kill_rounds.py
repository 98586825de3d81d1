"""Builds that are killed by SIGKILL at named steps and random moments, and by simulated power cuts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from attune.core.progress import SilentProgress
from attune.tests.faults.kill_rounds import Fault, kill_builds
from attune.tests.faults.library_places import DatabasePlace
from attune.tests.postgres_server import PostgresServer

_SEED = int(os.environ.get("ATTUNE_SEED", "1"))
_KILLS = int(os.environ.get("ATTUNE_KILLS", "10"))


def _check(faults: list[Fault], kills: int) -> None:
    assert [fault for fault in faults if fault.lost] == []
    assert sum(fault.tried for fault in faults) == kills
    assert {fault.name.split(":")[0] for fault in faults} == {"SIGKILL", "power cut"}


@pytest.mark.slow
def test_twenty_kills_lose_nothing(tmp_path: Path) -> None:
    _check(kill_builds(20, tmp_path, _SEED, SilentProgress()), 20)


@pytest.mark.slow
def test_kills_of_a_writer_lose_nothing_in_a_database(postgres: PostgresServer, tmp_path: Path) -> None:
    with DatabasePlace(postgres, tmp_path / "features") as place:
        _check(kill_builds(_KILLS, tmp_path / "media", _SEED, SilentProgress(), place), _KILLS)
