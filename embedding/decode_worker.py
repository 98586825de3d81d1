"""One worker process: a pipe of its own, one file at a time, a limit of time and of memory.

A worker that dies, whenever and however, takes nothing with it but the file that it reads: those that wait in
its pipe go to the worker that follows it. (A shared queue does: a process that is killed while it holds the
queue's lock stops all others.)
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from attune.core.errors import ArtefactError, CostlyMedia, MediaError, UnreachableMedia
from attune.embedding.media_files import TOO_MUCH_MEMORY, Kind

if TYPE_CHECKING:
    from attune.core.settings import Settings
    from attune.embedding.backbones import Backbone, Backbones

Result_co = TypeVar("Result_co", covariant=True)

_CRASHED = "the decoder crashed on it; the file is probably damaged"
_KILLED = "its reader was ended from outside; the next build tries again"
_CRASH_SIGNALS = frozenset(
    {signal.SIGSEGV, signal.SIGABRT, signal.SIGILL, signal.SIGFPE, getattr(signal, "SIGBUS", 0)}
)
_START_S = 60.0  # a new worker first imports its libraries


class Task(Protocol[Result_co]):
    """One file, and what is to be made of it in a worker process: picklable, with a picklable outcome."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def kind(self) -> Kind:
        """How long it may take: as long as files of this kind."""

    def run(self, backbones: Backbones) -> Result_co:
        """Read the file.

        Raises:
            MediaError: It cannot be used.
        """


@dataclass(frozen=True, slots=True)
class PendingTask:
    """A task that a worker has in hand; `retried`: one worker has already died on it."""

    task: Task[Any]
    retried: bool = False


def wait_for_workers(busy: dict[Connection, Worker]) -> list[Worker]:
    """Wait until a worker has an outcome, has died, or has had its time; return all that have."""
    soonest = min(worker.deadline for worker in busy.values())
    ready = wait(busy, timeout=max(0.0, soonest - time.monotonic()))
    now = time.monotonic()
    return [worker for connection, worker in busy.items() if connection in ready or worker.deadline <= now]


def assign_tasks(worker: Worker, more: list[PendingTask]) -> Worker | None:
    """Give a worker, or the one that follows a dead one, more to do; None where nothing is left to do."""
    if not worker.usable:
        more = [*worker.waiting, *more]
        if not more:
            return None
        worker = worker.start_successor()
    for pending in more:
        worker.send_task(pending)
    if not worker.waiting:
        worker.stop()
        return None
    return worker


class Worker:
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
        self.connection, child_connection = context.Pipe()
        self._process = context.Process(
            target=_serve_tasks, args=(child_connection, settings.memory_mb, backbones), daemon=True
        )
        # Workers inherit it: each is one thread, as many workers as cores use the cores once.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        self._process.start()
        child_connection.close()  # so that its end of the pipe closes when it dies
        self._grace_s = _START_S
        self.waiting: deque[PendingTask] = deque()
        self.usable = True

    def serves(self, backbones: Mapping[Kind, Backbone]) -> bool:
        """Say whether it lives (the system may end an idle process) and has these backbones."""
        return self.usable and self._process.is_alive() and self._backbones == backbones

    def start_successor(self) -> Worker:
        """Start another one like it."""
        return Worker(self._settings, self._backbones)

    def send_task(self, pending: PendingTask) -> None:
        """Hand it a file; it has the time that files of this kind may take."""
        self.waiting.append(pending)
        if len(self.waiting) == 1:
            self._start_clock()
        with contextlib.suppress(OSError):  # died already: its silence will be heard
            self.connection.send(pending.task)

    def receive_outcome(self) -> Any:
        """Return what became of its first file; a worker that is late or dead is stopped for good.

        None: it died for the first time on this file, which is back at the head of those that wait.

        Raises:
            ArtefactError: The weights are missing or damaged.
        """
        pending = self.waiting.popleft()
        try:
            if self.connection.poll():
                outcome = self.connection.recv()
                if isinstance(outcome, ArtefactError):
                    raise outcome  # nothing can be read without the weights
                self._grace_s = 0.0
                if self.waiting:
                    self._start_clock()
                return outcome
        except (EOFError, OSError):
            self.stop()
            return self._handle_death(pending)
        self.stop()
        task = pending.task
        variable = "ATTUNE_IMAGE_TIMEOUT_S" if task.kind == "image" else "ATTUNE_MUSIC_TIMEOUT_S"
        return CostlyMedia(task.path, f"reading it took more than {self._limit_s(task):g} s ({variable})")

    def _handle_death(self, pending: PendingTask) -> MediaError | None:
        if not pending.retried:
            self.waiting.appendleft(PendingTask(pending.task, retried=True))
            return None
        if -(self._process.exitcode or 0) in _CRASH_SIGNALS:
            return CostlyMedia(pending.task.path, _CRASHED)
        return UnreachableMedia(pending.task.path, _KILLED)

    def _start_clock(self) -> None:
        self.deadline = time.monotonic() + self._limit_s(self.waiting[0].task) + self._grace_s

    def _limit_s(self, task: Task[Any]) -> float:
        settings = self._settings
        return settings.image_timeout_s if task.kind == "image" else settings.music_timeout_s

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        self.usable = False
        self._process.kill()
        self._process.join()
        self.connection.close()


def _serve_tasks(connection: Connection, memory_mb: int, backbones: Mapping[Kind, Backbone]) -> None:
    """Read files until the parent hangs up."""
    from attune.embedding.backbones import Backbones

    _restrict_process(memory_mb)
    loaded = Backbones(backbones, threads=1)
    while True:
        try:
            task: Task[Any] = connection.recv()
        except EOFError:
            return
        connection.send(_run_task(task, loaded))


def _run_task(task: Task[Any], backbones: Backbones) -> Any:
    try:
        return task.run(backbones)
    except (MediaError, ArtefactError) as error:
        return error
    except MemoryError:
        return CostlyMedia(task.path, TOO_MUCH_MEMORY)
    except Exception as error:  # noqa: BLE001 - whatever a library throws at one file, the run goes on
        return MediaError(task.path, f"it could not be read ({type(error).__name__}: {error})")


def _restrict_process(memory_mb: int) -> None:
    # Ctrl-C is the parent's to handle: it commits what is done, then stops the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # LibRaw and others write to the terminal on a damaged file; the reason comes with the outcome.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash is one line, not a file of a gigabyte
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (memory_mb * 2**20, hard))
