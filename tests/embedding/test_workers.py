"""The worker processes: a crash or a hang costs one file."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from core.errors import MediaError
from core.settings import Settings
from embedding.extraction import Extracted
from embedding.workers import Job, extract_all
from tests.media_factory import photo


def test_a_killed_worker_costs_at_most_the_files_in_its_hands(tmp_path: Path) -> None:
    jobs = [Job(photo(tmp_path / f"{seed}.jpg", seed, (900, 700)), "image") for seed in range(60)]
    outcomes = []
    for outcome in extract_all(jobs, Settings(workers=2)):
        outcomes.append(outcome)
        if len(outcomes) == 5:
            victim = psutil.Process().children(recursive=True)
            os.kill(_worker(victim), signal.SIGKILL)
    failed = [outcome for outcome in outcomes if isinstance(outcome, MediaError)]
    assert len(outcomes) == 60
    assert len(failed) <= 1
    assert all("crashed" in error.reason for error in failed)


def _worker(children: list[psutil.Process]) -> int:
    return next(child.pid for child in children if "spawn_main" in " ".join(child.cmdline()))


def test_a_hanging_file_is_given_up(tmp_path: Path) -> None:
    huge = photo(tmp_path / "huge.png", 1, (9000, 9000))
    small = photo(tmp_path / "small.jpg", 2)
    settings = Settings(workers=1, image_timeout_s=0.2)
    outcomes = {outcome.path: outcome for outcome in extract_all([Job(huge, "image")], settings)}
    assert isinstance(outcomes[huge], MediaError)
    assert "took more than" in outcomes[huge].reason
    outcomes = {outcome.path: outcome for outcome in extract_all([Job(small, "image")], Settings(workers=1))}
    assert isinstance(outcomes[small], Extracted)


def test_nothing_to_read_starts_nothing() -> None:
    assert list(extract_all([], Settings(workers=2))) == []


def test_leaving_early_ends_the_workers(tmp_path: Path) -> None:
    jobs = [Job(photo(tmp_path / f"{seed}.jpg", seed), "image") for seed in range(20)]
    outcomes = extract_all(jobs, Settings(workers=2))
    next(outcomes)
    outcomes.close()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if not [c for c in psutil.Process().children() if "spawn_main" in " ".join(c.cmdline())]:
            return
        time.sleep(0.1)
    pytest.fail("workers are still there")
