"""Searches during builds: every result must belong to one complete generation."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from attune.core.errors import AttuneError
from attune.embedding.network import DEFAULT_NETWORK, EMBEDDING_DIM
from attune.indexer.library import LibraryReader
from attune.tests.faults.kill_rounds import build_quietly

_FILES: Final = 60


@dataclass(slots=True)
class ConcurrentReadReport:
    """Result of searching during builds.

    Attributes:
        readers: Number of concurrent readers.
        seconds: Length of the test.
        generations: Number of generations that were published meanwhile.
        answers: Number of search results that were checked.
        mixed: One line for each result that was not of one complete generation.
    """

    readers: int
    seconds: float
    generations: int = 0
    answers: int = 0
    mixed: list[str] = field(default_factory=list)


def read_during_builds(seconds: float, readers: int, folder: Path) -> ConcurrentReadReport:
    """Rename all files of a library and build, again and again, while readers search it.

    In each generation the names of all files begin with its number, so that a result shows its generation.

    Args:
        seconds: Length of the test.
        readers: Number of concurrent readers.
        folder: An empty folder for temporary files.
    """
    library, media = folder / "library", folder / "media"
    media.mkdir(parents=True)
    for number in range(_FILES):
        (media / f"1-{number:03d}.jpg").write_bytes(b"content %d" % number)
    build_quietly(library, media, DEFAULT_NETWORK)
    report = ConcurrentReadReport(readers, seconds)
    stop = threading.Event()
    threads = [
        threading.Thread(target=_read, args=(library, report, stop), daemon=True) for _ in range(readers)
    ]
    for thread in threads:
        thread.start()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        report.generations += 1
        for file in media.iterdir():
            file.rename(media / f"{report.generations + 1}-{file.name.partition('-')[2]}")
        build_quietly(library, None, DEFAULT_NETWORK)
    stop.set()
    for thread in threads:
        thread.join()
    return report


def _read(library: Path, report: ConcurrentReadReport, stop: threading.Event) -> None:
    random = np.random.default_rng(threading.get_ident())
    while not stop.is_set():
        try:
            with LibraryReader(library) as opened:
                for _ in range(random.integers(1, 6)):  # later searches are in an outdated generation
                    mixed = _check_answer(opened, random.normal(size=EMBEDDING_DIM).astype(np.float32))
                    report.answers += 1
                    report.mixed += [] if mixed is None else [mixed]
                    time.sleep(random.uniform(0.0, 0.02))
        except AttuneError as error:
            report.mixed.append(str(error))
            return


def _check_answer(opened: LibraryReader, query: np.ndarray[tuple[int], np.dtype[np.float32]]) -> str | None:
    """Search for all pictures; return what is wrong with the result, None if nothing is."""
    ids, _ = opened.nearest("image", query, _FILES)
    paths = [Path(item.path).name for item in opened.items(ids.tolist()).values()]
    numbers = {name.partition("-")[0] for name in paths}
    if numbers != {str(opened.generation.id)} or len(paths) != _FILES:
        return f"generation {opened.generation.id} answered with {len(paths)} files of {sorted(numbers)}"
    return None
