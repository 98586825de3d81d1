"""Files that crash, hang, lie or explode: each costs itself alone, with a reason, and is not tried again."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from attune.benchmarks.soak import HostileMediaReport, read_hostile, write_files
from attune.core.errors import CostlyMedia, MediaError, UnreachableMedia
from attune.core.progress import SilentProgress
from attune.core.settings import Settings
from attune.embedding import decode_pool
from attune.embedding.audio_decoding import read_audio
from attune.embedding.backbones import DEFAULT_BACKBONES
from attune.embedding.decode_pool import ExtractionJob, extract_all
from attune.embedding.feature_extraction import FileFeatures
from attune.embedding.image_decoding import decode_image
from attune.embedding.media_files import kind_of
from attune.embedding.media_tags import read_tags
from attune.embedding.network import Network
from attune.indexer.build import BuildRequest, build, plan_build
from attune.tests.faults.hostile_media import (
    iter_truncated_files,
    make_animation,
    make_special_files,
    make_valid_files,
    mutate_file,
    write_silence,
)
from attune.tests.media_factory import photo


@pytest.fixture(scope="module")
def valid() -> dict[str, bytes]:
    return make_valid_files()


@pytest.mark.slow
def test_a_thousand_mutated_files(tmp_path: Path) -> None:
    soak: HostileMediaReport = read_hostile(1_000, tmp_path, 7, 2, SilentProgress(), corpus=False)
    assert soak.failures == []
    assert soak.files == soak.read + soak.skipped == 1_000
    assert soak.peak_mb < 1_500


def read(path: Path) -> str | None:
    """Return why a file cannot be read, None if it can; any error that is not meant for people passes."""
    try:
        if kind_of(path) == "image":
            decode_image(path)
        else:
            read_audio(path)
            read_tags(path)
    except MediaError as error:
        return error.reason
    return None


def test_every_format_can_be_read_whole(tmp_path: Path, valid: dict[str, bytes]) -> None:
    for suffix, data in valid.items():
        path = tmp_path / f"whole.{suffix}"
        path.write_bytes(data)
        assert read(path) is None, suffix


@pytest.mark.slow
def test_files_cut_at_every_hundredth(tmp_path: Path, valid: dict[str, bytes]) -> None:
    reasons = []
    for name, data in iter_truncated_files(valid):
        path = tmp_path / name
        path.write_bytes(data)
        reasons.append(read(path))
        path.unlink()
    assert len(reasons) == 99 * len(valid)
    assert all(reason is None or 5 < len(reason) < 200 for reason in reasons)
    assert sum(reason is not None for reason in reasons) > len(reasons) / 2


READABLE = {
    *("bomb-grey.png", "bomb-profile.png", "bomb-text.png", "exif-60-mb.png", "one-pixel.png", "thread.png"),
    *("ribbon.png", "polyglot.jpg", "polyglot.gif", "two-in-one.png", "sound.wav", "not-numbers.wav"),
    *("tag-too-long.mp3", "tag-loop.mp3"),
}


@pytest.mark.slow
def test_files_that_are_hostile_each_in_its_own_way(tmp_path: Path, valid: dict[str, bytes]) -> None:
    reasons = {}
    for name, data in make_special_files(valid).items():
        path = tmp_path / name
        path.write_bytes(data)
        reasons[name] = read(path)
    assert all(reason is None or "\x1b" not in reason for reason in reasons.values())
    refused = {name for name, reason in reasons.items() if reason is not None}
    assert refused >= reasons.keys() - READABLE
    assert reasons["sixty-thousand.png"] == "60000 × 60000 pixels, more than 250 million: not decoded"
    assert "half a second" in str(reasons["a-hundredth.wav"])
    assert reasons["one-pixel.png"] is None


@pytest.mark.slow
def test_twelve_hours_of_silence_and_five_thousand_frames(tmp_path: Path) -> None:
    sound = read_audio(write_silence(tmp_path / "silence.wav", hours=12))
    assert sound.duration_s == pytest.approx(12 * 3600)
    assert len(sound.samples) == 1800 * 16_000
    (tmp_path / "frames.gif").write_bytes(make_animation(5_000))
    assert read(tmp_path / "frames.gif") is None


@pytest.fixture
def buggy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files on which the decoders have bugs, among good ones."""
    monkeypatch.setattr(decode_pool, "WORKER_MODULE", "attune.tests.faults.faulty_decoders")
    for number, name in enumerate(("a", "segfault", "b", "abort", "c", "hang", "d", "hog", "killed", "e")):
        photo(tmp_path / f"{name}.jpg", number, (40, 30))
    return tmp_path


@pytest.mark.slow
def test_a_decoder_with_bugs_costs_its_files_and_no_others(buggy: Path) -> None:
    jobs: Iterable[ExtractionJob] = [ExtractionJob(path, "image") for path in sorted(buggy.iterdir())]
    settings = Settings(workers=2, image_timeout_s=8)
    outcomes = {outcome.path.stem: outcome for outcome in extract_all(jobs, settings, DEFAULT_BACKBONES)}
    assert {name for name, one in outcomes.items() if isinstance(one, FileFeatures)} == set("abcde")
    costly = {name for name, one in outcomes.items() if isinstance(one, CostlyMedia)}
    assert costly == {"segfault", "abort", "hang", "hog"}
    assert isinstance(outcomes["killed"], UnreachableMedia)  # not the file's fault, perhaps
    reasons = {name: one.reason for name, one in outcomes.items() if isinstance(one, MediaError)}
    assert "crashed" in reasons["segfault"]
    assert "took more than 8 s" in reasons["hang"]
    assert "ATTUNE_MEMORY_MB" in reasons["hog"]


@pytest.mark.slow
def test_what_killed_its_reader_is_not_read_again_until_something_changes(
    buggy: Path, network: Network
) -> None:
    for name in ("hog", "abort", "hang"):
        (buggy / f"{name}.jpg").unlink()
    settings = Settings(workers=2, image_timeout_s=20)
    library = buggy / "library"
    report = build(BuildRequest(library, (str(buggy),)), network, settings, SilentProgress())
    assert (report.added, len(report.skipped)) == (5, 2)
    again = plan_build(BuildRequest(library), settings=settings)
    assert [Path(one.stamp.path).stem for one in again.read] == ["killed"]
    assert [Path(one.path).stem for one in again.known_failures] == ["segfault"]
    more_time = plan_build(BuildRequest(library), settings=Settings(workers=2, image_timeout_s=40))
    assert {Path(one.stamp.path).stem for one in more_time.read} == {"killed", "segfault"}
    photo(buggy / "segfault.jpg", 9, (41, 30))
    assert len(plan_build(BuildRequest(library), settings=settings).read) == 2


def test_the_names_of_mutated_files_are_as_odd_as_names_get(tmp_path: Path, valid: dict[str, bytes]) -> None:
    write_files(tmp_path, (mutate_file(valid, seed) for seed in range(1_500)))
    names = [os.fsencode(path.name) for path in tmp_path.iterdir()]
    assert len(names) == 1_500
    assert any(b"\n" in name for name in names)
    assert any(b"\xff" in name for name in names)
