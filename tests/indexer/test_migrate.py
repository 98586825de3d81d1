"""Migration of libraries of every released schema to the newest one, without loss of data."""

from __future__ import annotations

import os
import sqlite3
import zipfile
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from attune.core.errors import LibraryError
from attune.core.progress import SilentProgress
from attune.core.settings import Settings
from attune.embedding.network import Network
from attune.indexer import catalogue, migrate
from attune.indexer.build import BuildRequest, build
from attune.indexer.catalogue_tables import metadata
from attune.indexer.library import Library, read_status
from attune.indexer.verify import verify

RELEASED = Path(__file__).parent / "schemas"
"""Folder of archives: for each released schema, a library and its media as that release made them."""
MADE_AT = b"/tmp/attune-fixture"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    return config


REVISIONS = [script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()][::-1]


def unpack_library(name: str, folder: Path) -> Path:
    """Unpack an old library, change the paths in it to the folder of its media, and return its folder."""
    with zipfile.ZipFile(RELEASED / f"{name}.zip") as packed:
        packed.extractall(folder)
    connection = sqlite3.connect(folder / "library" / "catalogue.db")
    for table in ("items", "roots", "skipped"):
        for key, path in connection.execute(f"SELECT rowid, path FROM {table}").fetchall():
            moved = path.replace(MADE_AT, os.fsencode(folder))
            connection.execute(f"UPDATE {table} SET path = ? WHERE rowid = ?", (moved, key))
    for table in ("items", "skipped"):
        for path, mtime_ns in connection.execute(f"SELECT path, mtime_ns FROM {table}"):
            if Path(os.fsdecode(path)).exists():
                os.utime(path, ns=(mtime_ns, mtime_ns))
    connection.commit()
    connection.close()
    return folder / "library"


def read_items(library: Path) -> list[tuple[int, bytes, bytes]]:
    connection = sqlite3.connect(library / "catalogue.db")
    rows = connection.execute(
        "SELECT id, path, content FROM items WHERE removed IS NULL ORDER BY id"
    ).fetchall()
    connection.close()
    return rows


def test_the_steps_lead_to_the_tables() -> None:
    assert REVISIONS[-1] == migrate.HEAD
    assert sorted(REVISIONS) == REVISIONS  # `migrate` compares revisions as strings
    assert (RELEASED / "0001.zip").exists()


@pytest.mark.parametrize("released", sorted(path.stem for path in RELEASED.glob("*.zip")))
@pytest.mark.parametrize("up_to", REVISIONS)
def test_a_library_of_any_schema_is_brought_up_to_date(
    tmp_path: Path, network: Network, released: str, up_to: str
) -> None:
    """Migrate a library as released, and from each schema between its own and the newest."""
    if up_to < released:
        return
    library = unpack_library(released, tmp_path)
    before = read_items(library)
    assert len(before) == 5
    engine = catalogue.connect(library / "catalogue.db", writable=True)
    if up_to == migrate.HEAD:
        migrate.upgrade(engine, library)
    with engine.begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, up_to)
    engine.dispose()
    if up_to < migrate.HEAD:
        with pytest.raises(LibraryError, match="run `attune build-index` once"):
            Library(library)
    report = build(BuildRequest(library), network, Settings(workers=1), SilentProgress())
    assert report.missing == []
    assert report.added + report.changed + report.re_embedded == 5
    assert [Path(skip.path).name for skip in report.skipped] == ["broken.jpg"]
    after = read_items(library)
    assert {row[1:] for row in after} == {row[1:] for row in before}
    if report.re_embedded:  # no file has to be read, since the backbones have not changed
        assert after == before
    assert [root.exclude for root in read_status(library).roots] == [("*.gif",)]
    assert verify(library, SilentProgress()).damage == []
    with Library(library) as opened:
        assert (opened.generation.images, opened.generation.music) == (4, 1)


def test_an_upgraded_catalogue_is_as_a_new_one(tmp_path: Path) -> None:
    old = catalogue.connect(unpack_library("0001", tmp_path / "old") / "catalogue.db", writable=True)
    migrate.upgrade(old, tmp_path / "old" / "library")
    new = catalogue.connect(tmp_path / "new.db", writable=True)
    migrate.upgrade(new, tmp_path)
    for table in metadata.tables:
        columns = [[column["name"] for column in inspect(one).get_columns(table)] for one in (old, new)]
        assert columns[0] == columns[1]
    with new.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert list(compare_metadata(context, metadata)) == []
    old.dispose()
    new.dispose()
