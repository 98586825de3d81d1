"""A connection on which an answer can be awaited for a limited time. Importing it loads the driver.

TCP notices that the other side has gone, but not that a server, or a proxy before it, has come to a halt.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Iterator
from typing import Any

import psycopg

from attune.indexer.postgres.server_connection import NamedRow


class PatientConnection(psycopg.Connection[NamedRow]):
    """A connection that is given up when nothing comes for too long; without a limit it waits for ever."""

    _patience_s: float | None = None

    @contextlib.contextmanager
    def limit_silence(self, seconds: float) -> Iterator[None]:
        """Within the block, close the connection when nothing comes for so many seconds.

        Raises:
            psycopg.OperationalError: Nothing came.
        """
        self._patience_s = seconds
        try:
            yield
        finally:
            self._patience_s = None

    def wait(self, gen: Any, *arguments: Any, **options: Any) -> Any:
        """Run one of the driver's exchanges with the server; see `psycopg.Connection.wait`."""
        if self._patience_s is None:
            return super().wait(gen, *arguments, **options)
        return super().wait(self._watch(gen, self._patience_s), *arguments, **options)

    def _watch(self, exchange: Any, patience_s: float) -> Generator[Any, Any, Any]:
        heard = time.monotonic()
        try:
            wanted = next(exchange)
            while True:
                ready = yield wanted
                if ready:
                    heard = time.monotonic()
                elif time.monotonic() - heard > patience_s:
                    self.close()
                    raise psycopg.OperationalError(f"no answer within {patience_s:g} s")
                wanted = exchange.send(ready)
        except StopIteration as end:
            return end.value
