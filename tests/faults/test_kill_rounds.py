"""Builds that are killed by SIGKILL at named steps and random moments, and by simulated power cuts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from attune.core.progress import SilentProgress
from attune.tests.faults.kill_rounds import kill_builds


@pytest.mark.slow
def test_twenty_kills_lose_nothing(tmp_path: Path) -> None:
    faults = kill_builds(
        20, tmp_path, seed=int(os.environ.get("ATTUNE_SEED", "1")), progress=SilentProgress()
    )
    assert sum(fault.tried for fault in faults) == 20
    assert [fault for fault in faults if fault.lost] == []
    assert {fault.name.split(":")[0] for fault in faults} == {"SIGKILL", "power cut"}
