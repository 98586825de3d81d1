"""Deferral of Ctrl-C during work that must not stop halfway."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def defer_interrupts() -> Iterator[None]:
    """Delay an interrupt (SIGINT) until the block has finished, then raise it.

    Only the main thread receives interrupts; elsewhere this does nothing.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed during the block.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received = []
    previous_handler = signal.signal(signal.SIGINT, lambda *_: received.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous_handler)
    if received:
        raise KeyboardInterrupt
