"""Damage in every part of a library in PostgreSQL is found and repaired, or it is said what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import astuple
from typing import Final

import numpy as np
import pytest

from attune import cli
from attune.core.errors import LibraryError
from attune.core.library_address import DatabaseAddress
from attune.core.progress import SilentProgress
from attune.core.settings import Settings
from attune.embedding.affect import Affect
from attune.indexer.generations import KINDS
from attune.indexer.library import LibraryReader
from attune.indexer.library_store import open_store
from attune.indexer.postgres import pgvector_index, pgvector_search
from attune.indexer.repair import RepairReport, repair
from attune.indexer.verify import verify
from attune.tests.conftest import PHOTOS, SONGS, copy_database, folder_of
from attune.tests.postgres_server import PostgresServer

TABLES: Final = (
    *(
        "items",
        "embeddings",
        "vectors",
        "state",
        "generations",
        "roots",
        "exclusions",
        "skipped",
        "omissions",
    ),
    *("library", "alembic_version"),
)
Execute = Callable[..., list[tuple[object, ...]]]


@pytest.fixture
def library(postgres: PostgresServer, built_database: str) -> Iterator[DatabaseAddress]:
    address = copy_database(postgres, built_database)
    yield address
    postgres.drop_database(address.url.rpartition("/")[2])


@pytest.fixture
def execute(postgres: PostgresServer, library: DatabaseAddress) -> Execute:
    """Function that runs a statement in the library's database."""

    def run(sql: str, *parameters: object) -> list[tuple[object, ...]]:
        return postgres.execute(sql, *parameters, database=library.url.rpartition("/")[2])

    return run


def find_damage(library: DatabaseAddress) -> list[tuple[str, str]]:
    return [(one.part, one.detail) for one in verify(library, SilentProgress()).damage]


def repair_library(library: DatabaseAddress) -> RepairReport:
    return repair(library, None, Settings(workers=1), SilentProgress())


def read_all(library: DatabaseAddress) -> dict[str, tuple[Affect, bytes]]:
    """Return affect and embedding of each file by path."""
    found = {}
    with LibraryReader(library) as reader:
        for kind in KINDS:
            items = reader.items(reader.ids(kind).tolist())
            for item, vector in zip(items.values(), reader.vectors(list(items)), strict=True):
                found[item.path] = (item.affect, vector.tobytes())
    return found


def search_all(library: DatabaseAddress) -> list[int]:
    with LibraryReader(library) as reader:
        query = reader.vectors(reader.ids("music").tolist()[:1])[0]
        ids, inner = reader.nearest("image", query, PHOTOS)
        np.testing.assert_allclose(inner, reader.vectors(ids.tolist()) @ query, atol=1e-6)
        return ids.tolist()


def check_mended(library: DatabaseAddress, before: dict[str, tuple[Affect, bytes]]) -> RepairReport:
    repaired = repair_library(library)
    assert repaired.after.damage == []
    after = read_all(library)
    assert after.keys() == before.keys()
    for path, (affect, vector) in before.items():
        np.testing.assert_allclose(astuple(after[path][0]), astuple(affect), atol=1e-5)
        np.testing.assert_allclose(
            *(np.frombuffer(one, "<f4") for one in (after[path][1], vector)), atol=1e-5
        )
    assert len(search_all(library)) == PHOTOS
    assert find_damage(library) == []
    return repaired


def test_a_sound_library_is_left_as_it_is(library: DatabaseAddress) -> None:
    assert find_damage(library) == []
    repaired = repair_library(library)
    assert (repaired.report, repaired.before.images, repaired.before.music) == (None, PHOTOS, SONGS)


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ("items SET size = size + 4 WHERE id = 7", "its row is damaged"),
        ("items SET path = set_byte(path, 3, get_byte(path, 3) # 4) WHERE id = 7", "its row is damaged"),
        ("items SET title = 'T' WHERE id = 7", "its row is damaged"),
        ("items SET rating = 1 WHERE id = 7", "its row is damaged"),
        ("items SET features_crc = features_crc # 1 WHERE id = 7", "its row is damaged"),
        ("items SET seal = seal # 1 WHERE id = 7", "its row is damaged"),
        (
            "embeddings SET vector = set_byte(vector, 9, get_byte(vector, 9) # 4) WHERE item = 7",
            "its embedding is damaged",
        ),
        ("embeddings SET vector = 'short' WHERE item = 7", "its embedding is damaged"),
        ("embeddings SET valence = valence + 1e-6 WHERE item = 7", "its embedding is damaged"),
        ("embeddings SET q1 = NULL WHERE item = 7", "its embedding is damaged"),
    ],
)
def test_a_changed_value_is_found_and_mended(
    library: DatabaseAddress, execute: Execute, change: str, detail: str
) -> None:
    before = read_all(library)
    execute(f"UPDATE attune.{change}")
    details = {one for part, one in find_damage(library) if part == "catalogue"}
    assert details == {detail}
    others = {path: known for path, known in before.items() if path in before}
    with LibraryReader(library) as reader:
        ids = [item for kind in KINDS for item in reader.ids(kind).tolist() if item != 7]
        assert {item.path for item in reader.items(ids).values()} <= others.keys()
        assert len(reader.vectors(ids)) == PHOTOS + SONGS - 1
    repaired = check_mended(library, before)
    assert repaired.report is not None
    assert repaired.report.changed + repaired.report.added == 1


@pytest.mark.parametrize("row", ["embeddings WHERE item = 7", "items WHERE id = 7"])
def test_a_lost_row_is_found_and_mended(library: DatabaseAddress, execute: Execute, row: str) -> None:
    before = read_all(library)
    execute(f"DELETE FROM attune.{row}")
    assert [part for part, _ in find_damage(library)] == ["catalogue"]
    check_mended(library, before)


def test_an_embedding_without_its_item_is_found_and_mended(
    library: DatabaseAddress, execute: Execute
) -> None:
    before = read_all(library)
    execute("ALTER TABLE attune.embeddings DROP CONSTRAINT embeddings_item_fkey")
    execute("DELETE FROM attune.items WHERE id = 7")
    assert find_damage(library) == [("catalogue", "1 rows refer to items that are not there")]
    check_mended(library, before)


@pytest.mark.parametrize("damage", ["flip", "cut", "delete"])
def test_damaged_features_are_found_and_mended(library: DatabaseAddress, damage: str) -> None:
    before = read_all(library)
    path = next((folder_of(library) / "features").glob("eff*"))
    data = bytearray(path.read_bytes())
    data[10] ^= 4
    if damage == "delete":
        path.unlink()
    else:
        path.write_bytes(data if damage == "flip" else data[: len(data) // 2])
    assert {part for part, _ in find_damage(library)} == {"features"}
    assert len(search_all(library)) == PHOTOS
    check_mended(library, before)


def test_features_on_another_machine_are_no_damage_to_be_repaired(
    library: DatabaseAddress, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before = read_all(library)
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("ATTUNE_FEATURES", str(tmp_path_factory.mktemp("elsewhere")))
        assert len(search_all(library)) == PHOTOS
        repaired = repair_library(library)
        assert (repaired.before.damage, repaired.recovered, repaired.report) == ([], None, None)
        (unchecked,) = repaired.before.unchecked
        assert "ATTUNE_FEATURES" in unchecked
    assert find_damage(library) == []
    assert read_all(library) == before


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM attune.vectors WHERE item = 7",
        "UPDATE attune.vectors SET half = (SELECT half FROM attune.vectors WHERE item = 8) WHERE item = 7",
        "TRUNCATE attune.vectors",
        "UPDATE attune.vectors SET kind = CASE kind WHEN 'image' THEN 'music' ELSE 'image' END "
        "WHERE item = 7",
    ],
)
def test_wrong_vectors_are_found_and_mended(library: DatabaseAddress, execute: Execute, change: str) -> None:
    before, answers = read_all(library), search_all(library)
    execute(change)
    count = PHOTOS + SONGS if "TRUNCATE" in change else 1
    assert find_damage(library) == [("index", f"{count} embeddings in half precision are missing or wrong")]
    check_mended(library, before)
    assert search_all(library) == answers


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an index be of use from eleven rows."""
    for module in (pgvector_index, pgvector_search):
        monkeypatch.setattr(module, "EXACT_ROWS", 10)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("damage", ["dropped", "invalid"])
def test_a_lost_index_is_found_and_mended(library: DatabaseAddress, execute: Execute, damage: str) -> None:
    before, answers = read_all(library), search_all(library)
    assert find_damage(library) == [("index", "the index for image is missing")]
    check_mended(library, before)
    [(name,)] = execute(
        "SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON "
        "pg_class.oid = indexrelid JOIN pg_am ON pg_am.oid = relam WHERE amname = 'ivfflat'"
    )
    if damage == "dropped":
        execute(f"DROP INDEX {name}")
    else:
        execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass", name)
    assert find_damage(library) == [("index", "the index for image is missing")]
    assert search_all(library) == answers
    check_mended(library, before)


def test_a_library_that_names_no_generation_is_mended(library: DatabaseAddress, execute: Execute) -> None:
    before = read_all(library)
    execute("DELETE FROM attune.state")
    ((part, detail),) = find_damage(library)
    assert part == "catalogue" and "does not say which generation is the latest" in detail
    repaired = check_mended(library, before)
    assert repaired.recovered is not None
    assert repaired.recovered.items == PHOTOS + SONGS
    assert repaired.report is not None
    assert (repaired.report.added, repaired.report.changed) == (0, 0)


@pytest.mark.parametrize("table", TABLES)
def test_a_dropped_table_is_found_and_it_is_said_what_to_do(
    library: DatabaseAddress, execute: Execute, capsys: pytest.CaptureFixture[str], table: str
) -> None:
    execute(f"DROP TABLE attune.{table} CASCADE")
    for command in (["verify"], ["repair"], ["status"], ["browse", "--mood", "calm"], ["build-index"]):
        code = cli.run([*command, "--library", str(library)])
        said = capsys.readouterr()
        if command == ["verify"]:
            assert code == 1
            assert "catalogue" in said.out or "no library here" in said.err
        if command == ["repair"]:
            assert code == 1
            assert said.err.count("\n") == 1
            assert "restore" in said.err or "no library here" in said.err
        assert "unexpected" not in said.err
        assert said.err.count("\n") <= 1
    if table != "alembic_version":  # without it, a schema may be somebody else's
        open_store(library).remove()
        assert execute("SELECT 1 FROM pg_namespace WHERE nspname = 'attune'") == []


def test_a_dropped_column_is_found(library: DatabaseAddress, execute: Execute) -> None:
    execute("ALTER TABLE attune.items DROP COLUMN features_crc")
    assert [part for part, _ in find_damage(library)] == ["catalogue"]
    with pytest.raises(LibraryError, match="restore"):
        repair_library(library)
