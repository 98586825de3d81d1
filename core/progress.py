"""Progress reporting protocol for long-running work, independent of the user interface."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receiver of progress reports: one task at a time is started, advanced and finished."""

    def start(self, description: str, total: int | None) -> None:
        """Begin a task of `total` steps (None: unknown)."""

    def advance(self, steps: int = 1) -> None:
        """Report that `steps` more steps are done."""

    def finish(self) -> None:
        """End the task that was started last."""


class SilentProgress:
    """Progress that is shown nowhere."""

    def start(self, description: str, total: int | None) -> None:
        """Begin a task; nothing is shown."""

    def advance(self, steps: int = 1) -> None:
        """Ignore the steps."""

    def finish(self) -> None:
        """End the task; nothing is shown."""
