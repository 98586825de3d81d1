"""Many files become features in worker processes: a crash, a hang or a memory hog costs one file."""

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
"""What reads files: `extract_all`, or what a test puts in its place."""

_QUEUE_DEPTH = 3  # files in a worker's hands: it goes on while whoever asked writes to disk


@dataclass(frozen=True, slots=True)
class ExtractionJob:
    """One file whose features are wanted."""

    path: Path
    kind: Kind
    limits: Limits = NO_LIMITS

    def run(self, backbones: Backbones) -> FileFeatures:
        """Decode it and run its backbone."""
        return extract(self.path, self.kind, backbones, self.limits)


@dataclass(frozen=True, slots=True)
class _DecodeTask:
    """One file to decode here and to be read by its backbone elsewhere."""

    job: ExtractionJob
    view: View
    music_frontend: MusicFrontend

    @property
    def path(self) -> Path:
        """The file."""
        return self.job.path

    @property
    def kind(self) -> Kind:
        """What it is."""
        return self.job.kind

    def run(self, _backbones: Backbones) -> PreparedFile:
        """Decode it."""
        return prepare(self.path, self.kind, self.view, self.music_frontend, self.job.limits)


def extract_all(
    jobs: Iterable[ExtractionJob],
    settings: Settings,
    backbones: Mapping[Kind, Backbone],
    spectrogram: MusicFrontend | None = None,
) -> Generator[Outcome]:
    """Decode files in restartable processes, and run their backbones.

    On the CPU these run in the same processes; on a GPU here, over batches of what the processes decoded.

    Args:
        jobs: The files; each is taken when a worker is free for it, so any number of them is fine.
        settings: Number of workers, limits of time and memory of one file, the device.
        backbones: Of each kind, what makes the features.
        spectrogram: On a GPU, what makes moments of samples there; None: the processes make them, as they
            do where the harmony comes with them.

    Yields:
        For each job, in the order in which they end, its features or why there are none.

    Raises:
        ArtefactError: The backbones' weights are missing or damaged.
        NoDevice: The device cannot be used.
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
    with contextlib.closing(_iter_outcomes(decodings, settings, backbones)) as answers:
        on_device = Backbones(backbones, device=settings.device)
        yield from extract_in_batches(answers, on_device, device_frontend)


def _iter_outcomes(
    tasks: Iterable[Task[Any]], settings: Settings, backbones: Mapping[Kind, Backbone]
) -> Generator[Any]:
    """Yield what the workers make of each task, or why they could not."""
    left = iter(tasks)
    busy: dict[Connection, Worker] = {}
    try:
        for task in islice(left, settings.workers):
            worker = Worker(settings, backbones)
            worker.send_task(PendingTask(task))
            busy[worker.connection] = worker
        for task, worker in zip(
            islice(left, (_QUEUE_DEPTH - 1) * len(busy)), cycle(busy.values()), strict=False
        ):
            worker.send_task(PendingTask(task))
        while busy:
            for worker in wait_for_workers(busy):
                del busy[worker.connection]
                outcome = worker.receive_outcome()
                more = [] if outcome is None else [PendingTask(task) for task in islice(left, 1)]
                successor = assign_tasks(worker, more)
                if successor is not None:
                    busy[successor.connection] = successor
                if outcome is not None:
                    yield outcome
    finally:
        for worker in busy.values():
            worker.stop()
