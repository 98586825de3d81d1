"""The pool of worker processes, in which a crash or a hang costs at most one file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
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

UNGUARDED = """
import sys
from attune.core.progress import SilentProgress
from attune.core.settings import Settings
from attune.embedding.network import open_network
from attune.indexer.build import BuildRequest, build
from pathlib import Path
print("once", flush=True)
request = BuildRequest(Path(sys.argv[1]), (sys.argv[2],))
print(build(request, open_network(), Settings(workers=2), SilentProgress()).added)
"""


def workers() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "decode_worker" in " ".join(child.cmdline())]


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


@pytest.mark.slow
def test_a_script_without_a_guard_runs_once(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED)
    (tmp_path / "photos").mkdir()
    for seed in range(2):
        photo(tmp_path / "photos" / f"{seed}.jpg", seed)
    command = [sys.executable, str(script), str(tmp_path / "library"), str(tmp_path / "photos")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "once\n2\n", "")


@pytest.mark.slow
def test_workers_import_nothing_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of photos may hold anything, and is often the current one."""
    (tmp_path / "numpy.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if folder])
    (outcome,) = extract_all(pictures(tmp_path, 1), Settings(workers=1), DEFAULT_BACKBONES)
    assert isinstance(outcome, FileFeatures)


@pytest.mark.slow
def test_workers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    """Also one that hangs, and one that nobody has stopped."""
    script = f"""
import sys, time
from pathlib import Path
from attune.core.settings import Settings
from attune.embedding.backbones import DEFAULT_BACKBONES
from attune.embedding.decode_pool import PendingTask, Worker
from attune.embedding.media_preview import ThumbnailTask
worker = Worker(Settings(), DEFAULT_BACKBONES)
worker.send_task(PendingTask(ThumbnailTask(Path({str(tmp_path / "huge.png")!r}), 64)))
time.sleep(2)
print(worker._process.pid)
"""
    photo(tmp_path / "huge.png", 1, (9000, 9000))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not psutil.pid_exists(int(done.stdout)) or psutil.Process(int(done.stdout)).status() == "zombie"
