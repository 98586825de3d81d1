"""Pool of worker processes that decode media files and compute their features.

Each worker has its own pipe and reads one file at a time within limits of time and memory. When one dies, at
any time and for any reason, only the file that it was reading is affected; the tasks that wait in its pipe
are given to its successor. With a queue shared by all workers, a process that is killed while it holds the
queue's lock would block all others.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import signal
import subprocess
import sys
import time
import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from itertools import cycle, islice
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from attune.core.errors import ArtefactError, CostlyMedia, MediaError, UnreachableMedia, escape_path
from attune.embedding.feature_extraction import (
    NO_LIMITS,
    FileFeatures,
    Limits,
    PreparedFile,
    extract,
    extract_in_batches,
    pass_through,
    read_media,
)
from attune.embedding.media_files import Kind

if TYPE_CHECKING:
    from attune.core.settings import Settings
    from attune.embedding.backbones import Backbone, Backbones, MusicFrontend
    from attune.embedding.image_geometry import ImageSpec

logger = logging.getLogger(__name__)

Result_co = TypeVar("Result_co", covariant=True)

_CRASHED = "the decoder crashed on it; the file is probably damaged"
_KILLED = "the process that read it was killed; the next build tries again"
_CRASH_SIGNALS = frozenset(
    {signal.SIGSEGV, signal.SIGABRT, signal.SIGILL, signal.SIGFPE, getattr(signal, "SIGBUS", 0)}
)
_START_S = 60.0  # extra time for a new worker, which first imports its libraries
WORKER_MODULE = "attune.embedding.decode_worker"  # tests may substitute one of their own
_QUEUE_DEPTH = 3  # files assigned to a worker, so that it continues while the caller writes to disk

Outcome = FileFeatures | MediaError
FeatureExtractor = Callable[
    [Iterable["ExtractionJob"], "Settings", Mapping[Kind, "Backbone"]], Generator[Outcome]
]
"""Type of `extract_all`, for which tests may substitute a function of their own."""


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
        backbones: The backbones that the worker's tasks use.

    Attributes:
        connection: The parent's end of the worker's pipe.
        waiting: Tasks that were sent to the worker and have no outcome yet; the worker is running the first.
        deadline: Time on the monotonic clock, in seconds, by which the first task must have an outcome.
        usable: False once the process was stopped or found dead.
    """

    def __init__(self, settings: Settings, backbones: Mapping[Kind, Backbone]) -> None:
        self._settings = settings
        self._backbones = backbones
        self.connection, child_connection = Pipe()
        with child_connection:  # closed here, so that the pipe closes when the process dies
            self._process = _start_process(child_connection.fileno())
        weakref.finalize(self, _end_process, self._process)  # at the latest when Python ends
        with contextlib.suppress(OSError):  # the worker died; `wait_for_workers` will notice
            self.connection.send((settings.memory_mb, dict(backbones)))
        self._grace_s = _START_S
        self.waiting: deque[PendingTask] = deque()
        self.usable = True

    def serves(self, backbones: Mapping[Kind, Backbone]) -> bool:
        """Return whether the worker is alive (the system may kill an idle one) and has these backbones."""
        return self.usable and self._process.poll() is None and self._backbones == backbones

    def start_successor(self) -> Worker:
        """Start a worker with the same settings and backbones."""
        return Worker(self._settings, self._backbones)

    def send_task(self, pending: PendingTask) -> None:
        """Send a task to the worker."""
        self.waiting.append(pending)
        if len(self.waiting) == 1:
            self._start_clock()
        with contextlib.suppress(OSError):  # the worker died; `wait_for_workers` will notice
            self.connection.send(pending.task)

    def receive_outcome(self) -> Any:
        """Return the outcome of the worker's first task; stop the worker if it is late or dead.

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
        code = self._process.returncode
        logger.info("a worker ended with exit code %s on %s", code, escape_path(pending.task.path))
        if not pending.retried:
            self.waiting.appendleft(PendingTask(pending.task, retried=True))
            return None
        if -code in _CRASH_SIGNALS:
            return CostlyMedia(pending.task.path, _CRASHED)
        return UnreachableMedia(pending.task.path, _KILLED)

    def _start_clock(self) -> None:
        self.deadline = time.monotonic() + self._limit_s(self.waiting[0].task) + self._grace_s

    def _limit_s(self, task: Task[Any]) -> float:
        settings = self._settings
        return settings.image_timeout_s if task.kind == "image" else settings.music_timeout_s

    def stop(self) -> None:
        """Kill the worker's process."""
        self.usable = False
        _end_process(self._process)
        self.connection.close()


def _start_process(handle: int) -> subprocess.Popen[bytes]:
    """Start a process that inherits a pipe, given as a file descriptor or, on Windows, a handle.

    `multiprocessing` would import the caller's script in each worker, and so run a script that has no
    `if __name__ == "__main__"` again.
    """
    # -P: what happens to lie in the current folder must not be imported in the place of a library.
    command = [sys.executable, "-P", "-m", WORKER_MODULE, str(handle)]
    folders = [folder or str(Path.cwd()) for folder in sys.path]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(folders)}
    # With about one worker per core, more threads would only compete.
    environment.setdefault("OPENBLAS_NUM_THREADS", "1")
    descriptors: list[int] = []
    startup: Any = None
    if sys.platform == "win32":
        os.set_handle_inheritable(handle, True)
        startup = subprocess.STARTUPINFO(lpAttributeList={"handle_list": [handle]})
    else:
        descriptors = [handle]
    return subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, pass_fds=descriptors, startupinfo=startup
    )


def _end_process(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


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
    image_spec: ImageSpec
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
        return read_media(self.path, self.kind, self.image_spec, self.music_frontend, self.job.limits)


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
    decodings = (_DecodeTask(job, backbones["image"].image_spec, worker_frontend) for job in jobs)
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


class DecodeService:
    """Pool of long-lived worker processes, usable from any thread.

    Workers start when they are first needed.

    Args:
        settings: Number of workers, and limits of time and memory per file.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._idle: queue.LifoQueue[Worker | None] = queue.LifoQueue()
        for _ in range(settings.workers):
            self._idle.put(None)

    def read(self, task: Task[Result_co], backbones: Mapping[Kind, Backbone]) -> Result_co:
        """Run a task in a worker that has these backbones, and wait for the result.

        Args:
            task: The task.
            backbones: The backbones that the worker needs; a worker with others is replaced.

        Raises:
            MediaError: The file cannot be used, or it crashed its worker.
            ArtefactError: The backbones' weights are missing or damaged.
        """
        worker = self._idle.get()
        try:
            if worker is None or not worker.serves(backbones):
                if worker is not None:
                    worker.stop()
                worker = Worker(self._settings, backbones)
            worker.send_task(PendingTask(task))
            wait_for_workers({worker.connection: worker})
            outcome = worker.receive_outcome()
            if outcome is None:  # the worker died on the file: a second worker tries it again, as in a build
                worker = assign_tasks(worker, [])
                assert worker is not None
                wait_for_workers({worker.connection: worker})
                outcome = worker.receive_outcome()
        finally:
            self._idle.put(worker)
        if isinstance(outcome, MediaError):
            raise outcome
        result: Result_co = outcome
        return result

    def close(self) -> None:
        """Stop the workers; busy ones finish their file first."""
        for _ in range(self._settings.workers):
            worker = self._idle.get()
            if worker is not None:
                worker.stop()
