"""Many files become features in worker processes: a crash, a hang or a memory hog costs one file.

Each worker has a pipe of its own and reads one file at a time, so a worker that dies, whenever and however,
takes nothing with it but that file: those that wait in its pipe go to the worker that follows it. (A shared
queue does: a process that is killed while it holds the queue's lock stops all others.)
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import signal
import time
from collections import deque
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from itertools import cycle, islice
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from core.errors import ArtefactError, MediaError, UnreachableMedia
from embedding.extraction import NO_LIMITS, Extracted, Limits, extract
from embedding.media import Kind

if TYPE_CHECKING:
    from core.settings import Settings
    from embedding.backbones import Backbone, Backbones

Outcome = Extracted | MediaError
_Made_co = TypeVar("_Made_co", covariant=True)

_CRASHED = "the decoder crashed on it; the file is probably damaged"
_START_S = 60.0  # a new worker first imports its libraries
_AHEAD = 3  # files in a worker's hands: it goes on while whoever asked writes to disk


class Task(Protocol[_Made_co]):
    """One file, and what is to be made of it in a worker process: picklable, with a picklable outcome."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def kind(self) -> Kind:
        """How long it may take: as long as files of this kind."""

    def run(self, backbones: Backbones) -> _Made_co:
        """Read the file.

        Raises:
            MediaError: It cannot be used.
        """


@dataclass(frozen=True, slots=True)
class Job:
    """One file whose features are wanted."""

    path: Path
    kind: Kind
    limits: Limits = NO_LIMITS

    def run(self, backbones: Backbones) -> Extracted:
        """Decode it and run its backbone."""
        return extract(self.path, self.kind, backbones, self.limits)


def extract_all(
    jobs: Iterable[Job], settings: Settings, backbones: Mapping[Kind, Backbone]
) -> Generator[Outcome]:
    """Decode files and run their backbones in restartable processes.

    Args:
        jobs: The files; each is taken when a worker is free for it, so any number of them is fine.
        settings: Number of workers, limits of time and memory of one file.
        backbones: Of each kind, what makes the features.

    Yields:
        For each job, in the order in which they end, its features or why there are none.

    Raises:
        ArtefactError: The backbones' weights are missing or damaged.
    """
    queue = iter(jobs)
    busy: dict[Connection, _Worker] = {}
    try:
        for job in islice(queue, settings.workers):
            worker = _Worker(settings, backbones)
            worker.give(job)
            busy[worker.connection] = worker
        for job, worker in zip(islice(queue, (_AHEAD - 1) * len(busy)), cycle(busy.values()), strict=False):
            worker.give(job)
        while busy:
            for worker in _ended(busy):
                del busy[worker.connection]
                outcome = worker.take()
                heir = _go_on(worker, list(islice(queue, 1)))
                if heir is not None:
                    busy[heir.connection] = heir
                yield outcome
    finally:
        for worker in busy.values():
            worker.stop()


class Readers:
    """Workers that stay, for files that come one by one, from any thread.

    Args:
        settings: Number of workers, limits of time and memory of one file. They start when first needed.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._idle: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        for _ in range(settings.workers):
            self._idle.put(None)

    def read(self, task: Task[_Made_co], backbones: Mapping[Kind, Backbone]) -> _Made_co:
        """Do a task in a worker that has these backbones; wait until one is free.

        Raises:
            MediaError: The file cannot be used, or took its worker with it.
            ArtefactError: The backbones' weights are missing or damaged.
        """
        worker = self._idle.get()
        try:
            if worker is None or not worker.serves(backbones):
                if worker is not None:
                    worker.stop()
                worker = _Worker(self._settings, backbones)
            worker.give(task)
            _ended({worker.connection: worker})
            outcome = worker.take()
        finally:
            self._idle.put(worker)
        if isinstance(outcome, MediaError):
            raise outcome
        made: _Made_co = outcome
        return made

    def close(self) -> None:
        """End the workers; those that are busy end with their file."""
        for _ in range(self._settings.workers):
            worker = self._idle.get()
            if worker is not None:
                worker.stop()


def _go_on(worker: _Worker, jobs: list[Job]) -> _Worker | None:
    """Give a worker, or the one that follows a dead one, more to do; None where nothing is left to do."""
    if not worker.usable:
        jobs = [*worker.waiting, *jobs]
        if not jobs:
            return None
        worker = worker.follower()
    for job in jobs:
        worker.give(job)
    if not worker.waiting:
        worker.stop()
        return None
    return worker


def _ended(busy: dict[Connection, _Worker]) -> list[_Worker]:
    """Wait until a worker has an outcome, has died, or has had its time; return all that have."""
    soonest = min(worker.deadline for worker in busy.values())
    heard = wait(busy, timeout=max(0.0, soonest - time.monotonic()))
    now = time.monotonic()
    return [worker for connection, worker in busy.items() if connection in heard or worker.deadline <= now]


class _Worker:
    """One process and the files that it has in hand.

    Attributes:
        connection: Our end of its pipe.
        waiting: What it was given and has not answered; it reads the first.
        deadline: When it must have answered the first.
        usable: It lives, as far as we know.
    """

    def __init__(self, settings: Settings, backbones: Mapping[Kind, Backbone]) -> None:
        self._settings = settings
        self._backbones = backbones
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_work, args=(theirs, settings.memory_mb, backbones), daemon=True
        )
        # Workers inherit it: each is one thread, as many workers as cores use the cores once.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        self._process.start()
        theirs.close()  # so that its end of the pipe closes when it dies
        self._grace_s = _START_S
        self.waiting: deque[Any] = deque()
        self.usable = True

    def serves(self, backbones: Mapping[Kind, Backbone]) -> bool:
        """Say whether it lives (the system may end an idle process) and has these backbones."""
        return self.usable and self._process.is_alive() and self._backbones == backbones

    def follower(self) -> _Worker:
        """Start another one like it."""
        return _Worker(self._settings, self._backbones)

    def give(self, job: Task[Any]) -> None:
        """Hand it a file; it has the time that files of this kind may take."""
        self.waiting.append(job)
        if len(self.waiting) == 1:
            self._start_clock()
        with contextlib.suppress(OSError):  # died already: its silence will be heard
            self.connection.send(job)

    def take(self) -> Any:
        """Return what became of its first file; a worker that is late or dead is stopped for good.

        Raises:
            ArtefactError: The weights are missing or damaged.
        """
        job = self.waiting.popleft()
        try:
            if self.connection.poll():
                outcome = self.connection.recv()
                if isinstance(outcome, ArtefactError):
                    raise outcome  # nothing can be read without the weights
                self._grace_s = 0.0
                if self.waiting:
                    self._start_clock()
                return outcome
            reason = f"reading it took more than {self._limit_s(job):g} s"
        except (EOFError, OSError):
            reason = _CRASHED
        self.stop()
        return UnreachableMedia(job.path, reason)

    def _start_clock(self) -> None:
        self.deadline = time.monotonic() + self._limit_s(self.waiting[0]) + self._grace_s

    def _limit_s(self, job: Task[Any]) -> float:
        settings = self._settings
        return settings.image_timeout_s if job.kind == "image" else settings.music_timeout_s

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        self.usable = False
        self._process.kill()
        self._process.join()
        self.connection.close()


def _work(connection: Connection, memory_mb: int, backbones: Mapping[Kind, Backbone]) -> None:
    """Read files until the parent hangs up."""
    from embedding.backbones import Backbones

    _limit(memory_mb)
    loaded = Backbones(backbones, threads=1)
    while True:
        try:
            job: Task[Any] = connection.recv()
        except EOFError:
            return
        connection.send(_outcome(job, loaded))


def _outcome(job: Task[Any], backbones: Backbones) -> Any:
    try:
        return job.run(backbones)
    except (MediaError, ArtefactError) as error:
        return error
    except MemoryError:
        return UnreachableMedia(job.path, "reading it takes more memory than allowed (ATTUNE_MEMORY_MB)")
    except Exception as error:  # noqa: BLE001 - whatever a library throws at one file, the run goes on
        return MediaError(job.path, f"it could not be read ({type(error).__name__}: {error})")


def _limit(memory_mb: int) -> None:
    # Ctrl-C is the parent's to handle: it commits what is done, then stops the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # LibRaw and others write to the terminal on a damaged file; the reason comes with the outcome.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (memory_mb * 2**20, hard))
