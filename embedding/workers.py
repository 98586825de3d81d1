"""Many files become features in worker processes: a crash, a hang or a memory hog costs one file.

Each worker has a pipe of its own and reads one file at a time, so a worker that dies, whenever and however,
takes nothing with it but that file: those that wait in its pipe go to the worker that follows it. (A shared
queue does: a process that is killed while it holds the queue's lock stops all others.)
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import cycle, islice
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import ArtefactError, CostlyMedia, MediaError, UnreachableMedia
from embedding.extraction import (
    Extracted,
    Prepared,
    Spectrogram,
    as_it_is,
    extract,
    extract_in_batches,
    prepare,
)
from embedding.media import TOO_MUCH_MEMORY, Kind

if TYPE_CHECKING:
    from core.settings import Settings
    from embedding.backbones import Backbone, Backbones
    from embedding.session import Device

Outcome = Extracted | MediaError
Reader = Callable[[Iterable["Job"], "Settings", Mapping[Kind, "Backbone"]], Generator[Outcome]]
"""What reads files: `extract_all`, or what a test puts in its place."""
_Answer = Outcome | Prepared

_CRASHED = "the decoder crashed on it; the file is probably damaged"
_ENDED = "its reader was ended from outside; the next build tries again"
_FAULTS = frozenset(
    {signal.SIGSEGV, signal.SIGABRT, signal.SIGILL, signal.SIGFPE, getattr(signal, "SIGBUS", 0)}
)
_START_S = 60.0  # a new worker first imports its libraries
_AHEAD = 3  # files in a worker's hands: it goes on while whoever asked writes to disk


@dataclass(frozen=True, slots=True)
class Job:
    """One file to read.

    Attributes:
        path: The file.
        kind: What it is.
        again: A worker died on it already: perhaps of what another file had left behind.
    """

    path: Path
    kind: Kind
    again: bool = False


def extract_all(
    jobs: Iterable[Job],
    settings: Settings,
    backbones: Mapping[Kind, Backbone],
    spectrogram: Spectrogram | None = None,
) -> Generator[Outcome]:
    """Decode files in restartable processes, and run their backbones.

    On the CPU these run in the same processes; on a GPU here, over batches of what the processes decoded.

    Args:
        jobs: The files; each is taken when a worker is free for it, so any number of them is fine.
        settings: Number of workers, limits of time and memory of one file, the device.
        backbones: Of each kind, what makes the features.
        spectrogram: On a GPU, what makes moments of samples there; None: the processes make them.

    Yields:
        For each job, in the order in which they end, its features or why there are none.

    Raises:
        ArtefactError: The backbones' weights are missing or damaged.
        NoDevice: The device cannot be used.
    """
    from embedding.backbones import Backbones, moments_of

    task = _Task(backbones, settings.device, moments_of if spectrogram is None else as_it_is)
    with contextlib.closing(_answers(jobs, settings, task)) as answers:
        if settings.device == "cpu":
            yield from (answer for answer in answers if not isinstance(answer, Prepared))
        else:
            prepared = (answer for answer in answers if not isinstance(answer, Extracted))
            on_device = Backbones(backbones, device=settings.device)
            yield from extract_in_batches(prepared, on_device, spectrogram or as_it_is)


@dataclass(frozen=True, slots=True)
class _Task:
    """What workers do with each file.

    Attributes:
        backbones: What reads it.
        device: Where that happens: on the CPU in the worker, else later.
        spectrogram: What makes moments of samples.
    """

    backbones: Mapping[Kind, Backbone]
    device: Device
    spectrogram: Spectrogram


def _answers(jobs: Iterable[Job], settings: Settings, task: _Task) -> Generator[_Answer]:
    """Yield what the workers make of each job: features on the CPU, else prepared files."""
    queue = iter(jobs)
    busy: dict[Connection, _Worker] = {}
    try:
        for job in islice(queue, settings.workers):
            worker = _Worker(settings, task)
            worker.give(job)
            busy[worker.connection] = worker
        for job, worker in zip(islice(queue, (_AHEAD - 1) * len(busy)), cycle(busy.values()), strict=False):
            worker.give(job)
        while busy:
            for worker in _ended(busy):
                del busy[worker.connection]
                outcome = worker.take()
                more = [] if outcome is None else list(islice(queue, 1))
                heir = _go_on(worker, more)
                if heir is not None:
                    busy[heir.connection] = heir
                if outcome is not None:
                    yield outcome
    finally:
        for worker in busy.values():
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

    def __init__(self, settings: Settings, task: _Task) -> None:
        self._settings = settings
        self._task = task
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, settings.memory_mb, task), daemon=True)
        # Workers inherit it: each is one thread, as many workers as cores use the cores once.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        self._process.start()
        theirs.close()  # so that its end of the pipe closes when it dies
        self._grace_s = _START_S
        self.waiting: deque[Job] = deque()
        self.usable = True

    def follower(self) -> _Worker:
        """Start another one like it."""
        return _Worker(self._settings, self._task)

    def give(self, job: Job) -> None:
        """Hand it a file; it has the time that files of this kind may take."""
        self.waiting.append(job)
        if len(self.waiting) == 1:
            self._start_clock()
        with contextlib.suppress(OSError):  # died already: its silence will be heard
            self.connection.send(job)

    def take(self) -> _Answer | None:
        """Return what became of its first file; a worker that is late or dead is stopped for good.

        None: it died for the first time on this file, which is back at the head of those that wait.

        Raises:
            ArtefactError: The weights are missing or damaged.
        """
        job = self.waiting.popleft()
        try:
            if self.connection.poll():
                outcome: _Answer | ArtefactError = self.connection.recv()
                if isinstance(outcome, ArtefactError):
                    raise outcome  # nothing can be read without the weights
                self._grace_s = 0.0
                if self.waiting:
                    self._start_clock()
                return outcome
        except (EOFError, OSError):
            self.stop()
            return self._died_on(job)
        self.stop()
        variable = "ATTUNE_IMAGE_TIMEOUT_S" if job.kind == "image" else "ATTUNE_MUSIC_TIMEOUT_S"
        return CostlyMedia(job.path, f"reading it took more than {self._limit_s(job):g} s ({variable})")

    def _died_on(self, job: Job) -> MediaError | None:
        if not job.again:
            self.waiting.appendleft(replace(job, again=True))
            return None
        if -(self._process.exitcode or 0) in _FAULTS:
            return CostlyMedia(job.path, _CRASHED)
        return UnreachableMedia(job.path, _ENDED)

    def _start_clock(self) -> None:
        self.deadline = time.monotonic() + self._limit_s(self.waiting[0]) + self._grace_s

    def _limit_s(self, job: Job) -> float:
        settings = self._settings
        return settings.image_timeout_s if job.kind == "image" else settings.music_timeout_s

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        self.usable = False
        self._process.kill()
        self._process.join()
        self.connection.close()


def _work(connection: Connection, memory_mb: int, task: _Task) -> None:
    """Read files until the parent hangs up."""
    from embedding.backbones import Backbones

    _limit(memory_mb)
    loaded = Backbones(task.backbones, threads=1)
    while True:
        try:
            job: Job = connection.recv()
        except EOFError:
            return
        connection.send(_outcome(job, loaded, task))


def _outcome(job: Job, backbones: Backbones, task: _Task) -> _Answer | ArtefactError:
    try:
        if task.device == "cpu":
            return extract(job.path, job.kind, backbones)
        return prepare(job.path, job.kind, backbones.view, task.spectrogram)
    except (MediaError, ArtefactError) as error:
        return error
    except MemoryError:
        return CostlyMedia(job.path, TOO_MUCH_MEMORY)
    except Exception as error:  # noqa: BLE001 - whatever a library throws at one file, the run goes on
        return MediaError(job.path, f"it could not be read ({type(error).__name__}: {error})")


def _limit(memory_mb: int) -> None:
    # Ctrl-C is the parent's to handle: it commits what is done, then stops the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # LibRaw and others write to the terminal on a damaged file; the reason comes with the outcome.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash is one line, not a file of a gigabyte
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (memory_mb * 2**20, hard))
