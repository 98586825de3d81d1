"""Comparison of Attune's vector search with FAISS flat and with HNSW of usearch and hnswlib, on one thread.

The vectors are those of a library; larger sizes are reached by adding noise of their median nearest-neighbour
distance. Queries are embeddings of the other modality, as in practice. Recall counts a result as right if its
exact inner product is not below the tenth best, since many of a million vectors are practically equal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import UsageError, escape_path
from attune.core.library_address import LibraryAddress
from attune.core.progress import Progress
from attune.embedding.network import EMBEDDING_DIM

TOP: Final = 10
TARGET_RECALL: Final = 0.99
_QUERIES: Final = 300
_MIN_VECTORS: Final = 20  # of each modality
_WIDTHS: Final = (16, 32, 64, 128, 256, 512, 1024, 2048)
_SCORE_TOLERANCE: Final = 1e-6

Vectors = NDArray[np.float32]
SearchFunction = Callable[[Vectors], NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class SearchMeasurement:
    """Measurements of one index of one size.

    Attributes:
        index: Name of the index.
        vectors: Number of vectors.
        setting: Search parameter that reached the target recall; empty if the index has none.
        p50_ms: Median time of a query on one thread.
        p95_ms: 95th percentile of the time of a query.
        per_s: Queries per second, one after the other.
        recall: recall@10 by score.
        build_s: Seconds to add all vectors with all cores.
        bytes_a_vector: Size of the stored index per vector.
    """

    index: str
    vectors: int
    setting: str
    p50_ms: float
    p95_ms: float
    per_s: float
    recall: float
    build_s: float
    bytes_a_vector: float


@dataclass(frozen=True, slots=True)
class BenchmarkIndex:
    """An index that is ready for queries.

    Attributes:
        name: Name in tables.
        build_s: Seconds to build it.
        bytes: Size of the stored index.
        settings: Name and search function of each setting, the fastest first.
    """

    name: str
    build_s: float
    bytes: int
    settings: list[tuple[str, SearchFunction]]


def measure(library: LibraryAddress, sizes: Sequence[int], progress: Progress) -> dict[str, Any]:
    """Measure every index at every size.

    Args:
        library: Library whose pictures are searched and whose music is the source of the queries.
        sizes: Numbers of vectors.
        progress: Receives the number of finished indexes.

    Returns:
        The JSON document of `attune benchmark search`.

    Raises:
        UsageError: The library has too few pictures or pieces of music.
    """
    import faiss

    cores = faiss.omp_get_max_threads()
    known, queries = read_embeddings(library)
    makers = [_build_attune, _build_faiss_flat, *(maker for name, maker in _PEERS.items() if find_spec(name))]
    rows = []
    progress.start("search", len(sizes) * len(makers))
    for size in sizes:
        vectors = grow_vectors(known, size)
        thresholds = [np.sort(vectors @ query)[-TOP] - _SCORE_TOLERANCE for query in queries]
        for maker in makers:
            built = maker(vectors)
            faiss.omp_set_num_threads(1)
            rows.append(_measure_index(built, vectors, queries, thresholds))
            faiss.omp_set_num_threads(cores)
            progress.advance()
    progress.finish()
    missing = [name for name in _PEERS if not find_spec(name)]
    return {"real_vectors": len(known), "rows": [asdict(row) for row in rows], "not_installed": missing}


def grow_vectors(known: Vectors, size: int) -> Vectors:
    """Return `size` unit vectors distributed like the known ones.

    Each is a known vector plus Gaussian noise whose length is the median distance between nearest neighbours;
    coordinates that are zero in all known vectors stay zero. If `size` does not exceed the number of known
    vectors, the first of them are returned.

    Args:
        known: float32 (n, 128), unit length.
        size: Number of vectors.
    """
    import faiss

    if size <= len(known):
        return known[:size]
    flat = faiss.IndexFlatIP(EMBEDDING_DIM)
    flat.add(known)
    sample = known[:: max(1, len(known) // 5000)]
    inner, _ = flat.search(sample, 2)
    distance = float(np.median(np.sqrt(np.clip(2.0 - 2.0 * inner[:, 1], 0.0, None))))
    used = np.abs(known).max(axis=0) > 0
    random = np.random.default_rng(0)
    vectors = known[random.integers(0, len(known), size)]
    noise = random.standard_normal((size, int(used.sum())), dtype=np.float32)
    vectors[:, used] += noise * np.float32(distance / np.sqrt(used.sum()))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def read_embeddings(path: LibraryAddress) -> tuple[Vectors, Vectors]:
    """Return a library's embeddings of pictures, and at most 300 embeddings of its music as queries.

    Raises:
        UsageError: The library has too few pictures or pieces of music.
    """
    from attune.indexer.library import LibraryReader

    with LibraryReader(path) as library:
        images, music = (
            library.vectors([item for item, _ in library.paths(kind)]) for kind in ("image", "music")
        )
    if min(len(images), len(music)) < _MIN_VECTORS:
        raise UsageError(
            f"{escape_path(path)}: fewer than {_MIN_VECTORS} pictures or pieces of music to measure with"
        )
    return images, music[:: max(1, len(music) // _QUERIES)][:_QUERIES]


def _measure_index(
    built: BenchmarkIndex, vectors: Vectors, queries: Vectors, thresholds: Sequence[float]
) -> SearchMeasurement:
    """Time the fastest setting that reaches the target recall, or the last one if none does."""
    for setting, search in built.settings:
        found = [search(query) for query in queries]  # also warms up the index
        hits = [
            int(np.sum(vectors[ids] @ query >= threshold)) / TOP
            for ids, query, threshold in zip(found, queries, thresholds, strict=True)
        ]
        reached, recall = setting, float(np.mean(hits))
        if recall >= TARGET_RECALL:
            break
    times_ms = []
    for query in queries:
        began = time.perf_counter()
        search(query)
        times_ms.append(1000.0 * (time.perf_counter() - began))
    p50, p95 = np.percentile(times_ms, [50, 95])
    return SearchMeasurement(
        built.name,
        len(vectors),
        reached,
        float(p50),
        float(p95),
        1000.0 / float(np.mean(times_ms)),
        recall,
        built.build_s,
        built.bytes / len(vectors),
    )


def _build_attune(vectors: Vectors) -> BenchmarkIndex:
    """Build the index that a library of this size has; as there, IVF candidates are scored exactly."""
    from attune.indexer.vector_index import TRAINING_SAMPLE_SIZE, create_index

    began = time.perf_counter()
    sample = np.random.default_rng(0).permutation(len(vectors))[:TRAINING_SAMPLE_SIZE]
    index = create_index(len(vectors), vectors[sample])
    index.add(np.arange(len(vectors), dtype=np.int64), vectors)
    seconds = time.perf_counter() - began

    def search(query: Vectors) -> NDArray[np.int64]:
        ids, _ = index.search(query, TOP)
        if index.exact:
            return ids
        return ids[np.argsort(-(vectors[ids] @ query))[:TOP]]

    name = "Attune, exact" if index.exact else "Attune, cells"
    return BenchmarkIndex(name, seconds, len(index.serialize()), [("", search)])


def _build_faiss_flat(vectors: Vectors) -> BenchmarkIndex:
    import faiss

    began = time.perf_counter()
    index = faiss.IndexFlatIP(EMBEDDING_DIM)
    index.add(vectors)
    seconds = time.perf_counter() - began

    def search(query: Vectors) -> NDArray[np.int64]:
        return np.asarray(index.search(query[None], TOP)[1][0])

    return BenchmarkIndex("FAISS flat", seconds, vectors.nbytes, [("", search)])


def _build_usearch(vectors: Vectors) -> BenchmarkIndex:
    from usearch.index import Index

    began = time.perf_counter()
    index: Any = Index(ndim=EMBEDDING_DIM, metric="ip", dtype="f32", connectivity=16, expansion_add=128)
    index.add(np.arange(len(vectors)), vectors)
    seconds = time.perf_counter() - began

    def make_search(width: int) -> SearchFunction:
        def search(query: Vectors) -> NDArray[np.int64]:
            index.expansion_search = width
            return np.asarray(index.search(query, TOP, threads=1).keys, np.int64)

        return search

    settings = [(f"expansion {width}", make_search(width)) for width in _WIDTHS]
    return BenchmarkIndex("usearch HNSW", seconds, index.serialized_length, settings)


def _build_hnswlib(vectors: Vectors) -> BenchmarkIndex:
    import hnswlib

    began = time.perf_counter()
    index = hnswlib.Index(space="ip", dim=EMBEDDING_DIM)
    index.init_index(max_elements=len(vectors), ef_construction=128, M=16)
    index.add_items(vectors)
    seconds = time.perf_counter() - began
    index.set_num_threads(1)

    def make_search(width: int) -> SearchFunction:
        def search(query: Vectors) -> NDArray[np.int64]:
            index.set_ef(width)
            return np.asarray(index.knn_query(query, TOP)[0][0], np.int64)

        return search

    settings = [(f"ef {width}", make_search(width)) for width in _WIDTHS]
    return BenchmarkIndex("hnswlib HNSW", seconds, index.index_file_size(), settings)


_PEERS: Final[dict[str, Callable[[Vectors], BenchmarkIndex]]] = {
    "usearch": _build_usearch,
    "hnswlib": _build_hnswlib,
}
