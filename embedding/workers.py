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
from attune.embedding.extraction import (
    NO_LIMITS,
    Extracted,
    Limits,
    Prepared,
    as_it_is,
    extract,
    extract_in_batches,
    prepare,
)
from attune.embedding.media import Kind
from attune.embedding.worker import Held, Task, Worker, ended, go_on

if TYPE_CHECKING:
    from attune.core.settings import Settings
    from attune.embedding.backbones import Backbone, Backbones, Listening
    from attune.embedding.view import View

Outcome = Extracted | MediaError
Reader = Callable[[Iterable["Job"], "Settings", Mapping[Kind, "Backbone"]], Generator[Outcome]]
"""What reads files: `extract_all`, or what a test puts in its place."""

_AHEAD = 3  # files in a worker's hands: it goes on while whoever asked writes to disk


@dataclass(frozen=True, slots=True)
class Job:
    """One file whose features are wanted."""

    path: Path
    kind: Kind
    limits: Limits = NO_LIMITS

    def run(self, backbones: Backbones) -> Extracted:
        """Decode it and run its backbone."""
        return extract(self.path, self.kind, backbones, self.limits)


@dataclass(frozen=True, slots=True)
class _Decoding:
    """One file to decode here and to be read by its backbone elsewhere."""

    job: Job
    view: View
    listening: Listening

    @property
    def path(self) -> Path:
        """The file."""
        return self.job.path

    @property
    def kind(self) -> Kind:
        """What it is."""
        return self.job.kind

    def run(self, _backbones: Backbones) -> Prepared:
        """Decode it."""
        return prepare(self.path, self.kind, self.view, self.listening, self.job.limits)


def extract_all(
    jobs: Iterable[Job],
    settings: Settings,
    backbones: Mapping[Kind, Backbone],
    spectrogram: Listening | None = None,
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
    from attune.embedding.backbones import Backbones, listening, moments_of

    if settings.device == "cpu":
        yield from _answers(jobs, settings, backbones)
        return
    there: Listening = listening(backbones["music"])
    here: Listening = as_it_is
    if spectrogram is not None and there is moments_of:
        here, there = spectrogram, as_it_is
    decodings = (_Decoding(job, backbones["image"].view, there) for job in jobs)
    with contextlib.closing(_answers(decodings, settings, backbones)) as answers:
        on_device = Backbones(backbones, device=settings.device)
        yield from extract_in_batches(answers, on_device, here)


def _answers(
    tasks: Iterable[Task[Any]], settings: Settings, backbones: Mapping[Kind, Backbone]
) -> Generator[Any]:
    """Yield what the workers make of each task, or why they could not."""
    left = iter(tasks)
    busy: dict[Connection, Worker] = {}
    try:
        for task in islice(left, settings.workers):
            worker = Worker(settings, backbones)
            worker.give(Held(task))
            busy[worker.connection] = worker
        for task, worker in zip(islice(left, (_AHEAD - 1) * len(busy)), cycle(busy.values()), strict=False):
            worker.give(Held(task))
        while busy:
            for worker in ended(busy):
                del busy[worker.connection]
                outcome = worker.take()
                more = [] if outcome is None else [Held(task) for task in islice(left, 1)]
                heir = go_on(worker, more)
                if heir is not None:
                    busy[heir.connection] = heir
                if outcome is not None:
                    yield outcome
    finally:
        for worker in busy.values():
            worker.stop()
