"""Output for people: answers go to stdout, everything else to stderr."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from attune.core.progress import Progress, SilentProgress

if TYPE_CHECKING:
    from rich.console import Console

_PIPE_WIDTH: Final = 200  # columns where neither a terminal nor COLUMNS says how wide
_LINE_INTERVAL_S: Final = 30.0


def stdout_console() -> Console:
    """Return the console for answers."""
    return _make_console(stderr=False)


def stderr_console() -> Console:
    """Return the console for progress, notices and warnings."""
    return _make_console(stderr=True)


def _make_console(*, stderr: bool) -> Console:
    from rich.console import Console

    class PlainConsole(Console):
        """Console that prints text unchanged: names of files may look like markup or emoji codes."""

        def __init__(self, width: int | None = None) -> None:
            super().__init__(stderr=stderr, highlight=False, markup=False, emoji=False, width=width)

        def print(self, *objects: Any, **options: Any) -> None:
            """Print; lines of text are never broken, since they may hold paths that people copy."""
            options.setdefault("soft_wrap", all(isinstance(one, str) for one in objects))
            super().print(*objects, **options)

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # Rich would leave with exit code 1, but `| head` is no failure

    console = PlainConsole()
    knows_width = console.is_terminal or "COLUMNS" in os.environ
    return console if knows_width else PlainConsole(_PIPE_WIDTH)


def print_json(document: dict[str, Any]) -> None:
    """Print one JSON document on stdout; bytes of paths that are not UTF-8 survive as escapes."""
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


@contextlib.contextmanager
def show_progress(*, quiet: bool) -> Iterator[Progress]:
    """Show progress on stderr: a bar on a terminal, elsewhere a line every 30 seconds, nothing if `quiet`."""
    console = stderr_console()
    if quiet:
        yield SilentProgress()
        return
    if not console.is_terminal:
        yield LineProgress(console.print)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(compact=True),
    )
    with Bars(*columns, console=console, transient=True) as bars:
        yield _BarProgress(bars)


class LineProgress:
    """Progress as lines of text, for logs and pipes: one line whenever 30 seconds have passed.

    Args:
        write: Receives each line.
        clock: Returns seconds that never run backwards.
    """

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._clock = clock
        self._description = ""
        self._total: int | None = None
        self._done = 0
        self._started_s = self._written_s = clock()

    def start(self, description: str, total: int | None) -> None:
        """Begin a task of `total` steps (None: unknown)."""
        self._description, self._total, self._done = description, total, 0
        self._started_s = self._clock()

    def advance(self, steps: int = 1) -> None:
        """Count the steps; write a line if the last one is 30 seconds old."""
        self._done += steps
        now = self._clock()
        if now - self._written_s >= _LINE_INTERVAL_S:
            self._written_s = now
            self._write(self._format_line(now - self._started_s))

    def finish(self) -> None:
        """End the task; nothing is written."""

    def _format_line(self, elapsed_s: float) -> str:
        rate = self._done / elapsed_s if elapsed_s > 0 else 0.0
        if self._total is None:
            return f"{self._description}: {self._done}, {rate:.1f}/s"
        line = f"{self._description}: {self._done} of {self._total}, {rate:.1f}/s"
        if rate > 0 and self._done < self._total:
            minutes, seconds = divmod(round((self._total - self._done) / rate), 60)
            line += f", {minutes}:{seconds:02d} left"
        return line


class _BarProgress:
    def __init__(self, bars: Any) -> None:
        self._bars = bars
        self._task: Any = None

    def start(self, description: str, total: int | None) -> None:
        self._task = self._bars.add_task(description, total=total, rate="")

    def advance(self, steps: int = 1) -> None:
        self._bars.advance(self._task, steps)
        speed = self._bars.tasks[self._bars.task_ids.index(self._task)].speed
        self._bars.update(self._task, rate=f"{speed:.1f}/s" if speed else "")

    def finish(self) -> None:
        self._bars.remove_task(self._task)
