"""The tables that the migrations make in PostgreSQL are those of a library in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Float, Integer, LargeBinary, Text, create_engine, inspect
from sqlalchemy.types import Boolean, TypeEngine

from attune.core.errors import LibraryError
from attune.core.library_address import DatabaseAddress
from attune.indexer.catalogue_tables import metadata
from attune.indexer.library import LibraryReader, read_status
from attune.indexer.library_store import open_store
from attune.indexer.postgres import migrations
from attune.indexer.postgres.postgres_catalogue import _MORE_TABLES, HEAD
from attune.indexer.postgres.server_connection import SCHEMA

KINDS_OF_TYPE: Final = (Boolean, Float, Integer, LargeBinary, Text)
VERSION: Final = "alembic_version"


@pytest.fixture
def migrated(database: str) -> Iterator[Connection]:
    """A connection to a database with the tables of all migrations."""
    store = open_store(DatabaseAddress(database))
    with store.lock():
        store.create_catalogue()
    engine = create_engine(database.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def name_type(column_type: TypeEngine[object]) -> str:
    """Return the name of a type, without what the databases do not have in common: width and length."""
    generic = column_type.as_generic()
    for kind in KINDS_OF_TYPE:
        if isinstance(generic, kind) or (kind is Text and generic.python_type is str):
            return kind.__name__
    return type(generic).__name__


def test_the_tables_are_those_of_a_folder(migrated: Connection) -> None:
    inspector = inspect(migrated)
    assert set(inspector.get_table_names(SCHEMA)) == {*metadata.tables, *_MORE_TABLES, VERSION}
    for name, table in metadata.tables.items():
        found = {
            column["name"]: (name_type(column["type"]), column["nullable"])
            for column in inspector.get_columns(name, SCHEMA)
        }
        assert found == {column.name: (name_type(column.type), column.nullable) for column in table.columns}
        lengths = {
            column["name"]: getattr(column["type"], "length", None)
            for column in inspector.get_columns(name, SCHEMA)
        }
        for column in table.columns:
            if name_type(column.type) == "Text":
                assert lengths[column.name] == getattr(column.type, "length", None), column


def test_the_tables_that_only_a_database_has_are_known(migrated: Connection) -> None:
    for name, columns in _MORE_TABLES.items():
        assert set(migrated.exec_driver_sql(f"SELECT * FROM {SCHEMA}.{name}").keys()) == columns


def test_rows_are_in_the_order_of_columns_in_which_they_are_read(migrated: Connection) -> None:
    """`Generation(*row)` of `SELECT *` relies on it."""
    found = [column["name"] for column in inspect(migrated).get_columns("generations", SCHEMA)]
    assert found == [column.name for column in metadata.tables["generations"].columns]


def test_the_version_that_is_read_is_the_last_one(migrated: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent).replace("%", "%%"))
    script = ScriptDirectory.from_config(config)
    assert script.get_heads() == [HEAD]
    assert migrated.exec_driver_sql(f"SELECT version_num FROM {SCHEMA}.{VERSION}").scalars().all() == [HEAD]


def test_a_database_of_others_stays_as_it_is(database: str) -> None:
    """Tables of the same names in another schema are neither read nor written."""
    engine = create_engine(database.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE items (id int)")
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num text)")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('theirs')")
    address = DatabaseAddress(database)
    assert read_status(address).generation is None
    with pytest.raises(LibraryError, match="no library here"):
        LibraryReader(address)
    store = open_store(address)
    with store.lock():
        store.create_catalogue()
    store.remove()
    with engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == "theirs"
        assert connection.exec_driver_sql("SELECT count(*) FROM items").scalar() == 0
        assert SCHEMA not in inspect(connection).get_schema_names()
    engine.dispose()


def test_tables_of_another_version_are_refused(database: str) -> None:
    address = DatabaseAddress(database)
    store = open_store(address)
    with store.lock():
        store.create_catalogue()
    engine = create_engine(database.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {SCHEMA}.{VERSION} SET version_num = '9999'")
    engine.dispose()
    for use in (read_status, LibraryReader):
        with pytest.raises(LibraryError, match="another version of Attune"):
            use(address)
    with store.lock(), pytest.raises(LibraryError, match="another version of Attune"):
        store.create_catalogue()
