"""Latency of queries: of whole commands from the shell, and of repeated queries in one process."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from attune.benchmarks.command_timing import time_command
from attune.benchmarks.everyday import write_long_song
from attune.core.errors import UsageError, escape_path
from attune.core.library_address import LibraryAddress
from attune.embedding.media_files import Kind

_RUNS: Final = 7
_MAX_WARM_QUERIES: Final = 200


@dataclass(frozen=True, slots=True)
class WarmTiming:
    """Latency of queries for files of the library in a process that has opened library and network.

    Attributes:
        what: Name of the query.
        runs: Number of queries.
        p50_ms: Median, milliseconds.
        p95_ms: 95th percentile, milliseconds.
    """

    what: str
    runs: int
    p50_ms: float
    p95_ms: float


def measure(folder: LibraryAddress) -> dict[str, Any]:
    """Time queries for files of a library, and for a four-minute song that is not in it.

    Returns:
        The JSON document of `attune benchmark cold`.

    Raises:
        UsageError: The library lacks pictures or music.
    """
    from attune.indexer.library import LibraryReader

    with LibraryReader(folder) as library:
        paths = {kind: [path for _, path in library.paths(kind)] for kind in _KINDS}
        counts = library.generation.images, library.generation.music
    if not all(paths.values()):
        raise UsageError(f"{escape_path(folder)}: lacks pictures or music")
    songs, photos = paths["music"], paths["image"]
    options = ("--library", folder, "--json")
    with TemporaryDirectory() as scratch:
        long_song = write_long_song(Path(songs[0]), Path(scratch) / "four minutes.mp3")
        timings = [
            time_command("attune --help", _RUNS, 0.3, ("--help",)),
            time_command("find-images, song in the library", _RUNS, 0.6, ("find-images", songs[0], *options)),
            time_command("find-music, photo in the library", _RUNS, 0.6, ("find-music", photos[0], *options)),
            time_command(
                "find-images, 4-minute MP3 outside it", 3, 2.5, ("find-images", long_song, *options)
            ),
        ]
    warm = [
        _time_warm_queries(folder, "find images, warm", songs),
        _time_warm_queries(folder, "find music, warm", photos),
    ]
    return {
        "images": counts[0],
        "music": counts[1],
        "shell": [asdict(timing) for timing in timings],
        "warm": [asdict(timing) for timing in warm],
    }


_KINDS: Final[tuple[Kind, Kind]] = ("image", "music")


def _time_warm_queries(folder: LibraryAddress, what: str, paths: list[str]) -> WarmTiming:
    from attune.retrieval.queries import find
    from attune.retrieval.search import Filters
    from attune.retrieval.seeds import QueryResolver, open_library

    library, network = open_library(folder, None)
    with library:
        queries = paths[:: max(1, len(paths) // _MAX_WARM_QUERIES)][:_MAX_WARM_QUERIES]
        find(library, network, QueryResolver(library, network), queries[:1], Filters())  # reads the index
        times_ms = []
        for path in queries:
            began = time.perf_counter()
            find(library, network, QueryResolver(library, network), [path], Filters())
            times_ms.append(1000.0 * (time.perf_counter() - began))
    p50, p95 = np.percentile(times_ms, [50, 95])
    return WarmTiming(what, len(times_ms), float(p50), float(p95))
