"""A worker process whose decoders have bugs that some file names trigger.

It stands in for `attune.embedding.decode_worker`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from attune.embedding import decode_pool, decode_worker
from attune.embedding.backbones import Backbones
from attune.embedding.feature_extraction import FileFeatures, Limits

_extract = decode_pool.extract


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


if __name__ == "__main__":
    decode_pool.extract = _crash_hang_or_hog
    decode_worker.serve_tasks(int(sys.argv[1]))
