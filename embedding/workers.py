"""Many files become features in worker processes: a crash, a hang or a memory hog costs one file.

Each worker has a pipe of its own and one file at a time, so a worker that dies, whenever and however,
takes nothing with it but that file. (A shared queue does: a process that is killed while it holds the
queue's lock stops all others.)
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import ArtefactError, MediaError, UnreachableMedia
from embedding.extraction import Extracted, extract
from embedding.media import Kind

if TYPE_CHECKING:
    from core.settings import Settings
    from embedding.backbones import Backbones

Outcome = Extracted | MediaError

_CRASHED = "the decoder crashed on it; the file is probably damaged"
_START_S = 60.0  # a new worker first imports its libraries


@dataclass(frozen=True, slots=True)
class Job:
    """One file to read."""

    path: Path
    kind: Kind


def extract_all(jobs: Iterable[Job], settings: Settings) -> Generator[Outcome]:
    """Decode files and run their backbones in restartable processes.

    Args:
        jobs: The files; each is taken when a worker is free for it, so any number of them is fine.
        settings: Number of workers, limits of time and memory of one file.

    Yields:
        For each job, in the order in which they end, its features or why there are none.

    Raises:
        ArtefactError: The backbones' weights are missing or damaged.
    """
    queue = iter(jobs)
    busy: dict[Connection, _Worker] = {}
    try:
        for job in islice(queue, settings.workers):
            worker = _Worker(settings)
            worker.give(job)
            busy[worker.connection] = worker
        while busy:
            for worker in _ended(busy):
                del busy[worker.connection]
                outcome = worker.take()
                job_or_none = next(queue, None)
                if job_or_none is None:
                    worker.stop()
                else:
                    ready = worker if worker.usable else _Worker(settings)
                    ready.give(job_or_none)
                    busy[ready.connection] = ready
                yield outcome
    finally:
        for worker in busy.values():
            worker.stop()


def _ended(busy: dict[Connection, _Worker]) -> list[_Worker]:
    """Wait until a worker has an outcome, has died, or has had its time; return all that have."""
    soonest = min(worker.deadline for worker in busy.values())
    heard = wait(busy, timeout=max(0.0, soonest - time.monotonic()))
    now = time.monotonic()
    return [worker for connection, worker in busy.items() if connection in heard or worker.deadline <= now]


class _Worker:
    """One process and the file that it has in hand."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, settings.memory_mb), daemon=True)
        # Workers inherit it: each is one thread, as many workers as cores use the cores once.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        self._process.start()
        theirs.close()  # so that its end of the pipe closes when it dies
        self._grace_s = _START_S
        self.usable = True

    def give(self, job: Job) -> None:
        """Hand it a file; it has the time that files of this kind may take."""
        settings = self._settings
        self._job = job
        self._limit_s = settings.image_timeout_s if job.kind == "image" else settings.music_timeout_s
        self.deadline = time.monotonic() + self._limit_s + self._grace_s
        self._grace_s = 0.0
        with contextlib.suppress(OSError):  # died already: its silence will be heard
            self.connection.send(job)

    def take(self) -> Outcome:
        """Return what became of the file; a worker that is late or dead is stopped for good.

        Raises:
            ArtefactError: The weights are missing or damaged.
        """
        try:
            if self.connection.poll():
                outcome: Outcome | ArtefactError = self.connection.recv()
                if isinstance(outcome, ArtefactError):
                    raise outcome  # nothing can be read without the weights
                return outcome
            reason = f"reading it took more than {self._limit_s:g} s"
        except (EOFError, OSError):
            reason = _CRASHED
        self.stop()
        return UnreachableMedia(self._job.path, reason)

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        self.usable = False
        self._process.kill()
        self._process.join()
        self.connection.close()


def _work(connection: Connection, memory_mb: int) -> None:
    """Read files until the parent hangs up."""
    from embedding.backbones import Backbones

    _limit(memory_mb)
    backbones = Backbones(threads=1)
    while True:
        try:
            job: Job = connection.recv()
        except EOFError:
            return
        connection.send(_outcome(job, backbones))


def _outcome(job: Job, backbones: Backbones) -> Outcome | ArtefactError:
    try:
        return extract(job.path, job.kind, backbones)
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
