"""Workers that stay, for files that come one by one: what a server reads uploads and pictures with."""

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
    """Workers that stay, for files that come one by one, from any thread.

    Args:
        settings: Number of workers, limits of time and memory of one file. They start when first needed.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._idle: queue.LifoQueue[Worker | None] = queue.LifoQueue()
        for _ in range(settings.workers):
            self._idle.put(None)

    def read(self, task: Task[Result_co], backbones: Mapping[Kind, Backbone]) -> Result_co:
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
                worker = Worker(self._settings, backbones)
            worker.send_task(PendingTask(task))
            wait_for_workers({worker.connection: worker})
            outcome = worker.receive_outcome()
            if outcome is None:  # it died on the file, which gets a second worker, as in a build
                worker = assign_tasks(worker, [])
                assert worker is not None
                wait_for_workers({worker.connection: worker})
                outcome = worker.receive_outcome()
        finally:
            self._idle.put(worker)
        if isinstance(outcome, MediaError):
            raise outcome
        made: Result_co = outcome
        return made

    def close(self) -> None:
        """End the workers; those that are busy end with their file."""
        for _ in range(self._settings.workers):
            worker = self._idle.get()
            if worker is not None:
                worker.stop()
