"""A worker process with its own pipe, which reads one file at a time within limits of time and memory.

When a worker dies, at any time and for any reason, only the file that it was reading is affected; the tasks
that wait in its pipe are given to its successor. With a queue shared by all workers, a process that is killed
while it holds the queue's lock would block all others.
"""

from __future__ import annotations

import contextlib
import logging
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

from attune.core.errors import ArtefactError, CostlyMedia, MediaError, UnreachableMedia, escape_path
from attune.embedding.media_files import TOO_MUCH_MEMORY, Kind

if TYPE_CHECKING:
    from attune.core.settings import Settings
    from attune.embedding.backbones import Backbone, Backbones

logger = logging.getLogger(__name__)

Result_co = TypeVar("Result_co", covariant=True)

_CRASHED = "the decoder crashed on it; the file is probably damaged"
_KILLED = "the process that read it was killed; the next build tries again"
_CRASH_SIGNALS = frozenset(
    {signal.SIGSEGV, signal.SIGABRT, signal.SIGILL, signal.SIGFPE, getattr(signal, "SIGBUS", 0)}
)
_START_S = 60.0  # extra time for a new worker, which first imports its libraries


class Task(Protocol[Result_co]):
    """Protocol of tasks that workers run on one file; tasks and results must be picklable."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def kind(self) -> Kind:
        """Its media type, which determines the time limit."""

    def run(self, backbones: Backbones) -> Result_co:
        """Process the file.

        Raises:
            MediaError: The file cannot be used.
        """


@dataclass(frozen=True, slots=True)
class PendingTask:
    """A task assigned to a worker.

    Attributes:
        task: The task.
        retried: Whether a worker has already died while running it.
    """

    task: Task[Any]
    retried: bool = False


def wait_for_workers(busy: dict[Connection, Worker]) -> list[Worker]:
    """Wait until a worker has an outcome, has died or has exceeded its time; return all such workers."""
    soonest = min(worker.deadline for worker in busy.values())
    ready = wait(busy, timeout=max(0.0, soonest - time.monotonic()))
    now = time.monotonic()
    return [worker for connection, worker in busy.items() if connection in ready or worker.deadline <= now]


def assign_tasks(worker: Worker, tasks: list[PendingTask]) -> Worker | None:
    """Give more tasks to a worker, or to a new one if it is dead.

    Returns:
        The worker that has the tasks; None if there are none left, in which case the worker is stopped.
    """
    if not worker.usable:
        tasks = [*worker.waiting, *tasks]
        if not tasks:
            return None
        worker = worker.start_successor()
    for pending in tasks:
        worker.send_task(pending)
    if not worker.waiting:
        worker.stop()
        return None
    return worker


class Worker:
    """A worker process and the tasks assigned to it.

    Args:
        settings: Limits of time and memory per file.
        backbones: The backbones that its tasks use.

    Attributes:
        connection: The parent's end of its pipe.
        waiting: Tasks that were sent to it and have no outcome yet; it is running the first.
        deadline: Time on the monotonic clock, in seconds, by which the first task must have an outcome.
        usable: False once the process was stopped or found dead.
    """

    def __init__(self, settings: Settings, backbones: Mapping[Kind, Backbone]) -> None:
        self._settings = settings
        self._backbones = backbones
        context = multiprocessing.get_context("spawn")
        self.connection, child_connection = context.Pipe()
        self._process = context.Process(
            target=_serve_tasks, args=(child_connection, settings.memory_mb, backbones), daemon=True
        )
        # Workers inherit it. There is about one worker per core, so further threads would only compete.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        self._process.start()
        child_connection.close()  # so that the pipe closes when the process dies
        self._grace_s = _START_S
        self.waiting: deque[PendingTask] = deque()
        self.usable = True

    def serves(self, backbones: Mapping[Kind, Backbone]) -> bool:
        """Return whether it is alive (the system may kill an idle process) and has these backbones."""
        return self.usable and self._process.is_alive() and self._backbones == backbones

    def start_successor(self) -> Worker:
        """Start a worker with the same settings and backbones."""
        return Worker(self._settings, self._backbones)

    def send_task(self, pending: PendingTask) -> None:
        """Send it a task."""
        self.waiting.append(pending)
        if len(self.waiting) == 1:
            self._start_clock()
        with contextlib.suppress(OSError):  # it has died, which `wait_for_workers` will notice
            self.connection.send(pending.task)

    def receive_outcome(self) -> Any:
        """Return the outcome of its first task; a worker that is late or dead is stopped.

        Returns:
            The result or the error of the task; None if the worker died and the task was not tried before,
            in which case it is put back to the head of `waiting`.

        Raises:
            ArtefactError: The weights are missing or damaged.
        """
        pending = self.waiting.popleft()
        try:
            if self.connection.poll():
                outcome = self.connection.recv()
                if isinstance(outcome, ArtefactError):
                    raise outcome  # without the weights, no file can be read
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
        logger.info(
            "a worker ended with exit code %s on %s", self._process.exitcode, escape_path(pending.task.path)
        )
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
        """Kill the process."""
        self.usable = False
        self._process.kill()
        self._process.join()
        self.connection.close()


def _serve_tasks(connection: Connection, memory_mb: int, backbones: Mapping[Kind, Backbone]) -> None:
    """Run tasks until the parent closes the pipe."""
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
    except Exception as error:  # noqa: BLE001 - an error of any kind in one file must not end the run
        return MediaError(task.path, f"it could not be read ({type(error).__name__}: {error})")


def _restrict_process(memory_mb: int) -> None:
    # The parent handles Ctrl-C: it commits what is done, then stops the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # LibRaw and others write to the terminal on a damaged file; the reason is in the outcome anyway.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash must not write a core file of a gigabyte
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (memory_mb * 2**20, hard))
