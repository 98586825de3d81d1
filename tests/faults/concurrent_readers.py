"""Readers that ask while builds publish: every answer must be of one complete generation."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from attune.core.errors import AttuneError
from attune.embedding.network import DEFAULT_NETWORK, EMBEDDING_DIM
from attune.indexer.library import Library
from attune.tests.faults.kill_rounds import build_quietly

_FILES: Final = 60


@dataclass(slots=True)
class ConcurrentReadReport:
    """What readers saw.

    Attributes:
        readers: How many there were at a time.
        seconds: For how long.
        generations: How many were published meanwhile.
        answers: Answers that were looked at.
        mixed: Those that were not of one complete generation, one line each.
    """

    readers: int
    seconds: float
    generations: int = 0
    answers: int = 0
    mixed: list[str] = field(default_factory=list)


def read_during_builds(seconds: float, readers: int, folder: Path) -> ConcurrentReadReport:
    """Rename all files of a library and build, again and again, while readers ask it.

    In each generation all names have its number, so that an answer shows of which it is.

    Args:
        seconds: How long.
        readers: How many at a time.
        folder: An empty folder to work in.
    """
    library, media = folder / "library", folder / "media"
    media.mkdir(parents=True)
    for number in range(_FILES):
        (media / f"1-{number:03d}.jpg").write_bytes(b"content %d" % number)
    build_quietly(library, media, DEFAULT_NETWORK)
    found = ConcurrentReadReport(readers, seconds)
    over = threading.Event()
    threads = [
        threading.Thread(target=_read, args=(library, found, over), daemon=True) for _ in range(readers)
    ]
    for thread in threads:
        thread.start()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found.generations += 1
        for file in media.iterdir():
            file.rename(media / f"{found.generations + 1}-{file.name.partition('-')[2]}")
        build_quietly(library, None, DEFAULT_NETWORK)
    over.set()
    for thread in threads:
        thread.join()
    return found


def _read(library: Path, found: ConcurrentReadReport, over: threading.Event) -> None:
    random = np.random.default_rng(threading.get_ident())
    while not over.is_set():
        try:
            with Library(library) as opened:
                for _ in range(random.integers(1, 6)):  # the later ones are asked of a generation of the past
                    mixed = _check_answer(opened, random.normal(size=EMBEDDING_DIM).astype(np.float32))
                    found.answers += 1
                    found.mixed += [] if mixed is None else [mixed]
                    time.sleep(random.uniform(0.0, 0.02))
        except AttuneError as error:
            found.mixed.append(str(error))
            return


def _check_answer(opened: Library, query: np.ndarray[tuple[int], np.dtype[np.float32]]) -> str | None:
    """Ask for all pictures; return what is wrong with the answer."""
    ids, _ = opened.nearest("image", query, _FILES)
    paths = [Path(item.path).name for item in opened.items(ids.tolist()).values()]
    numbers = {name.partition("-")[0] for name in paths}
    if numbers != {str(opened.generation.id)} or len(paths) != _FILES:
        return f"generation {opened.generation.id} answered with {len(paths)} files of {sorted(numbers)}"
    return None
