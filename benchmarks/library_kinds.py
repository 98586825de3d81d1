"""The two kinds of library at the same size: time to build, bytes, memory, and time and recall of a query.

The embeddings are those of a real library plus noise (`attune.benchmarks.vector_search.grow_vectors`), the
queries those of its music. The paths refer to no files, and there are no features. A tenth of the pictures
lies below one folder, a hundredth below another, by which the queries with conditions are filtered.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from attune.benchmarks.synthetic_rows import FOLDERS, write_pictures
from attune.benchmarks.vector_search import TOP, Vectors, grow_vectors, read_embeddings
from attune.core.errors import LibraryError
from attune.core.library_address import LibraryAddress
from attune.core.progress import Progress
from attune.embedding.network import EMBEDDING_DIM, Network, open_network
from attune.indexer.library import LibraryReader
from attune.indexer.library_store import open_store, publish
from attune.indexer.records import EVERYTHING, Selection

_SELECTIONS: Final = {
    name: EVERYTHING if folder is None else Selection(below=(folder,)) for name, folder in FOLDERS.items()
}
_RANDOM_QUERIES: Final = 1_000
_SCORE_TOLERANCE: Final = 1e-6


@dataclass(frozen=True, slots=True)
class KindMeasurement:
    """Measurements of one kind of library at one size.

    Attributes:
        library: folder, database, or database with FAISS in the memory of a reader that stays open.
        pictures: Number of pictures.
        write_s: Seconds to write their rows; None where nothing was written.
        publish_s: Seconds to make the index and publish; of FAISS in memory, to load it.
        bytes: Size of the library without features.
        reader_mb: Memory of the reader after all queries, MB.
        server_mb: Memory of its own that the server needs for this reader, MB; None without one.
        queries: For each filter p50_ms, p95_ms and recall.
    """

    library: str
    pictures: int
    write_s: float | None
    publish_s: float
    bytes: int
    reader_mb: float
    server_mb: float | None
    queries: dict[str, dict[str, float]]


def measure(
    source: LibraryAddress, folder: Path, database: LibraryAddress, sizes: Sequence[int], progress: Progress
) -> dict[str, Any]:
    """Build both kinds at each size and search them.

    Args:
        source: Library from whose embeddings the others are derived.
        folder: Empty folder for the libraries in folders.
        database: Address of a database without a library; the library that is made there is removed.
        sizes: Numbers of pictures.
        progress: Receives the number of rows and queries.

    Returns:
        The JSON document of `attune benchmark libraries`.

    Raises:
        LibraryError: The database has a library already.
    """
    if open_store(database).exists():
        raise LibraryError(f"{database}: has a library already; this benchmark needs an empty database")
    known, queries = read_embeddings(source)
    network = open_network()
    rows, differing = [], {}
    for size in sizes:
        vectors = grow_vectors(known, size)
        places: list[tuple[str, LibraryAddress]] = [("folder", folder / str(size)), ("database", database)]
        for name, address in places:
            rows += _measure_library(name, address, vectors, queries, network, progress)
        differing[size] = _count_differing(folder / str(size), database, progress)
        open_store(database).remove()
    return {
        "real_vectors": len(known),
        "queries": len(queries),
        "rows": [asdict(row) for row in rows],
        "random_queries": _RANDOM_QUERIES,
        "differing_exact_answers": differing,
    }


def _measure_library(
    name: str,
    address: LibraryAddress,
    vectors: Vectors,
    queries: Vectors,
    network: Network,
    progress: Progress,
) -> list[KindMeasurement]:
    store = open_store(address)
    with store.lock(), store.create_catalogue() as catalogue:
        began = time.perf_counter()
        write_pictures(catalogue, network, vectors, 0, 1, progress)
        written = time.perf_counter()
        publish(store, catalogue, 1, network)
        write_s, publish_s = written - began, time.perf_counter() - written
        size = store.measure_size(catalogue)
    found = []
    with LibraryReader(address) as library:
        timed = _time_queries(library, vectors, queries, progress)
        memory = _measure_reader(), _measure_backends(address)
        found.append(KindMeasurement(name, len(vectors), write_s, publish_s, size, *memory, timed))
        if name != "folder":
            began = time.perf_counter()
            library.warm()
            loaded = time.perf_counter() - began
            timed = _time_queries(library, vectors, queries, progress)
            memory = _measure_reader(), _measure_backends(address)
            label = f"{name}, FAISS in memory"
            found.append(KindMeasurement(label, len(vectors), None, loaded, size, *memory, timed))
    return found


def _time_queries(
    library: LibraryReader, vectors: Vectors, queries: Vectors, progress: Progress
) -> dict[str, dict[str, float]]:
    timed = {}
    progress.start("queries", len(_SELECTIONS) * len(queries))
    for name, selection in _SELECTIONS.items():
        ids = library.ids("image", selection)
        places = np.searchsorted(library.ids("image"), ids)  # rows were written in the order of their ids
        among = vectors[places]
        library.nearest("image", queries[0], TOP, selection)
        times, recalls = [], []
        for query in queries:
            began = time.perf_counter()
            _, inner = library.nearest("image", query, TOP, selection)
            times.append(1000.0 * (time.perf_counter() - began))
            threshold = np.partition(among @ query, -TOP)[-TOP] - _SCORE_TOLERANCE
            recalls.append(float(np.sum(inner >= threshold)) / TOP)
            progress.advance()
        p50, p95 = np.percentile(times, [50, 95])
        timed[name] = {"p50_ms": float(p50), "p95_ms": float(p95), "recall": float(np.mean(recalls))}
    progress.finish()
    return timed


def _count_differing(folder: Path, database: LibraryAddress, progress: Progress) -> dict[str, int]:
    """Return, for each filter by which both kinds search exactly, how many of many answers differ."""
    random = np.random.default_rng(1)
    queries = random.standard_normal((_RANDOM_QUERIES, EMBEDDING_DIM)).astype(np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    differing = {}
    with LibraryReader(folder) as one, LibraryReader(database) as other:
        for name, selection in _SELECTIONS.items():
            if not (one.is_exact("image", selection) and other.is_exact("image", selection)):
                continue
            progress.start("random queries", len(queries))
            differing[name] = 0
            for query in queries:
                ids, _ = one.nearest("image", query, TOP, selection)
                differing[name] += ids.tolist() != other.nearest("image", query, TOP, selection)[0].tolist()
                progress.advance()
            progress.finish()
    return differing


def _measure_reader() -> float:
    import psutil

    return float(psutil.Process().memory_full_info().uss) / 1e6


def _measure_backends(address: LibraryAddress) -> float | None:
    """Return the memory of the server's processes that serve Attune, if they run on this machine."""
    import psutil

    if isinstance(address, Path):
        return None
    total, found = 0, False
    for process in psutil.process_iter(["name", "cmdline"]):
        command = " ".join(process.info["cmdline"] or ())
        if process.info["name"] == "postgres" and command.startswith("postgres: ") and "idle" in command:
            total += process.memory_full_info().uss
            found = True
    return total / 1e6 if found else None
