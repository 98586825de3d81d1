"""Speed and memory of builds, compared with the lower bound set by decoding and the backbones.

After the first build it measures a refresh, and embedding all items with another network.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from attune.benchmarks.command_timing import ATTUNE
from attune.benchmarks.make_library import list_media
from attune.core.errors import AttuneError
from attune.core.progress import Progress
from attune.embedding.backbones import WEIGHTS
from attune.embedding.media_files import Kind
from attune.embedding.network import DEFAULT_NETWORK

_POLL_INTERVAL_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Floor:
    """Minimal time of one core per item, while every core does the same work.

    Attributes:
        kind: image or music.
        sample: Number of measured files.
        decode_ms: Milliseconds of reading and decoding per file.
        network_ms: Milliseconds of the backbone per file; for music including the spectrogram.
        seconds: Mean length of a piece of music; 0 for pictures.
    """

    kind: Kind
    sample: int
    decode_ms: float
    network_ms: float
    seconds: float

    @property
    def item_s(self) -> float:
        """Seconds of one core per item."""
        return (self.decode_ms + self.network_ms) / 1000.0


@dataclass(frozen=True, slots=True)
class BuildTiming:
    """One run of `attune build-index` in its own process.

    Attributes:
        name: Name of the run in tables.
        files: Number of files in the library's folders.
        seconds: Wall-clock time.
        files_per_s: Files divided by seconds.
        real_time: Seconds of music embedded per second; None if there was no music.
        share_of_floor: Time of the lower bound divided by `seconds`; None if no file was read.
        peak_pss_mb: Largest sum of the proportional set sizes of all its processes, MB.
    """

    name: str
    files: int
    seconds: float
    files_per_s: float
    real_time: float | None
    share_of_floor: float | None
    peak_pss_mb: float


def measure(
    folders: dict[Kind, Path], library: Path, workers: int, sample: int, progress: Progress
) -> dict[str, Any]:
    """Measure the lower bound, then build a new library from both folders, then refresh it.

    Args:
        folders: Folder of each kind of media.
        library: Folder of the new library, which must not exist.
        workers: Number of processes that read files.
        sample: Number of files of each kind for the lower bound, evenly spread over all files.
        progress: Receives the number of finished steps.

    Returns:
        The JSON document of `attune benchmark pipeline`.

    Raises:
        AttuneError: A build failed.
    """
    files = {kind: list_media(folder, kind) for kind, folder in folders.items()}
    progress.start("floor", len(files))
    floors: dict[Kind, Floor] = {}
    for kind, paths in files.items():
        floors[kind] = measure_floor(kind, sample_evenly(paths, sample), workers)
        progress.advance()
    progress.finish()
    progress.start("build-index", len(files) + 2)
    phases = []
    for kind, folder in folders.items():
        floor = floors[kind]
        seconds, peak = _run(["build-index", str(folder)], library, workers)
        count = len(files[kind])
        at_least = count * floor.item_s / workers
        phases.append(
            BuildTiming(
                "images" if kind == "image" else "music",
                count,
                seconds,
                count / seconds,
                count * floor.seconds / seconds if kind == "music" else None,
                at_least / seconds,
                peak,
            )
        )
        progress.advance()
    library_bytes = sum(file.stat().st_size for file in library.rglob("*") if file.is_file())
    count = sum(len(paths) for paths in files.values())
    with TemporaryDirectory() as scratch:
        for name, options in (
            ("refresh, nothing changed", []),
            ("another network", ["--network", str(write_another_network(Path(scratch) / "other"))]),
        ):
            seconds, peak = _run(["build-index", *options], library, workers)
            phases.append(BuildTiming(name, count, seconds, count / seconds, None, None, peak))
            progress.advance()
    # The library stays after the benchmark, so it goes back to the shipped network.
    _run(["build-index", "--network", DEFAULT_NETWORK], library, workers)
    progress.finish()
    return {
        "workers": workers,
        "floor": [asdict(floor) for floor in floors.values()],
        "phases": [asdict(phase) for phase in phases],
        "library_bytes": library_bytes,
    }


def write_another_network(folder: Path) -> Path:
    """Write a network that differs from the shipped one only in its calibration, and so has another id."""
    shutil.copytree(WEIGHTS / DEFAULT_NETWORK, folder)
    config = folder / "network.json"
    described = json.loads(config.read_text())
    curve = described["calibration"]["score"]
    curve["log_odds"] = [odds + 1e-3 for odds in curve["log_odds"]]
    config.write_text(json.dumps(described))
    return folder


def sample_evenly(paths: Sequence[Path], count: int) -> list[Path]:
    """Return at most `count` of the paths, evenly spread."""
    return list(paths[:: max(1, len(paths) // max(count, 1))])[:count]


def measure_floor(kind: Kind, paths: Sequence[Path], workers: int) -> Floor:
    """Measure the lower bound: decode files and run their backbone in as many processes as a build has."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        costs = list(pool.map(_measure_cost, [kind] * workers, [list(paths)] * workers))
    decode, network, seconds = (sum(parts) / len(costs) / len(paths) for parts in zip(*costs, strict=True))
    return Floor(kind, len(paths), 1000 * decode, 1000 * network, seconds)


def _measure_cost(kind: Kind, paths: Sequence[Path]) -> tuple[float, float, float]:
    """Return seconds of decoding and of the network, and the length of the music, summed over all files."""
    from attune.embedding.audio_decoding import read_audio
    from attune.embedding.backbones import DEFAULT_BACKBONES, Backbones, compute_patches
    from attune.embedding.image_decoding import decode_image
    from attune.embedding.levelled_sound import level_sound

    backbones = Backbones(DEFAULT_BACKBONES, threads=1)

    def cost(path: Path) -> tuple[float, float, float]:
        began = time.perf_counter()
        if kind == "image":
            picture = decode_image(path)
            decoded, seconds = time.perf_counter(), 0.0
            backbones.features("image", picture.pixels[None])
        else:
            sound = read_audio(path)
            decoded, seconds = time.perf_counter(), sound.duration_s
            backbones.features("music", compute_patches(level_sound(path, sound.samples)))
        return decoded - began, time.perf_counter() - decoded, seconds

    cost(paths[0])  # loads the libraries
    decoding, network, music = (sum(parts) for parts in zip(*map(cost, paths), strict=True))
    return decoding, network, music


def _run(arguments: Sequence[str], library: Path, workers: int) -> tuple[float, float]:
    """Run a command; return its wall-clock seconds and its peak memory in MB."""
    command = [str(ATTUNE), *arguments, "--library", str(library), "--workers", str(workers), "-q"]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    watch = MemoryWatch(process.pid)
    watch.start()
    _, error_output = process.communicate()
    seconds = time.perf_counter() - began
    watch.stop()
    if process.returncode:
        raise AttuneError(f"the build that was measured failed: {error_output.strip()[-300:]}")
    return seconds, watch.peak_mb


class MemoryWatch(threading.Thread):
    """Thread that measures the memory of a process and its children twice a second.

    Args:
        pid: Id of the process.

    Attributes:
        peak_mb: Largest sum of their proportional set sizes so far, MB.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._over = threading.Event()
        self.peak_mb = 0.0

    def run(self) -> None:
        """Measure until `stop` is called."""
        import psutil

        while not self._over.wait(_POLL_INTERVAL_S):
            total = 0
            try:
                root = psutil.Process(self._pid)
                for process in [root, *root.children(recursive=True)]:
                    total += process.memory_full_info().pss
            except psutil.Error:
                continue  # a process ended during the measurement
            self.peak_mb = max(self.peak_mb, total / 1e6)

    def stop(self) -> None:
        """Stop measuring."""
        self._over.set()
        self.join()
