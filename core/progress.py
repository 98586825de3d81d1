"""How long work tells how far it is, without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """One task at a time: started, advanced, finished."""

    def start(self, description: str, total: int | None) -> None:
        """Begin a task of `total` steps (None: unknown)."""

    def advance(self, steps: int = 1) -> None:
        """Say that `steps` more steps are done."""

    def finish(self) -> None:
        """End the task that was started last."""


class SilentProgress:
    """Tells nobody."""

    def start(self, description: str, total: int | None) -> None:
        """Begin a task; nothing is shown."""

    def advance(self, steps: int = 1) -> None:
        """Take note of nothing."""

    def finish(self) -> None:
        """End the task; nothing is shown."""
