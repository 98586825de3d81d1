"""Ctrl-C waits where stopping halfway would cost work."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def interrupts_deferred() -> Iterator[None]:
    """Hold an interrupt back until the block is done, then raise it.

    Only the main thread receives interrupts; elsewhere this does nothing.

    Raises:
        KeyboardInterrupt: Ctrl-C came during the block.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held = []
    before = signal.signal(signal.SIGINT, lambda *_: held.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if held:
        raise KeyboardInterrupt
