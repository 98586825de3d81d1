"""Feature extraction from many files in worker processes, where a crash or a hang costs only one file."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from itertools import cycle, islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attune.core.errors import MediaError
from attune.embedding.decode_worker import PendingTask, Task, Worker, assign_tasks, wait_for_workers
from attune.embedding.feature_extraction import (
    NO_LIMITS,
    FileFeatures,
    Limits,
    PreparedFile,
    extract,
    extract_in_batches,
    pass_through,
    prepare,
)
from attune.embedding.media_files import Kind

if TYPE_CHECKING:
    from attune.core.settings import Settings
    from attune.embedding.backbones import Backbone, Backbones, MusicFrontend
    from attune.embedding.image_geometry import View

Outcome = FileFeatures | MediaError
FeatureExtractor = Callable[
    [Iterable["ExtractionJob"], "Settings", Mapping[Kind, "Backbone"]], Generator[Outcome]
]
"""Type of `extract_all`, for which tests may substitute a function of their own."""

_QUEUE_DEPTH = 3  # files assigned to a worker, so that it continues while the caller writes to disk


@dataclass(frozen=True, slots=True)
class ExtractionJob:
    """Worker task that decodes a file and computes its features.

    Attributes:
        path: The file.
        kind: Its media type.
        limits: Sizes above which the file is refused.
    """

    path: Path
    kind: Kind
    limits: Limits = NO_LIMITS

    def run(self, backbones: Backbones) -> FileFeatures:
        """Decode the file and run its backbone."""
        return extract(self.path, self.kind, backbones, self.limits)


@dataclass(frozen=True, slots=True)
class _DecodeTask:
    """Worker task that only decodes a file, as its backbone runs in the parent process."""

    job: ExtractionJob
    view: View
    music_frontend: MusicFrontend

    @property
    def path(self) -> Path:
        """The file."""
        return self.job.path

    @property
    def kind(self) -> Kind:
        """Its media type."""
        return self.job.kind

    def run(self, _backbones: Backbones) -> PreparedFile:
        """Decode the file."""
        return prepare(self.path, self.kind, self.view, self.music_frontend, self.job.limits)


def extract_all(
    jobs: Iterable[ExtractionJob],
    settings: Settings,
    backbones: Mapping[Kind, Backbone],
    spectrogram: MusicFrontend | None = None,
) -> Generator[Outcome]:
    """Decode files in restartable worker processes, and run their backbones.

    With the device `cpu`, backbones run in the workers; otherwise they run in this process, over batches of
    decoded files.

    Args:
        jobs: The files, consumed one by one as workers become free, so there may be any number of them.
        settings: Number of workers, limits of time and memory per file, and the device.
        backbones: The backbone of each kind.
        spectrogram: Function that computes patches from samples on the GPU. If it is None, or if the music
            backbone takes harmonic features, the workers compute the patches.

    Yields:
        For each job, in the order of completion, its features or the error for which there are none.

    Raises:
        ArtefactError: The backbones' weights are missing or damaged.
        DeviceUnavailable: The device cannot be used.
    """
    from attune.embedding.backbones import Backbones, choose_music_frontend, compute_patches

    if settings.device != "cuda":
        yield from _iter_outcomes(jobs, settings, backbones)
        return
    worker_frontend: MusicFrontend = choose_music_frontend(backbones["music"])
    device_frontend: MusicFrontend = pass_through
    if spectrogram is not None and worker_frontend is compute_patches:
        device_frontend, worker_frontend = spectrogram, pass_through
    decodings = (_DecodeTask(job, backbones["image"].view, worker_frontend) for job in jobs)
    with contextlib.closing(_iter_outcomes(decodings, settings, backbones)) as outcomes:
        on_device = Backbones(backbones, device=settings.device)
        yield from extract_in_batches(outcomes, on_device, device_frontend)


def _iter_outcomes(
    tasks: Iterable[Task[Any]], settings: Settings, backbones: Mapping[Kind, Backbone]
) -> Generator[Any]:
    """Run tasks in workers, and yield the result of each or the error that it ended with."""
    remaining = iter(tasks)
    busy: dict[Connection, Worker] = {}
    try:
        for task in islice(remaining, settings.workers):
            worker = Worker(settings, backbones)
            worker.send_task(PendingTask(task))
            busy[worker.connection] = worker
        for task, worker in zip(
            islice(remaining, (_QUEUE_DEPTH - 1) * len(busy)), cycle(busy.values()), strict=False
        ):
            worker.send_task(PendingTask(task))
        while busy:
            for worker in wait_for_workers(busy):
                del busy[worker.connection]
                outcome = worker.receive_outcome()
                new_tasks = [] if outcome is None else [PendingTask(task) for task in islice(remaining, 1)]
                successor = assign_tasks(worker, new_tasks)
                if successor is not None:
                    busy[successor.connection] = successor
                if outcome is not None:
                    yield outcome
    finally:
        for worker in busy.values():
            worker.stop()
