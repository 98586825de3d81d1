"""Bounded thread pool that keeps computation off the event loop and refuses calls when its queue is full."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from attune.retrieval.web.http_errors import Busy

_Result = TypeVar("_Result")


class ThreadPool:
    """A bounded number of threads with a bounded queue.

    Args:
        threads: Number of calls that run at the same time.
        queue_size: Number of calls that may wait for a thread.
    """

    def __init__(self, threads: int, queue_size: int) -> None:
        self._limiter = CapacityLimiter(threads)
        self._capacity = threads + queue_size
        self._call_count = 0

    async def run(self, function: Callable[[], _Result]) -> _Result:
        """Return the result of a function that is called in a thread of the pool.

        Raises:
            Busy: The queue is full.
        """
        if self._call_count >= self._capacity:
            raise Busy("the server has too many requests to answer; try again in a moment")
        self._call_count += 1
        try:
            return await to_thread.run_sync(function, limiter=self._limiter)
        finally:
            self._call_count -= 1
