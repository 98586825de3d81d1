"""Tests of `build-index`: damaged files, Ctrl-C, a killed process, two builds at the same time."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import psutil
import pytest

from attune.tests.e2e.command import attune, attune_json, start_attune
from attune.tests.media_factory import (
    IMAGE_DAMAGE,
    MUSIC_DAMAGE,
    damaged,
    photo,
    song,
)

GOOD_IMAGES = 420
GOOD_MUSIC = 30
DAMAGED = 50


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 500 files of many formats, 50 of them damaged in many ways."""
    folder = tmp_path_factory.mktemp("mixed")
    image_formats = ("jpg", "png", "webp", "gif", "tiff", "bmp", "avif")
    music_formats = ("wav", "flac", "ogg", "opus", "mp3", "m4a", "aiff")
    for seed in range(GOOD_IMAGES):
        photo(folder / f"{seed:03d}.{image_formats[seed % 7]}", seed, (120, 90))
    for seed in range(GOOD_MUSIC):
        song(folder / f"song {seed:02d}.{music_formats[seed % 7]}", seed, seconds=3.5)
    for seed in range(DAMAGED):
        if seed % 5:
            kinds = [kind for kind in IMAGE_DAMAGE if kind != "bomb"]
            damaged(folder / f"broken {seed}.{('jpg', 'png')[seed % 2]}", kinds[seed % len(kinds)], seed)
        else:
            kinds = [kind for kind in MUSIC_DAMAGE if kind != "hollow"]
            damaged(folder / f"broken {seed}.{('wav', 'flac')[seed % 2]}", kinds[seed % len(kinds)], seed)
    return folder


@pytest.mark.slow
def test_five_hundred_files_fifty_of_them_damaged(mixed: Path, tmp_path: Path, network_folder: Path) -> None:
    library = tmp_path / "library"
    result = attune("build-index", mixed, "--network", network_folder, library=library)
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    status = attune_json("status", "--skipped", library=library)
    assert (status["images"], status["music"], status["skipped"]) == (GOOD_IMAGES, GOOD_MUSIC, DAMAGED)
    assert all(Path(skip["path"]).name.startswith("broken") for skip in status["skipped_files"])
    assert all(len(skip["reason"]) > 5 for skip in status["skipped_files"])
    listed = attune("status", "--skipped", library=library).stdout
    assert sum("broken" in line for line in listed.splitlines()) == DAMAGED
    found = attune_json("find-images", mixed / "song 00.wav", "--all-alike", "-n", 1000, library=library)
    assert len(found["results"]) == GOOD_IMAGES


def wait_for_features(library: Path) -> None:
    """Wait until the build has written features."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if any(file.stat().st_size for file in library.glob("features/*.f16")):
            return
        time.sleep(0.02)
    pytest.fail("the build wrote nothing")


@pytest.mark.slow
def test_ctrl_c_ends_politely_and_the_next_build_continues(
    mixed: Path, tmp_path: Path, network_folder: Path
) -> None:
    library = tmp_path / "library"
    process = start_attune("build-index", mixed, "--network", network_folder, library=library)
    wait_for_features(library)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "interrupted" in errors
    assert "Traceback" not in errors
    result = attune("build-index", "--network", network_folder, library=library)
    assert result.returncode == 0
    assert "unchanged" in result.stdout
    status = attune_json("status", library=library)
    assert (status["images"], status["music"]) == (GOOD_IMAGES, GOOD_MUSIC)


@pytest.mark.slow
def test_a_kill_leaves_the_library_searchable_and_no_orphans(
    media: Path, mixed: Path, tmp_path: Path, network_folder: Path
) -> None:
    library = tmp_path / "library"
    assert attune("build-index", media, "--network", network_folder, library=library).returncode == 0
    before = attune_json("find-images", media / "song 1.ogg", "-n", 1000, library=library)
    process = start_attune("build-index", mixed, library=library)
    time.sleep(random.Random(7).uniform(2, 4))
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()
    after = attune_json("find-images", media / "song 1.ogg", "-n", 1000, library=library)
    assert after["results"] == before["results"]
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []
    assert attune("build-index", library=library).returncode == 0
    assert attune_json("status", library=library)["images"] > len(before["results"])


@pytest.mark.slow
def test_a_second_build_says_who_writes(mixed: Path, tmp_path: Path, network_folder: Path) -> None:
    library = tmp_path / "library"
    first = start_attune("build-index", mixed, "--network", network_folder, library=library)
    wait_for_features(library)
    second = attune("build-index", mixed, "--network", network_folder, library=library)
    assert second.returncode == 1
    assert f"process {first.pid}" in second.stderr
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=60)
