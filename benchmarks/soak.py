"""Robustness of builds: kill them at many points, and build libraries of damaged and hostile files."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from attune.benchmarks.command_timing import ATTUNE
from attune.benchmarks.pipeline import MemoryWatch
from attune.core.progress import Progress
from attune.tests.faults.hostile_media import (
    iter_truncated_files,
    make_animation,
    make_special_files,
    make_valid_files,
    mutate_file,
    write_silence,
)
from attune.tests.faults.kill_rounds import kill_builds

_CHUNK: Final = 2_000  # files per library
_LIMITS: Final = {"ATTUNE_IMAGE_TIMEOUT_S": "30", "ATTUNE_MUSIC_TIMEOUT_S": "120"}
_OUTCOMES: Final = {
    "crashed": "the decoder crashed",
    "hung": "took more than",
    "too large": "more memory",
}


@dataclass(slots=True)
class HostileMediaReport:
    """Result of building libraries of hostile files.

    Attributes:
        files: Number of files.
        read: Number of files that could be read after all.
        skipped: Number of files that were skipped with a reason.
        crashed: Number of skipped files on which a decoder crashed.
        hung: Number of skipped files that took too long.
        too_large: Number of skipped files that needed too much memory.
        peak_mb: Largest sum of the proportional set sizes of all processes of a build, MB.
        failures: Faults of Attune, one line each: a failed build, or a file that is neither read nor skipped.
        reasons: Number of files by reason; numbers in the reasons are replaced by N.
    """

    files: int = 0
    read: int = 0
    skipped: int = 0
    crashed: int = 0
    hung: int = 0
    too_large: int = 0
    peak_mb: float = 0.0
    failures: list[str] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)


def measure(
    kills: int, files: int, folder: Path, seed: int, workers: int, progress: Progress
) -> dict[str, Any]:
    """Kill builds, then read hostile files.

    Args:
        kills: Number of builds to kill.
        files: Number of mutated files to read.
        folder: An empty folder for temporary files.
        seed: Seed of the random kills and mutations.
        workers: Number of processes that read files.
        progress: Receives the number of kills and of files.

    Returns:
        The JSON document of `attune benchmark soak`.
    """
    faults = kill_builds(kills, folder / "kills", seed, progress) if kills else []
    soak = read_hostile(files, folder / "media", seed, workers, progress)
    document = asdict(soak)
    document["reasons"] = dict(soak.reasons.most_common())
    return {"seed": seed, "faults": [asdict(fault) for fault in faults], "media": document}


def read_hostile(
    files: int, folder: Path, seed: int, workers: int, progress: Progress, *, corpus: bool = True
) -> HostileMediaReport:
    """Build libraries of mutated files, 2,000 files at a time.

    Args:
        files: Number of mutated files.
        folder: A folder for temporary files.
        seed: Seed of the mutations.
        workers: Number of processes that read files.
        progress: Receives the number of files after each library.
        corpus: Whether the first library also has the special files, and a file of every format cut at each
            hundredth of its length.
    """
    soak = HostileMediaReport()
    valid = make_valid_files()
    progress.start("reading hostile files", files)
    for first in range(0, files, _CHUNK):
        count = min(_CHUNK, files - first)
        media = folder / f"{first:06d}"
        media.mkdir(parents=True)
        names = (mutate_file(valid, seed * 10_000_000 + first + number) for number in range(count))
        write_files(media, names)
        if corpus and first == 0:
            write_files(media, ((name.encode(), data) for name, data in _iter_corpus(valid)))
            write_silence(media / "twelve-hours.wav", hours=12)
        _build(media, soak, workers)
        shutil.rmtree(media)
        progress.advance(count)
    progress.finish()
    return soak


def _iter_corpus(valid: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    yield from iter_truncated_files(valid)
    yield from make_special_files(valid).items()
    yield "five-thousand-frames.gif", make_animation(5_000)


def write_files(folder: Path, files: Iterator[tuple[bytes, bytes]]) -> None:
    """Write files whose names may be any bytes."""
    for name, data in files:
        (folder / os.fsdecode(name)).write_bytes(data)


def _build(media: Path, soak: HostileMediaReport, workers: int) -> None:
    """Build a library from a folder, and count its files by outcome in `soak`."""
    library = media.with_name(f"{media.name}-library")
    count = sum(1 for _ in media.iterdir())
    soak.files += count
    command = [str(ATTUNE), "build-index", str(media), "--library", str(library)]
    command += ["--workers", str(workers), "-q"]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, **_LIMITS}
    )
    watch = MemoryWatch(process.pid)
    watch.start()
    _, error_output = process.communicate()
    watch.stop()
    soak.peak_mb = max(soak.peak_mb, watch.peak_mb)
    if process.returncode or error_output:
        soak.failures.append(f"build-index ended with {process.returncode}: {error_output[-300:]!r}")
        return
    status = _run_json_command(["status", "--skipped"], library)
    soak.read += status["images"] + status["music"]
    soak.skipped += status["skipped"]
    if status["images"] + status["music"] + status["skipped"] != count:
        soak.failures.append(f"the status does not account for all {count} files: {status}")
    for skip in status["skipped_files"]:
        soak.reasons[re.sub(r"\d[\d.,]*", "N", skip["reason"])] += 1
        for name, part in _OUTCOMES.items():
            if part in skip["reason"]:
                attribute = name.replace(" ", "_")
                setattr(soak, attribute, getattr(soak, attribute) + 1)
    if damage := _run_json_command(["verify"], library)["damage"]:
        soak.failures.append(f"damaged: {damage}")
    shutil.rmtree(library)


def _run_json_command(arguments: list[str], library: Path) -> Any:
    command = [str(ATTUNE), *arguments, "--json", "--library", str(library)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout)
