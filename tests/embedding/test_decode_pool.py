"""The pool of worker processes, in which a crash or a hang costs at most one file."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil
import pytest
from PIL import Image

from attune.core.errors import MediaError
from attune.core.settings import Settings
from attune.embedding.backbones import DEFAULT_BACKBONES
from attune.embedding.decode_pool import ExtractionJob, extract_all
from attune.embedding.feature_extraction import FileFeatures
from attune.tests.media_factory import damaged, photo


def workers() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]


def pictures(folder: Path, count: int) -> list[ExtractionJob]:
    return [ExtractionJob(photo(folder / f"{seed}.jpg", seed, (900, 700)), "image") for seed in range(count)]


@pytest.mark.slow
@pytest.mark.parametrize("moment", [1, 2, 7, 20])
def test_a_killed_worker_costs_no_file(tmp_path: Path, moment: int) -> None:
    """The worker that replaces it reads its file again."""
    outcomes = []
    for outcome in extract_all(pictures(tmp_path, 40), Settings(workers=2), DEFAULT_BACKBONES):
        outcomes.append(outcome)
        if len(outcomes) == moment:
            os.kill(workers()[moment % 2].pid, signal.SIGKILL)
    assert len({outcome.path for outcome in outcomes}) == len(outcomes) == 40
    assert [outcome.reason for outcome in outcomes if isinstance(outcome, MediaError)] == []


@pytest.mark.slow
def test_every_worker_killed_again_and_again(tmp_path: Path) -> None:
    outcomes = []
    for outcome in extract_all(pictures(tmp_path, 30), Settings(workers=2), DEFAULT_BACKBONES):
        outcomes.append(outcome)
        if len(outcomes) % 6 == 0:
            for child in workers():
                child.kill()
    assert len({outcome.path for outcome in outcomes}) == 30
    assert sum(isinstance(outcome, FileFeatures) for outcome in outcomes) >= 20


@pytest.mark.slow
def test_a_hanging_file_is_given_up(tmp_path: Path) -> None:
    warm_up = photo(tmp_path / "warm-up.jpg", 0)
    huge = photo(tmp_path / "huge.png", 1, (9000, 9000))
    small = photo(tmp_path / "small.jpg", 2)
    jobs = [ExtractionJob(path, "image") for path in (warm_up, huge, small)]
    settings = Settings(workers=1, image_timeout_s=0.5)
    outcomes = {outcome.path: outcome for outcome in extract_all(jobs, settings, DEFAULT_BACKBONES)}
    assert isinstance(outcomes[warm_up], FileFeatures)
    hung = outcomes[huge]
    assert isinstance(hung, MediaError)
    assert "took more than 0.5 s" in hung.reason
    assert isinstance(outcomes[small], FileFeatures)


@pytest.mark.slow
def test_a_file_that_needs_too_much_memory_is_given_up(tmp_path: Path) -> None:
    huge = tmp_path / "huge.png"
    Image.new("RGB", (15_500, 15_500)).save(huge, compress_level=1)
    small = photo(tmp_path / "small.jpg", 2)
    settings = Settings(workers=1, memory_mb=1024)
    outcomes = {
        o.path: o
        for o in extract_all(
            [ExtractionJob(huge, "image"), ExtractionJob(small, "image")], settings, DEFAULT_BACKBONES
        )
    }
    refused = outcomes[huge]
    assert isinstance(refused, MediaError)
    assert "memory" in refused.reason
    assert isinstance(outcomes[small], FileFeatures)


def test_outcomes_are_those_of_one_process(tmp_path: Path) -> None:
    good, bad = photo(tmp_path / "good.jpg", 1), damaged(tmp_path / "bad.jpg", "text")
    outcomes = {
        o.path: o
        for o in extract_all(
            [ExtractionJob(good, "image"), ExtractionJob(bad, "image")],
            Settings(workers=2),
            DEFAULT_BACKBONES,
        )
    }
    found = outcomes[good]
    assert isinstance(found, FileFeatures)
    assert found.features.shape == (1, 2528)
    assert isinstance(outcomes[bad], MediaError)


def test_nothing_to_read_starts_nothing() -> None:
    assert list(extract_all([], Settings(workers=2), DEFAULT_BACKBONES)) == []


@pytest.mark.slow
def test_leaving_early_ends_the_workers(tmp_path: Path) -> None:
    outcomes = extract_all(pictures(tmp_path, 20), Settings(workers=2), DEFAULT_BACKBONES)
    next(outcomes)
    assert len(workers()) == 2
    outcomes.close()
    deadline = time.monotonic() + 10
    while workers():
        assert time.monotonic() < deadline
