"""How Attune speaks to a person: answers on stdout, everything else on stderr."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from attune.core.progress import Progress, SilentProgress

if TYPE_CHECKING:
    from rich.console import Console

_PIPE_WIDTH = 200  # columns where nobody looks at a terminal: paths are not cut short


def stdout_console() -> Console:
    """Return the console for answers."""
    return _make_console(stderr=False)


def stderr_console() -> Console:
    """Return the console for what is said beside the answer."""
    return _make_console(stderr=True)


def _make_console(*, stderr: bool) -> Console:
    from rich.console import Console

    class Plain(Console):
        """Prints text as it is: names of files and songs may look like markup or emoji codes."""

        def __init__(self, width: int | None = None) -> None:
            super().__init__(stderr=stderr, highlight=False, markup=False, emoji=False, width=width)

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # Rich would leave with exit code 1: `| head` is no failure

    console = Plain()
    return console if console.is_terminal else Plain(_PIPE_WIDTH)


def print_json(document: dict[str, Any]) -> None:
    """Print one JSON document on stdout; the bytes of odd paths survive as escapes."""
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


@contextlib.contextmanager
def show_progress(*, quiet: bool) -> Iterator[Progress]:
    """Show progress on stderr with rate and time left; nothing where `quiet` or no terminal is there."""
    console = stderr_console()
    if quiet or not console.is_terminal:
        yield SilentProgress()
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
        yield _RichProgress(bars)


class _RichProgress:
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
