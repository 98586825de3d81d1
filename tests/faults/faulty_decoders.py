"""A worker process whose decoders have bugs that some file names trigger.

This is a module of its own, imported by its full name, because a spawned process has to import the function
that it runs, and pytest gives test modules names that other processes do not know.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from pathlib import Path
from typing import Any

import attune.embedding.decode_pool
from attune.embedding.backbones import Backbones
from attune.embedding.feature_extraction import FileFeatures
from attune.embedding.media_reader import Limits

_extract = attune.embedding.decode_pool.extract
_serve_tasks = attune.embedding.decode_pool._serve_tasks


def serve_tasks_with_bugs(connection: Any, memory_mb: int, backbones: Any) -> None:
    """Stand in for `decode_pool._serve_tasks`."""
    attune.embedding.decode_pool.extract = _crash_hang_or_hog
    _serve_tasks(connection, memory_mb, backbones)


def _crash_hang_or_hog(path: Path, kind: Any, backbones: Backbones, limits: Limits) -> FileFeatures:
    match path.stem:
        case "segfault":
            ctypes.string_at(0)
        case "abort":
            os.abort()
        case "hang":
            time.sleep(600)
        case "hog":
            bytearray(1 << 40)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
    return _extract(path, kind, backbones, limits)
