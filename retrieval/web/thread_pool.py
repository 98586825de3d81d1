"""Work that computes leaves the event loop for a few threads; what would wait too long is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from attune.retrieval.web.http_errors import Busy

_Result = TypeVar("_Result")


class ThreadPool:
    """A bounded number of threads and a bounded queue before them.

    Args:
        threads: Calls that run at a time.
        waiting: Calls that may wait.
    """

    def __init__(self, threads: int, queue_size: int) -> None:
        self._limiter = CapacityLimiter(threads)
        self._capacity = threads + queue_size
        self._call_count = 0

    async def run(self, function: Callable[[], _Result]) -> _Result:
        """Call a function in a thread of the pool.

        Raises:
            Busy: Too many are waiting.
        """
        if self._call_count >= self._capacity:
            raise Busy("too many questions at a time; ask again in a moment")
        self._call_count += 1
        try:
            return await to_thread.run_sync(function, limiter=self._limiter)
        finally:
            self._call_count -= 1
