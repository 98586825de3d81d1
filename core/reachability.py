"""Whether files can be reached, asked with a time limit.

A network disk whose server has gone blocks every question about its files, for minutes or for ever. The
questions are therefore asked in daemon threads: those of `concurrent.futures` would keep the program from
ending.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

_Result = TypeVar("_Result")
_TIMEOUT_S: Final = 2.0
_MAX_THREADS: Final = 64
_unanswered: dict[str, Future[Any]] = {}
"""The last question about each folder that had no reply in time; it may have one by now."""


def call_with_timeout(function: Callable[[], _Result], seconds: float) -> _Result:
    """Return the result of a function, or stop waiting for it.

    The function goes on in a daemon thread, which ends with the program at the latest.

    Args:
        function: The function; what it raises is raised here.
        seconds: The longest time to wait.

    Raises:
        TimeoutError: There is no result yet.
    """
    return start_in_daemon_thread(function).result(seconds)


def start_in_daemon_thread(function: Callable[[], _Result]) -> Future[_Result]:
    """Start a function in a daemon thread and return its future result."""
    from concurrent.futures import Future

    future: Future[_Result] = Future()

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def stat_with_timeout(path: str, seconds: float = _TIMEOUT_S) -> os.stat_result:
    """Return the status of a file or folder.

    A path whose folder still owes the reply to an earlier question fails at once.

    Args:
        path: Its path.
        seconds: The longest time to wait for its disk.

    Raises:
        TimeoutError: Its disk does not reply.
        OSError: It cannot be reached.
        ValueError: No path may have this name.
    """
    folder = os.path.dirname(path)  # noqa: PTH120 - names may be odd bytes
    if _owes_reply(folder):
        raise TimeoutError
    question = start_in_daemon_thread(partial(os.stat, path))
    try:
        return question.result(seconds)
    except TimeoutError:
        _unanswered[folder] = question
        raise


def find_missing(paths: Iterable[str], seconds: float = _TIMEOUT_S) -> set[str]:
    """Return those of some files that are not there now, or whose disk gives no reply.

    Folders are asked at the same time, so that a disk that does not reply hides no other disk's files. A
    folder that still owes the reply to an earlier question counts as missing at once: a server that is asked
    again and again neither waits nor collects threads.

    Args:
        paths: Absolute paths of files.
        seconds: The longest time to wait for all of them together.
    """
    wanted = set(paths)
    present: set[str] = set()

    def ask(names: list[str]) -> None:
        for name in names:
            if os.path.isfile(name):  # noqa: PTH113 - false also for names that no path may have
                present.add(name)

    folders = [(folder, list(names)) for folder, names in groupby(sorted(wanted), os.path.dirname)]
    folders = [(folder, names) for folder, names in folders if not _owes_reply(folder)]
    per_thread = -(-len(folders) // _MAX_THREADS) or 1
    deadline = time.monotonic() + seconds
    questions = []
    for first in range(0, len(folders), per_thread):
        together = folders[first : first + per_thread]
        names = [name for _, names in together for name in names]
        questions.append((together, start_in_daemon_thread(partial(ask, names))))
    for together, future in questions:
        try:
            future.result(max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            _unanswered.update((folder, future) for folder, _ in together)
    return {name for name in wanted if name not in present}


def _owes_reply(folder: str) -> bool:
    question = _unanswered.get(folder)
    if question is None:
        return False
    if question.done():
        _unanswered.pop(folder, None)
        return False
    return True
