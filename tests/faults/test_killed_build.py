"""The build that is killed: its steps, and the lock that it leaves."""

from __future__ import annotations

import shutil
from multiprocessing import get_context
from pathlib import Path

import pytest

from attune.core.errors import LibraryError
from attune.embedding.network import DEFAULT_NETWORK
from attune.indexer.library import LibraryReader
from attune.indexer.locks import acquire_write_lock
from attune.tests.faults import killed_build
from attune.tests.faults.kill_rounds import build_quietly, read_contents
from attune.tests.faults.killed_build import KilledBuildSpec, change_media, make_media


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A library, and its media files, which have changed since its build."""
    folder = tmp_path_factory.mktemp("base")
    make_media(folder / "media", 140)
    build_quietly(folder / "library", folder / "media", DEFAULT_NETWORK)
    change_media(folder / "media")
    return folder / "library", folder / "media"


def test_a_build_that_is_not_killed_logs_its_steps(base: tuple[Path, Path], tmp_path: Path) -> None:
    library, media = base
    copy = Path(shutil.copytree(library, tmp_path / "library"))
    spec = KilledBuildSpec(copy, copy, media, DEFAULT_NETWORK, tmp_path / "steps")
    process = get_context("spawn").Process(target=killed_build.run, args=(spec,))
    process.start()
    process.join(120)
    assert process.exitcode == 0
    steps = spec.log.read_text().splitlines()
    # The critical steps are among those at which builds are killed.
    assert {"commit", "rename", "before fsync", "after fsync", "insert rows", "switch the generation"} <= set(
        steps
    )
    assert steps.index("switch the generation") > steps.index("rename")
    with LibraryReader(spec.library) as opened:
        assert opened.generation.id == 2


def test_the_lock_of_a_dead_builder_is_taken_over(base: tuple[Path, Path], tmp_path: Path) -> None:
    library, media = base
    copy = Path(shutil.copytree(library, tmp_path / "library"))
    spec = KilledBuildSpec(copy, copy, media, DEFAULT_NETWORK, tmp_path / "steps", 5)
    process = get_context("spawn").Process(target=killed_build.run, args=(spec,))
    process.start()
    process.join(120)
    assert process.exitcode == -9
    assert (copy / "lock").read_text()  # it died while it held the lock
    before = read_contents(spec.library)
    with acquire_write_lock(spec.library), pytest.raises(LibraryError, match="another build"):
        build_quietly(spec.library, media, DEFAULT_NETWORK)
    assert read_contents(spec.library) == before
    assert build_quietly(spec.library, media, DEFAULT_NETWORK).generation is not None
    assert len(read_contents(spec.library)) == 140 - 20 + 80
