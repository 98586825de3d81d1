"""Wall-clock time of `attune` commands, measured over the whole process."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ATTUNE: Final = Path(sys.executable).with_name("attune")


@dataclass(frozen=True, slots=True)
class Timing:
    """Wall-clock time of a command over several runs, in seconds.

    Attributes:
        what: Name of the command in tables.
        runs: Number of runs.
        median_s: Median.
        min_s: The fastest run.
        max_s: The slowest run.
        goal_s: Time that the command should not exceed; None: no goal.
    """

    what: str
    runs: int
    median_s: float
    min_s: float
    max_s: float
    goal_s: float | None


def time_command(what: str, runs: int, goal_s: float | None, arguments: Sequence[object]) -> Timing:
    """Run an `attune` command several times and time it.

    Raises:
        CalledProcessError: The command failed.
    """
    command = [str(ATTUNE), *(str(argument) for argument in arguments)]
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    return Timing(what, runs, statistics.median(times), min(times), max(times), goal_s)
