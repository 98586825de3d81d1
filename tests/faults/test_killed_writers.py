"""What a killed writer of a library in PostgreSQL leaves: its lock, and indexes made halfway."""

from __future__ import annotations

import time
from multiprocessing import get_context

import numpy as np
import pytest

from attune.core.library_address import DatabaseAddress
from attune.core.progress import SilentProgress
from attune.core.settings import Settings
from attune.embedding.network import DEFAULT_NETWORK, EMBEDDING_DIM
from attune.indexer.library import LibraryReader
from attune.indexer.library_store import open_store
from attune.indexer.postgres.pgvector_index import list_indexes, update_index
from attune.indexer.postgres.server_connection import connect
from attune.indexer.repair import repair
from attune.indexer.verify import verify
from attune.tests.faults.disturbed_build import write_for_a_minute
from attune.tests.faults.kill_rounds import build_quietly, examine, read_contents
from attune.tests.faults.library_places import open_rows
from attune.tests.postgres_server import PostgresServer


def test_the_lock_of_a_writer_that_was_killed_in_a_long_statement_is_soon_free(
    library: DatabaseAddress, postgres: PostgresServer
) -> None:
    process = get_context("spawn").Process(target=write_for_a_minute, args=(library,))
    process.start()
    sleeping = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    deadline = time.monotonic() + 30.0
    while not postgres.execute(sleeping):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.join()
    began = time.monotonic()
    with open_store(library).lock():
        assert time.monotonic() - began < 3.0


@pytest.mark.parametrize(("old", "new"), [(70, 1_000), (1_000, 70)], ids=["grown", "shrunk"])
def test_a_kill_between_two_indexes_leaves_one_of_them_after_the_next_build(
    library: DatabaseAddress, old: int, new: int
) -> None:
    """The killed process has made the new index and has not dropped the old one."""
    with connect(library) as connection:
        network = connection.execute("SELECT network FROM generations").fetchone()[0]
        update_index(connection, "image", network, old)
        kept = {one.name for one in list_indexes(connection)}
        connection.execute("ALTER INDEX attune.%s RENAME TO aside" % min(kept))  # noqa: UP031
        update_index(connection, "image", network, new)
        connection.execute("ALTER INDEX attune.aside RENAME TO %s" % min(kept))  # noqa: UP031
        update_index(connection, "image", network, new)
        indexes = [one for one in list_indexes(connection) if one.kind == "image"]
    assert [one.lists for one in indexes] == [32 if new == 1_000 else 10]


def test_an_index_that_was_made_halfway_is_made_again(library: DatabaseAddress) -> None:
    with connect(library) as connection:
        (index,) = list_indexes(connection)
        connection.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass", [index.name]
        )
        assert not list_indexes(connection)[0].valid
        with LibraryReader(library) as opened:
            query = np.ones(EMBEDDING_DIM, np.float32) / np.sqrt(np.float32(EMBEDDING_DIM))
            assert len(opened.nearest("image", query, 10)[0]) == 10
        build_quietly(library, None, DEFAULT_NETWORK)
        assert list_indexes(connection)[0].valid
    assert examine(library, must_answer=True) == []


def test_a_repair_of_rows_keeps_all_items_with_their_features(library: DatabaseAddress) -> None:
    before = read_contents(library)
    with connect(library) as connection:
        connection.execute("DELETE FROM state")
    assert verify(library, SilentProgress()).broken
    done = repair(library, None, Settings(workers=1), SilentProgress())
    assert done.after.damage == []
    assert read_contents(library) == before
    with open_rows(library) as rows:
        assert rows.ask("SELECT count(*) FROM items WHERE removed IS NOT NULL") == [(0,)]


def test_answers_are_those_of_numpy_over_the_rows(library: DatabaseAddress) -> None:
    with LibraryReader(library) as opened:
        ids = opened.ids("image").tolist()
        vectors = opened.vectors(ids)
        for query in np.random.default_rng(1).normal(size=(20, EMBEDDING_DIM)).astype(np.float32):
            query /= np.linalg.norm(query)
            found, inner = opened.nearest("image", query, 10)
            expected = np.argsort(-(vectors @ query), kind="stable")[:10]
            assert found.tolist() == [ids[place] for place in expected]
            np.testing.assert_allclose(inner, (vectors @ query)[expected], atol=1e-5)
