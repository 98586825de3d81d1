"""Choice of the index type, recall of the IVF index, and thread counts of FAISS."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import faiss
import numpy as np
import pytest
from numpy.typing import NDArray

from attune.core.atomic_files import hash_file
from attune.embedding.network import Network
from attune.indexer import generations, vector_index
from attune.indexer.library import LibraryReader
from attune.indexer.vector_index import (
    FlatIndex,
    IvfIndex,
    copy_index,
    create_index,
    is_suitable,
    read_checked,
    view_index,
    write_index_file,
)
from attune.tests.conftest import run_build
from attune.tests.media_factory import photo

COUNT = 20_000


def unit(count: int, seed: int = 0) -> NDArray[np.float32]:
    """Return unit vectors around fifty centres; most of the variance is in a few directions."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(9).normal(size=(50, 128))
    found = centres[random.integers(0, 50, count)] + random.normal(0, 0.4, (count, 128))
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


@pytest.fixture(scope="module")
def filled() -> tuple[IvfIndex, NDArray[np.float32]]:
    known = unit(COUNT)
    index = IvfIndex.train_on(known)
    index.add(np.arange(COUNT, dtype=np.int64) * 3, known)
    return index, known


def test_cells_find_nearly_all_of_the_best_ten(filled: tuple[IvfIndex, NDArray[np.float32]]) -> None:
    index, known = filled
    hits = 0
    queries = unit(100, seed=1)
    for query in queries:
        found, _ = index.search(query, 10)
        exact = known @ query
        hits += int(np.sum(np.sort(exact[found // 3])[::-1][:10] >= np.sort(exact)[-10] - 1e-6))
    assert hits >= 990


def test_filtered_cells_miss_nothing(filled: tuple[IvfIndex, NDArray[np.float32]]) -> None:
    index, known = filled
    among = np.random.default_rng(2).permutation(COUNT)[:300] * 3
    for query in unit(20, seed=3):
        found, inner = index.search(query, 10, among.tolist())
        best = among[np.argsort(-(known[among // 3] @ query))][:10]
        assert set(best.tolist()) <= set(found.tolist())
        np.testing.assert_allclose(inner, known[found // 3] @ query, atol=2e-3)


def test_all_are_found_where_all_are_wanted(filled: tuple[IvfIndex, NDArray[np.float32]]) -> None:
    index, _ = filled
    found, inner = index.search(unit(1, seed=4)[0], COUNT)
    assert sorted(found.tolist()) == sorted(index.ids.tolist()) == [3 * place for place in range(COUNT)]
    assert (np.diff(inner) <= 0).all()


def test_searches_leave_the_thread_counts_of_faiss_alone(
    filled: tuple[IvfIndex, NDArray[np.float32]],
) -> None:
    """FAISS has one thread count per calling thread, which may be set for other work of that thread."""
    ivf, known = filled
    flat = FlatIndex.empty()
    flat.add(ivf.ids, known)

    def search_with_count(count: int) -> list[int]:
        faiss.omp_set_num_threads(count)
        counts = []
        for index in (flat, ivf):
            index.search(known[0], 10)
            counts.append(faiss.omp_get_max_threads())
            index.search(known[0], 10, [3, 6, 9])
            counts.append(faiss.omp_get_max_threads())
        return counts

    own_count = faiss.omp_get_max_threads()
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(search_with_count, (3, 5))) == [[3] * 4, [5] * 4]
    assert faiss.omp_get_max_threads() == own_count


def test_training_and_adding_leave_the_thread_count_of_faiss_alone() -> None:
    own_count = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(own_count + 3)
    try:
        IvfIndex.train_on(unit(2000)).add(np.arange(10, dtype=np.int64), unit(10))
        assert faiss.omp_get_max_threads() == own_count + 3
    finally:
        faiss.omp_set_num_threads(own_count)


@pytest.mark.parametrize("index_type", [FlatIndex, IvfIndex])
def test_a_query_is_computed_by_one_thread(index_type: type[FlatIndex | IvfIndex]) -> None:
    """With more threads, FAISS 1.15 takes about eight times as long for one exact query."""
    counts = []

    class FailingIndex:
        ntotal = 10

        def search(self, *_: object, **__: object) -> None:
            counts.append(faiss.omp_get_max_threads())
            raise RuntimeError

    own_count = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(own_count + 3)
    try:
        with pytest.raises(RuntimeError):
            index_type(FailingIndex()).search(unit(1)[0], 3)
        assert (counts, faiss.omp_get_max_threads()) == ([1], own_count + 3)
    finally:
        faiss.omp_set_num_threads(own_count)


def test_both_kinds_survive_the_disk(filled: tuple[IvfIndex, NDArray[np.float32]], tmp_path: Path) -> None:
    exact = FlatIndex.empty()
    exact.add(np.array([5, 2], np.int64), unit(2))
    for name, index in (("exact", exact), ("cells", filled[0])):
        write_index_file(index, tmp_path / name)
        data = read_checked(tmp_path / name, hash_file(tmp_path / name))
        assert data is not None
        for again in (view_index(data), copy_index(data)):
            assert type(again) is type(index)
            np.testing.assert_array_equal(again.ids, index.ids)
            for found, expected in zip(again.search(unit(1)[0], 3), index.search(unit(1)[0], 3), strict=True):
                np.testing.assert_array_equal(found, expected)
        assert read_checked(tmp_path / name, "0" * 64) is None


def test_a_copy_of_an_index_can_be_changed_and_leaves_the_bytes(
    filled: tuple[IvfIndex, NDArray[np.float32]],
) -> None:
    exact = FlatIndex.empty()
    exact.add(np.array([5, 2], np.int64), unit(2))
    for index in (exact, filled[0]):
        data = index.serialize().copy()
        before = data.copy()
        copy = copy_index(data)
        assert copy is not None
        copy.remove(index.ids[:1])
        copy.add(np.array([1 << 40], np.int64), unit(1))
        assert len(copy) == len(index)
        np.testing.assert_array_equal(data, before)


def test_the_kind_follows_the_size_and_does_not_flap() -> None:
    border = vector_index.IVF_MIN_VECTORS
    exact = create_index(border - 1, unit(0))
    assert exact.exact
    assert not is_suitable(exact, border)
    cells = create_index(border, unit(2000))
    assert not cells.exact
    assert is_suitable(cells, border - 1)
    assert not is_suitable(cells, border // 2 - 1)


def test_a_library_in_cells_answers_as_an_exact_one(
    built: Path, media: Path, network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LibraryReader(built) as exact:
        query = exact.vectors([exact.paths("music")[0][0]])[0]
        expected = exact.nearest("image", query, 100)

    def from_noise(count: int, sample: NDArray[np.float32]) -> IvfIndex:
        return IvfIndex.train_on(unit(2000))

    library = Path(shutil.copytree(built, tmp_path / "library"))
    shutil.rmtree(library / "index")
    monkeypatch.setattr(generations, "create_index", from_noise)
    monkeypatch.setattr(vector_index, "IVF_MIN_VECTORS", 2)
    with LibraryReader(library) as cells:
        assert not cells.is_exact("image")
        ids, inner = cells.nearest("image", query, 100)
        np.testing.assert_array_equal(ids, expected[0])
        np.testing.assert_allclose(inner, expected[1], atol=1e-6)

    photo(tmp_path / "new.jpg", 77)
    run_build(library, network, tmp_path / "new.jpg")
    with LibraryReader(library) as extended:
        assert not extended.is_exact("image")
        assert len(extended.search("image")) == len(expected[0]) + 1
