"""Long-lived worker processes for files that arrive one by one, such as uploads to the server."""

from __future__ import annotations

import queue
from collections.abc import Mapping
from typing import TYPE_CHECKING

from attune.core.errors import MediaError
from attune.embedding.decode_worker import (
    PendingTask,
    Result_co,
    Task,
    Worker,
    assign_tasks,
    wait_for_workers,
)
from attune.embedding.media_files import Kind

if TYPE_CHECKING:
    from attune.core.settings import Settings
    from attune.embedding.backbones import Backbone


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
            if outcome is None:  # it died on the file, which a second worker tries again, as in a build
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
