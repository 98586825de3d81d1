"""Schema version of a catalogue, and its migration to the newest one."""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DBAPIError

from attune.core.errors import DamagedLibrary, LibraryError
from attune.indexer.catalogue import FILE, connect
from attune.indexer.feature_store import open_feature_stores
from attune.indexer.locks import acquire_write_lock
from attune.indexer.row_checksums import backfill_checksums

HEAD = "0003"

_SCRIPTS = Path(__file__).parent / "migrations"


def read_revision(connection: Connection) -> str | None:
    """Return the revision of a catalogue's schema, None if it has no tables."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if revision is None else str(revision)


def has_catalogue(library: Path) -> bool:
    """Return whether a folder holds a catalogue of any schema version.

    Raises:
        LibraryError: A file with the catalogue's name is not a catalogue.
    """
    opened = _open(library)
    if opened is not None:
        opened[0].dispose()
    return opened is not None


def is_older(library: Path) -> bool:
    """Return whether a folder holds a catalogue that an older version of Attune made.

    Raises:
        LibraryError: Its catalogue cannot be read.
    """
    opened = _open(library)
    if opened is None:
        return False
    engine, revision = opened
    engine.dispose()
    return revision < HEAD


def open_catalogue(library: Path) -> Engine | None:
    """Open a library's catalogue for reading; return None if there is none.

    Raises:
        LibraryError: It is damaged, or this version of Attune does not read its schema.
    """
    opened = _open(library)
    if opened is None:
        return None
    engine, revision = opened
    if revision == HEAD:
        return engine
    engine.dispose()
    if revision < HEAD:
        raise LibraryError(
            f"{library}: made by an older Attune; run `attune build-index` once to bring it up to date"
        )
    raise LibraryError(f"{library}: made by a newer Attune (schema {revision}); update Attune to read it")


def _open(library: Path) -> tuple[Engine, str] | None:
    """Open a catalogue and read its revision; return None if there is none, or if a kill left no tables."""
    file = library / FILE
    if not file.exists():
        return None
    engine = connect(file, writable=False)
    try:
        with engine.connect() as connection:
            revision = read_revision(connection)
    except DBAPIError as error:
        engine.dispose()
        raise LibraryError(f"{library}: its catalogue cannot be read ({error.orig})") from error
    if revision is None:
        engine.dispose()
        return None
    if not re.fullmatch(r"\d{4}", revision):
        engine.dispose()
        raise DamagedLibrary(library, "its schema has no number")
    return engine, revision


def upgrade(engine: Engine, library: Path) -> None:
    """Create the schema, or migrate an older one, in one transaction.

    Raises:
        LibraryError: The catalogue is newer than this version of Attune.
    """
    with engine.connect() as connection:
        revision = read_revision(connection)
    if revision == HEAD:
        return
    if revision is not None and revision > HEAD:
        raise LibraryError(
            f"{library}: made by a newer Attune (schema {revision}); update Attune to write it"
        )
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    with engine.begin() as connection:
        # Without an explicit BEGIN, Python's driver commits each CREATE separately, and a kill would leave
        # only some of the tables.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        backfill_checksums(connection, open_feature_stores(library))


def upgrade_if_older(library: Path) -> None:
    """Migrate the catalogue if an older version of Attune made it.

    Raises:
        LibraryError: It cannot be written, or another build is writing it.
    """
    if not is_older(library):
        return
    with acquire_write_lock(library):
        engine = connect(library / FILE, writable=True)
        try:
            upgrade(engine, library)
        except DBAPIError as error:
            raise LibraryError(f"{library}: its catalogue cannot be written ({error.orig})") from error
        finally:
            engine.dispose()
