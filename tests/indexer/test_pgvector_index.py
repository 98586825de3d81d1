"""The indexes of a library in PostgreSQL: when they are made, trained again and dropped; what they find."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from attune.core.library_address import DatabaseAddress
from attune.core.progress import SilentProgress
from attune.embedding.affect import AFFECT_COLUMNS
from attune.embedding.media_facts import MediaFacts
from attune.embedding.media_files import Kind
from attune.embedding.network import Network
from attune.indexer.catalogue_writer import ItemRecord, NetworkOutput
from attune.indexer.library import LibraryReader
from attune.indexer.library_store import publish
from attune.indexer.postgres import pgvector_index, pgvector_search
from attune.indexer.postgres.pgvector_index import (
    EXACT_ROWS,
    ServerIndex,
    choose_lists,
    is_suitable,
    list_indexes,
    update_index,
)
from attune.indexer.postgres.postgres_store import PostgresStore
from attune.indexer.postgres.server_connection import connect
from attune.indexer.records import EVERYTHING, KINDS, Selection, Stamp
from attune.indexer.verify import verify
from attune.tests.indexer.test_vector_index import unit
from attune.tests.postgres_server import PostgresServer

FEW: Final = 50
"""Number of rows up to which these tests let all be compared."""
YEARS: Final = 100


def draw_vectors(count: int, seed: int) -> NDArray[np.float32]:
    """Unit vectors that lie near few places, as embeddings do."""
    return unit(count, seed)


class Growing:
    """A library in PostgreSQL of rows without files.

    Args:
        address: Address of an empty database.
    """

    def __init__(self, address: DatabaseAddress) -> None:
        self.store = PostgresStore(address)
        self.generation = 0
        self.count = 0

    def publish(
        self, network: Network, add: dict[Kind, NDArray[np.float32]], remove: Sequence[int] = ()
    ) -> None:
        """Publish a generation with more rows; `remove` are ids that go."""
        self.generation += 1
        with self.store.lock():
            catalogue = self.store.create_catalogue()
            with catalogue.transaction():
                for kind, vectors in add.items():
                    catalogue.write_items(
                        self._make_records(network, kind, vectors), network.id, self.generation
                    )
                catalogue.remove(remove, self.generation)
            publish(self.store, catalogue, self.generation, network)

    def _make_records(self, network: Network, kind: Kind, vectors: NDArray[np.float32]) -> list[ItemRecord]:
        records = []
        for vector in vectors:
            number = self.count
            self.count += 1
            path = f"/{kind}/{number % 10}/{number}.file"
            taken = f"{1900 + number % YEARS}-07-04T12:00:00"
            content = hashlib.sha256(path.encode()).digest()
            facts = MediaFacts(content=content, taken=taken if kind == "image" else None)
            output = NetworkOutput(vector, np.full(len(AFFECT_COLUMNS), 0.25, np.float32), None)
            backbone = network.backbones[kind].id
            records.append(
                ItemRecord(kind, Stamp(path, number, number), facts, backbone, number, 1, 0, output)
            )
        return records

    def indexes(self) -> list[ServerIndex]:
        """Return the indexes that are there."""
        with connect(self.store.address) as connection:
            return list_indexes(connection)

    def names(self) -> list[str]:
        """Return kind and number of lists of each index."""
        return [f"{one.kind} {one.lists}" for one in self.indexes()]


@pytest.fixture
def growing(database: str) -> Growing:
    return Growing(DatabaseAddress(database))


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an index be of use from 51 rows."""
    for module in (pgvector_index, pgvector_search):
        monkeypatch.setattr(module, "EXACT_ROWS", FEW)


def find_exactly(
    reader: LibraryReader,
    kind: Kind,
    query: NDArray[np.float32],
    limit: int,
    selection: Selection = EVERYTHING,
) -> tuple[list[int], NDArray[np.float32]]:
    ids = reader.ids(kind, selection)
    inner = reader.vectors(ids.tolist()) @ query
    order = np.lexsort((ids, -inner))[:limit]
    return ids[order].tolist(), inner[order]


def measure_recall(reader: LibraryReader, kind: Kind, selection: Selection = EVERYTHING) -> float:
    """Return which part of the ten nearest is found, and check the order and the inner products."""
    hits = wanted = 0
    for query in draw_vectors(60, seed=77):
        ids, inner = reader.nearest(kind, query, 10, selection)
        expected, _ = find_exactly(reader, kind, query, 10, selection)
        np.testing.assert_allclose(inner, reader.vectors(ids.tolist()) @ query, atol=1e-6)
        assert inner.tolist() == sorted(inner.tolist(), reverse=True)
        hits += len(set(ids.tolist()) & set(expected))
        wanted += len(expected)
    return hits / wanted


@pytest.mark.slow
@pytest.mark.usefixtures("few")
def test_an_index_is_made_trained_again_and_dropped(growing: Growing, network: Network) -> None:
    growing.publish(network, {"image": draw_vectors(FEW, 1), "music": draw_vectors(10, 2)})
    assert growing.names() == []
    growing.publish(network, {"image": draw_vectors(350, 3)})
    assert growing.names() == ["image 20"]
    growing.publish(network, {"image": draw_vectors(300, 4)})
    assert growing.names() == ["image 20"]  # not worth training
    with LibraryReader(growing.store.address) as before:
        assert not before.is_exact("image")
        assert before.is_exact("music")
        growing.publish(network, {"image": draw_vectors(1_800, 5)})
        assert growing.names() == ["image 50"]
        # A reader whose index was replaced still answers.
        for query in draw_vectors(5, 6):
            ids, inner = before.nearest("image", query, 10)
            assert len(ids) == 10
            np.testing.assert_allclose(inner, before.vectors(ids.tolist()) @ query, atol=1e-6)
    with LibraryReader(growing.store.address) as reader:
        gone = reader.ids("image")[FEW - 1 :].tolist()
    growing.publish(network, {}, remove=gone)
    assert growing.names() == []
    with LibraryReader(growing.store.address) as reader:
        assert reader.is_exact("image")
        assert len(reader.search("image")) == FEW - 1
        assert measure_recall(reader, "image") == 1.0


@pytest.fixture(scope="module")
def large(postgres: PostgresServer, network: Network) -> DatabaseAddress:
    """A library with indexes of both kinds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pgvector_index, "EXACT_ROWS", FEW)
        growing = Growing(DatabaseAddress(postgres.address(postgres.create_database())))
        growing.publish(network, {"image": draw_vectors(4_000, 1), "music": draw_vectors(900, 2)})
        assert growing.names() == ["image 63", "music 30"]
    return growing.store.address


@pytest.mark.slow
@pytest.mark.usefixtures("few")
def test_nearly_all_of_the_nearest_are_found(large: DatabaseAddress) -> None:
    with LibraryReader(large) as reader:
        assert not reader.is_exact("image")
        assert measure_recall(reader, "image") >= 0.99
        assert measure_recall(reader, "music") >= 0.99


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(
    ("selection", "share"),
    [
        (Selection(taken=("1950", "1951")), 0.01),
        (Selection(taken=("1950", "1960")), 0.1),
        (Selection(below=("/image/3",)), 0.1),
        (Selection(below=("/image/3", "/image/4"), taken=(None, "1990")), 0.18),
        (Selection(rating=1), 0.0),
    ],
    ids=str,
)
def test_conditions_are_kept(large: DatabaseAddress, selection: Selection, share: float) -> None:
    with LibraryReader(large) as reader:
        selected = set(reader.ids("image", selection).tolist())
        assert len(selected) == pytest.approx(4_000 * share, abs=40)
        for query in draw_vectors(10, seed=5):
            ids, _ = reader.nearest("image", query, 20, selection)
            assert len(ids) == min(20, len(selected))
            assert set(ids.tolist()) <= selected
            assert len(set(ids.tolist())) == len(ids)
        if selected:
            assert measure_recall(reader, "image", selection) >= (1.0 if share < FEW / 4000 else 0.98)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("limit", [3_999, 4_000, 5_000])
def test_all_are_found_where_all_are_wanted(large: DatabaseAddress, limit: int) -> None:
    with LibraryReader(large) as reader:
        ids, inner = reader.nearest("image", draw_vectors(1, 9)[0], limit)
        expected, products = find_exactly(reader, "image", draw_vectors(1, 9)[0], limit)
        assert ids.tolist() == expected
        np.testing.assert_allclose(inner, products, atol=1e-6)


@pytest.mark.usefixtures("few")
def test_songs_and_pictures_are_searched_apart(large: DatabaseAddress) -> None:
    with LibraryReader(large) as reader:
        for kind in KINDS:
            own = set(reader.ids(kind).tolist())
            ids, _ = reader.nearest(kind, draw_vectors(1, 3)[0], 300)
            assert len(ids) == 300
            assert set(ids.tolist()) <= own
            sample = reader.search(kind).sample(100)
            assert set(sample.tolist()) <= own
            assert 50 <= len(sample) <= 200
            assert sample.tolist() == sorted(set(sample.tolist()))


@pytest.mark.usefixtures("few")
def test_each_network_has_its_own_index_until_nobody_needs_it(
    growing: Growing, network: Network, other_network: Network
) -> None:
    growing.publish(network, {"image": draw_vectors(400, 1)})
    with LibraryReader(growing.store.address) as reader:
        ids = reader.ids("image").tolist()
        exact = reader.vectors(ids)
    by_other = draw_vectors(400, 2)
    growing.generation += 1
    with growing.store.lock():
        catalogue = growing.store.create_catalogue()
        affect = np.full(len(AFFECT_COLUMNS), 0.25, np.float32)
        with catalogue.transaction():
            outputs = [
                (item, NetworkOutput(vector, affect, None))
                for item, vector in zip(ids, by_other, strict=True)
            ]
            catalogue.write_embeddings(other_network.id, outputs)
        with LibraryReader(growing.store.address) as old:
            publish(growing.store, catalogue, growing.generation, other_network)
            assert {one.network for one in growing.indexes()} == {network.id, other_network.id}
            with LibraryReader(growing.store.address) as new:
                query = draw_vectors(1, 5)[0]
                for opened, vectors in ((old, exact), (new, by_other)):
                    found, inner = opened.nearest("image", query, 10)
                    np.testing.assert_allclose(
                        inner, vectors[[ids.index(one) for one in found]] @ query, atol=1e-6
                    )
                assert measure_recall(old, "image") > 0.9
                assert measure_recall(new, "image") > 0.9
    for _ in range(2):
        growing.publish(other_network, {"image": draw_vectors(1, 7)})
    assert {one.network for one in growing.indexes()} == {other_network.id}


@pytest.mark.usefixtures("few")
def test_an_index_of_a_killed_build_is_made_again(
    growing: Growing, network: Network, postgres: PostgresServer
) -> None:
    growing.publish(network, {"image": draw_vectors(400, 1)})
    database = growing.store.address.url.rpartition("/")[2]
    postgres.execute(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass",
        f"attune.{growing.indexes()[0].name}",
        database=database,
    )
    with LibraryReader(growing.store.address) as reader:
        assert reader.is_exact("image")
        assert measure_recall(reader, "image") == 1.0
    damage = [
        one.detail for one in verify(growing.store.address, SilentProgress()).damage if one.part == "index"
    ]
    assert damage == ["the index for image is missing"]
    growing.publish(network, {})
    assert [(one.lists, one.valid) for one in growing.indexes()] == [(20, True)]


@pytest.mark.usefixtures("few")
def test_an_index_of_an_administrator_is_left_alone(
    growing: Growing, network: Network, postgres: PostgresServer
) -> None:
    growing.publish(network, {"image": draw_vectors(400, 1)})
    database = growing.store.address.url.rpartition("/")[2]
    postgres.execute(
        "CREATE INDEX mine ON attune.vectors USING ivfflat (half public.halfvec_ip_ops) WITH (lists = 5)",
        database=database,
    )
    growing.publish(network, {"image": draw_vectors(1_800, 2)})
    assert growing.names() == ["image 47"]
    assert postgres.execute("SELECT 1 FROM pg_indexes WHERE indexname = 'mine'", database=database) == [(1,)]
    with LibraryReader(growing.store.address) as reader:
        assert measure_recall(reader, "image") >= 0.99


@given(rows=st.integers(0, 200_000_000))
def test_a_number_of_lists_suits_its_rows(rows: int) -> None:
    lists = choose_lists(rows)
    assert (lists == 0) == (rows <= EXACT_ROWS)
    assert lists == 0 or 10 <= lists <= 2_000
    assert choose_lists(rows) <= choose_lists(rows + 1)
    index = None if lists == 0 else make_index(lists)
    assert is_suitable(index, rows)
    assert index is None or min(index.lists, 11) <= index.probes <= index.lists


def make_index(lists: int) -> ServerIndex:
    return ServerIndex("name", "ivfflat", "image", "0" * 16, lists, valid=True)


@given(first=st.integers(0, 10_000_000), changes=st.lists(st.floats(-0.2, 0.2), max_size=20))
def test_small_changes_train_seldom(first: int, changes: list[float]) -> None:
    """A library that grows and shrinks by a fifth around one size is trained at most twice."""
    index = make_index(choose_lists(first)) if choose_lists(first) else None
    trained = 0
    for change in changes:
        rows = round(first * (1 + change))
        if not is_suitable(index, rows):
            index = make_index(choose_lists(rows)) if choose_lists(rows) else None
            trained += index is not None
    assert trained <= 2


class _Recorder:
    """Stands for a connection to a server that has VectorChord: notes what is run."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def execute(self, statement: str, values: object = None) -> _Recorder:
        self.statements.append(" ".join(statement.split()))
        return self

    def fetchall(self) -> list[object]:
        return []

    def fetchone(self) -> tuple[int]:
        return (1,)


def test_vectorchord_is_used_where_the_server_has_it() -> None:
    recorder = _Recorder()
    update_index(recorder, "music", "0123456789abcdef", 1_000_000)  # type: ignore[arg-type]
    [create] = [one for one in recorder.statements if one.startswith("CREATE INDEX")]
    assert create == (
        "CREATE INDEX CONCURRENTLY vectors_music_0123456789abcdef_1000_vchordrq ON vectors USING vchordrq "
        "(half halfvec_ip_ops) "
        "WITH (options = $$[build.internal] lists = [1000] spherical_centroids = true$$) "
        "WHERE network = '0123456789abcdef' AND kind = 'music'"
    )
    assert ServerIndex("name", "vchordrq", "music", "0", 1_000, valid=True).setting == "vchordrq.probes"
