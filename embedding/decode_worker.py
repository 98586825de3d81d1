"""Worker process of `attune.embedding.decode_pool`, which runs its tasks one after the other.

    python -m attune.embedding.decode_worker HANDLE

`HANDLE` is the number of an open pipe. Its first message is the memory limit in MB and the backbones; each
further message is a task, answered by its result or its error. The worker ends when the pipe is closed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from attune.embedding.backbones import Backbone, Backbones
    from attune.embedding.decode_pool import Task
    from attune.embedding.media_files import Kind


def serve_tasks(handle: int) -> None:
    """Run tasks until the parent closes the pipe.

    Args:
        handle: The pipe's file descriptor; on Windows its handle.
    """
    # The parent handles Ctrl-C: it commits what is done, then stops the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = _open_connection(handle)
    memory_mb: int
    backbones: Mapping[Kind, Backbone]
    with contextlib.suppress(EOFError, OSError):  # the parent has ended
        memory_mb, backbones = connection.recv()
        from attune.embedding.backbones import Backbones

        _restrict_process(memory_mb)
        loaded = Backbones(backbones, threads=1)
        while True:
            task: Task[Any] = connection.recv()
            connection.send(_run_task(task, loaded))


def _open_connection(handle: int) -> Connection:
    if sys.platform == "win32":
        from multiprocessing.connection import PipeConnection

        return PipeConnection(handle)
    from multiprocessing.connection import Connection

    return Connection(handle)


def _run_task(task: Task[Any], backbones: Backbones) -> Any:
    from attune.core.errors import ArtefactError, CostlyMedia, MediaError
    from attune.embedding.media_files import TOO_MUCH_MEMORY

    try:
        return task.run(backbones)
    except (MediaError, ArtefactError) as error:
        return error
    except MemoryError:
        return CostlyMedia(task.path, TOO_MUCH_MEMORY)
    except Exception as error:  # noqa: BLE001 - an error of any kind in one file must not end the run
        return MediaError(task.path, f"it could not be read ({type(error).__name__}: {error})")


def _restrict_process(memory_mb: int) -> None:
    # LibRaw and others write to the terminal on a damaged file; the reason is in the outcome anyway.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash must not write a core file of a gigabyte
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (memory_mb * 2**20, hard))


if __name__ == "__main__":
    serve_tasks(int(sys.argv[1]))
