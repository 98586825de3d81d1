"""Many files become features in worker processes: a crash or a hang costs one file."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, TimeoutError, wait
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import MediaError
from embedding.extraction import Extracted, extract
from embedding.media import Kind

if TYPE_CHECKING:
    from core.settings import Settings
    from embedding.backbones import Backbones

_AHEAD = 4  # files a worker has waiting: enough to never idle, few enough to keep memory flat

_backbones: Backbones | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One file to read."""

    path: Path
    kind: Kind


def extract_all(jobs: Iterable[Job], settings: Settings) -> Generator[Extracted | MediaError]:
    """Decode files and run their backbones in restartable processes.

    Args:
        jobs: The files; taken a few ahead of the answers, so any number of them is fine.
        settings: Number of workers, limits of time and memory of one file.

    Yields:
        For each job, in the order in which they end, its features or why there are none.
    """
    from pebble import ProcessPool

    # Workers inherit it: each is one thread, as many workers as cores use the cores once.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    pool: Any = ProcessPool(
        max_workers=settings.workers,
        initializer=_start_worker,
        initargs=(settings.memory_mb,),
        context=multiprocessing.get_context("spawn"),
    )
    timeouts: dict[Kind, float] = {"image": settings.image_timeout_s, "music": settings.music_timeout_s}
    waiting: dict[Future[Extracted], Job] = {}
    queue = iter(jobs)
    try:
        while True:
            for job in islice(queue, settings.workers * _AHEAD - len(waiting)):
                waiting[pool.submit(_extract, timeouts[job.kind], job)] = job
            if not waiting:
                break
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                yield _outcome(future, waiting.pop(future), timeouts)
        pool.close()
    finally:
        pool.stop()
        pool.join()


def _outcome(future: Future[Extracted], job: Job, timeouts: dict[Kind, float]) -> Extracted | MediaError:
    from pebble import ProcessExpired

    try:
        return future.result()
    except MediaError as error:
        return error
    except TimeoutError:
        return MediaError(job.path, f"reading it took more than {timeouts[job.kind]:.0f} s")
    except ProcessExpired:
        return MediaError(job.path, "the decoder crashed on it; the file is probably damaged")
    except MemoryError:
        return MediaError(job.path, "reading it takes more memory than allowed (ATTUNE_MEMORY_MB)")
    except Exception as error:  # noqa: BLE001 - whatever a library throws at one file, the run goes on
        return MediaError(job.path, f"it could not be read ({type(error).__name__}: {error})")


def _start_worker(memory_mb: int) -> None:
    # Ctrl-C is the parent's to handle: it commits what is done, then stops the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # LibRaw and others write to the terminal on a damaged file; the reason comes with the outcome.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (memory_mb * 2**20, hard))


def _extract(job: Job) -> Extracted:
    from embedding.backbones import Backbones

    global _backbones
    if _backbones is None:
        _backbones = Backbones(threads=1)
    return extract(job.path, job.kind, _backbones)
