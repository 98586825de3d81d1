"""Questions about files: those that are gone, and disks that never reply."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from attune.core.reachability import call_with_timeout, find_missing
from attune.tests.faults.mounts import stalled_disk


def test_a_result_and_an_error_come_through() -> None:
    assert call_with_timeout(lambda: 3, 5.0) == 3
    with pytest.raises(ZeroDivisionError):
        call_with_timeout(lambda: 1 // 0, 5.0)


def test_nobody_waits_longer_than_the_time_limit() -> None:
    released = threading.Event()
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        call_with_timeout(released.wait, 0.05)
    assert time.monotonic() - began < 2.0
    released.set()


def test_a_call_without_end_does_not_keep_the_program_running() -> None:
    script = (
        "import threading\n"
        "from attune.core.reachability import call_with_timeout\n"
        "try: call_with_timeout(threading.Event().wait, 0.05)\n"
        "except TimeoutError: print('no reply')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=30, check=True)
    assert done.stdout == b"no reply\n"


def test_missing_files_are_those_that_are_no_files_now(tmp_path: Path) -> None:
    there, folder, link = tmp_path / "there", tmp_path / "folder", tmp_path / "link"
    there.touch()
    folder.mkdir()
    link.symlink_to(tmp_path / "nowhere")
    names = [str(path) for path in (there, folder, link, tmp_path / "gone" / "file")]
    assert find_missing([*names, "odd\0name"]) == {*names[1:], "odd\0name"}
    assert find_missing([]) == set()


def test_many_folders_share_the_threads(tmp_path: Path) -> None:
    folders = [tmp_path / f"{number:03}" for number in range(200)]
    for folder in folders:
        folder.mkdir()
        (folder / "file").touch()
    paths = [str(folder / name) for folder in folders for name in ("file", "gone")]
    assert find_missing(paths) == {path for path in paths if path.endswith("gone")}
    assert threading.active_count() < 64


def test_a_disk_without_a_reply_hides_only_its_own_files(tmp_path: Path) -> None:
    here = tmp_path / "here.jpg"
    here.touch()
    with stalled_disk(tmp_path / "away") as away:
        if away is None:
            pytest.skip("needs /dev/fuse and the right to mount")
        paths = [str(away / "a.jpg"), str(here), str(away / "b.jpg")]
        began = time.monotonic()
        assert find_missing(paths, 0.2) == {paths[0], paths[2]}
        assert 0.2 <= time.monotonic() - began < 2.0
        threads = threading.active_count()
        began = time.monotonic()
        assert find_missing(paths, 5.0) == {paths[0], paths[2]}  # the first question is still open
        assert time.monotonic() - began < 2.0
        assert threading.active_count() == threads
    Path(paths[0]).touch()  # the disk has gone, and the folder below it is there again
    for _ in range(100):
        if find_missing(paths) == {paths[2]}:
            break
        time.sleep(0.02)
    assert find_missing(paths) == {paths[2]}
