"""Which schema a catalogue has, and how it gets the newest one."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from core.errors import LibraryError

HEAD = "0001"

_SCRIPTS = Path(__file__).parent / "migrations"


def revision_of(connection: Connection) -> str | None:
    """Return the revision of a catalogue's schema, None for an empty file."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if revision is None else str(revision)


def require_current(connection: Connection, library: Path) -> None:
    """Make sure that this version of Attune can read the catalogue as it is.

    Raises:
        LibraryError: It is older or newer.
    """
    revision = revision_of(connection)
    if revision == HEAD:
        return
    if revision is None or revision < HEAD:
        raise LibraryError(
            f"{library}: made by an older Attune; run `attune build-index` once to bring it up to date"
        )
    raise LibraryError(f"{library}: made by a newer Attune (schema {revision}); update Attune to read it")


def upgrade(engine: Engine, library: Path) -> None:
    """Create the schema, or bring an older one up to date, in one transaction.

    Raises:
        LibraryError: The catalogue is newer than this version of Attune.
    """
    with engine.connect() as connection:
        revision = revision_of(connection)
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
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
