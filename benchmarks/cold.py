"""From the shell to an answer, and from one question to the next in a process that stays."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from attune.benchmarks.everyday import long_song
from attune.benchmarks.shell import timed
from attune.core.errors import UsageError, printable
from attune.embedding.media import Kind

_RUNS: Final = 7
_WARM: Final = 200


@dataclass(frozen=True, slots=True)
class Warm:
    """Milliseconds of a whole answer for a file of the library, library and network open."""

    what: str
    runs: int
    p50_ms: float
    p95_ms: float


def measure(folder: Path) -> dict[str, Any]:
    """Ask a library for what is in it, and for a four-minute song that is not.

    Raises:
        UsageError: The library lacks pictures or music.
    """
    from attune.indexer.library import Library

    with Library(folder) as library:
        paths = {kind: [path for _, path in library.paths(kind)] for kind in _KINDS}
        counts = library.generation.images, library.generation.music
    if not all(paths.values()):
        raise UsageError(f"{printable(folder)}: lacks pictures or music")
    songs, photos = paths["music"], paths["image"]
    ask = ("--library", folder, "--json")
    with TemporaryDirectory() as scratch:
        unheard = long_song(Path(songs[0]), Path(scratch) / "four minutes.mp3")
        timings = [
            timed("attune --help", _RUNS, 0.3, ("--help",)),
            timed("find-images, song in the library", _RUNS, 0.6, ("find-images", songs[0], *ask)),
            timed("find-music, photo in the library", _RUNS, 0.6, ("find-music", photos[0], *ask)),
            timed("find-images, 4-minute MP3 outside it", 3, 2.5, ("find-images", unheard, *ask)),
        ]
    warm = [_warm(folder, "find images, warm", songs), _warm(folder, "find music, warm", photos)]
    return {
        "images": counts[0],
        "music": counts[1],
        "shell": [asdict(timing) for timing in timings],
        "warm": [asdict(one) for one in warm],
    }


_KINDS: Final[tuple[Kind, Kind]] = ("image", "music")


def _warm(folder: Path, what: str, asked: list[str]) -> Warm:
    from attune.retrieval.answer import find
    from attune.retrieval.query import Seeds, open_library
    from attune.retrieval.search import Filters

    library, network = open_library(folder, None)
    with library:
        seeds = Seeds(library, network)
        some = asked[:: max(1, len(asked) // _WARM)][:_WARM]
        find(library, network, seeds, some[:1], Filters())  # reads the index
        taken = []
        for path in some:
            began = time.perf_counter()
            find(library, network, seeds, [path], Filters())
            taken.append(1000.0 * (time.perf_counter() - began))
    p50, p95 = np.percentile(taken, [50, 95])
    return Warm(what, len(taken), float(p50), float(p95))
