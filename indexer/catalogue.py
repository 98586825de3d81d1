"""SQLite catalogue of a library: connections and the queries of readers."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Engine,
    ExceptionContext,
    Integer,
    Row,
    String,
    bindparam,
    create_engine,
    event,
    or_,
    select,
)
from sqlalchemy.pool import QueuePool

from attune.core.errors import DamagedLibrary
from attune.embedding.media_files import Kind
from attune.embedding.network import EMBEDDING_DIM, Affect
from attune.indexer.catalogue_tables import NO_DATE, embeddings, generations, items, roots, skipped, state
from attune.indexer.records import Generation, Item, Root, SkippedFile, Stamp

FILE = "catalogue.db"
DAMAGED_FOLDER = "damaged"
"""Prefix of the folders, damaged-1 and so on, in which `attune repair` keeps a damaged catalogue."""
_DAMAGE_MESSAGES = ("Could not decode", "no such table", "no such column", "unsupported file format")
_Key = TypeVar("_Key")
_MAX_PARAMETERS = 500  # bound parameters per statement; every SQLite build allows at least 999


def connect(path: Path, *, writable: bool) -> Engine:
    """Open the catalogue file; readers never write and never wait for a writer.

    Args:
        path: The SQLite file. It is created if `writable`.
        writable: Whether rows will be written.
    """
    if writable:
        mode = "rwc"
    elif os.access(path, os.W_OK) and os.access(path.parent, os.W_OK):
        mode = "rw"  # a reader in WAL mode needs the shared-memory file
    else:
        wal = path.with_name(f"{path.name}-wal")
        mode = "ro" if wal.exists() and wal.stat().st_size else "ro&immutable=1"
    # SQLAlchemy would undo the quoting that SQLite's URI needs, so the URI goes to sqlite3 directly.
    uri = f"file:{quote(os.fsencode(path.absolute()))}?mode={mode}"

    def connect_to_file() -> sqlite3.Connection:
        # The pool may pass a connection to another thread, but only one thread uses it at a time.
        return sqlite3.connect(uri, uri=True, timeout=30, check_same_thread=False)

    engine = create_engine("sqlite://", creator=connect_to_file, poolclass=QueuePool)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA foreign_keys = ON")
        if not writable:
            connection.execute("PRAGMA query_only = ON")
            return
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.DatabaseError as error:
            raise _translate_error(path.parent, error) from error
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "handle_error")
    def _explain(context: ExceptionContext) -> None:
        error = context.original_exception
        if (
            isinstance(error, sqlite3.DatabaseError)
            and (translated := _translate_error(path.parent, error)) != error
        ):
            raise translated from error

    return engine


def _translate_error(library: Path, error: sqlite3.DatabaseError) -> Exception:
    """Return DamagedLibrary for an error that shows a damaged file, for which SQLite has no error class."""
    if type(error) is sqlite3.DatabaseError or str(error).startswith(_DAMAGE_MESSAGES):
        return DamagedLibrary(library, error)
    return error


def is_visible_in(generation: int | BindParameter[int]) -> ColumnElement[bool]:
    """Return the SQL condition that a row of `items` belongs to a generation."""
    return (items.c.added <= generation) & or_(items.c.removed.is_(None), items.c.removed > generation)


# These statements are built once, since building one takes longer than running it.
_NETWORK = bindparam("network", type_=String)
_OF_NETWORK = (embeddings.c.item == items.c.id) & (embeddings.c.network == _NETWORK)
_VISIBLE = is_visible_in(bindparam("generation", type_=Integer))
_IDS: BindParameter[int] = bindparam("ids", expanding=True)
_AFFECT = ("valence", "arousal", "positive", "neutral", "negative")
_ITEM = select(
    *(getattr(items.c, name) for name in ("id", "kind", "path", "duration_s", "title", "artist", "taken")),
    *(getattr(items.c, name) for name in ("feature_row", "feature_rows", "features_crc")),
    *(getattr(items.c, name) for name in ("width", "height")),
    *(getattr(embeddings.c, name) for name in _AFFECT),
).select_from(items.join(embeddings, _OF_NETWORK))
_ITEMS = _ITEM.where(items.c.id.in_(_IDS))
_ITEM_OF_STAMP = _ITEM.where(
    _VISIBLE, *(getattr(items.c, name) == bindparam(name) for name in ("path", "size", "mtime_ns"))
)
_ITEM_OF_ID = _ITEM.where(_VISIBLE, items.c.id == bindparam("id"))
_ITEM_OF_CONTENT = _ITEM.where(
    _VISIBLE, items.c.content == bindparam("content"), items.c.kind == bindparam("kind")
).limit(1)
_VECTORS = select(embeddings.c.item, embeddings.c.vector).where(
    embeddings.c.network == _NETWORK, embeddings.c.item.in_(_IDS)
)


def current_generation(connection: Connection) -> Generation | None:
    """Return the published generation; None before the first build is published."""
    row = connection.execute(select(generations).join(state, state.c.generation == generations.c.id)).first()
    return None if row is None else Generation(*row)


def read_roots(connection: Connection) -> list[Root]:
    """Return the folders that the library follows, in path order."""
    rows = connection.execute(select(roots).order_by(roots.c.path))
    return [Root(os.fsdecode(path), tuple(json.loads(exclude)), links) for path, exclude, links in rows]


def read_skipped(connection: Connection) -> list[SkippedFile]:
    """Return the files that could not be used, in path order."""
    rows = connection.execute(select(skipped.c.path, skipped.c.reason).order_by(skipped.c.path))
    return [SkippedFile(os.fsdecode(path), reason) for path, reason in rows]


def read_ids(connection: Connection, generation: int, kind: Kind) -> NDArray[np.int64]:
    """Return the ids of a generation's items of one kind, ascending."""
    query = select(items.c.id).where(is_visible_in(generation), items.c.kind == kind).order_by(items.c.id)
    return np.fromiter(connection.execute(query).scalars(), np.int64)


def read_ids_below(connection: Connection, generation: int, kind: Kind, folders: Sequence[str]) -> list[int]:
    """Return the ids of a generation's items of one kind below any of the absolute folders, ascending."""
    conditions: list[ColumnElement[bool]] = []
    for folder in folders:
        prefix = os.fsencode(folder.rstrip(os.sep) + os.sep)
        # Paths that begin with `a/` sort between `a/` and `a0`, since `0` is the byte after `/`.
        after = prefix[:-1] + bytes([prefix[-1] + 1])
        conditions.append((items.c.path >= prefix) & (items.c.path < after))
        conditions.append(items.c.path == os.fsencode(folder))
    query = select(items.c.id).where(is_visible_in(generation), items.c.kind == kind, or_(*conditions))
    return list(connection.execute(query.order_by(items.c.id)).scalars())


def read_ids_taken(
    connection: Connection, generation: int, first: str | None, after: str | None
) -> list[int]:
    """Return the ids of a generation's pictures taken in [first, after), ascending.

    Args:
        connection: Connection to the catalogue.
        generation: Id of the generation.
        first: Earliest date as ISO 8601 or a prefix of it (`2023`, `2023-07`); None: no bound.
        after: First date that is excluded, in the same form; None: no bound.
    """
    query = select(items.c.id).where(is_visible_in(generation), items.c.taken != NO_DATE)
    if first is not None:
        query = query.where(items.c.taken >= first)
    if after is not None:
        query = query.where(items.c.taken < after)
    return list(connection.execute(query.order_by(items.c.id)).scalars())


def read_paths(connection: Connection, generation: int, kind: Kind) -> Iterator[tuple[int, str]]:
    """Yield id and path of a generation's items of one kind, by id."""
    query = (
        select(items.c.id, items.c.path)
        .where(is_visible_in(generation), items.c.kind == kind)
        .order_by(items.c.id)
    )
    for item, path in connection.execute(query):
        yield item, os.fsdecode(path)


def read_vectors(connection: Connection, ids: Sequence[int], network: str) -> NDArray[np.float32]:
    """Return the embeddings of items: float32, shape (n, 128), in the order of `ids`.

    Raises:
        KeyError: An item has no embedding by that network.
    """
    found: dict[int, bytes] = {}
    for chunk in split_into_chunks(ids):
        rows = connection.execute(_VECTORS, {"network": network, "ids": chunk})
        found.update((row[0], row[1]) for row in rows)
    joined = b"".join(found[item] for item in ids)
    return np.frombuffer(joined, "<f4").reshape(len(ids), EMBEDDING_DIM)


def read_items(connection: Connection, ids: Sequence[int], network: str) -> dict[int, Item]:
    """Return items by id, with their affect by that network."""
    found: dict[int, Item] = {}
    for chunk in split_into_chunks(ids):
        rows = connection.execute(_ITEMS, {"network": network, "ids": chunk})
        found.update((row[0], _make_item(row)) for row in rows)
    return found


def find_id(connection: Connection, generation: int, item: int, network: str) -> Item | None:
    """Return an item of the generation by its id, None if there is none."""
    row = connection.execute(_ITEM_OF_ID, {"id": item, "generation": generation, "network": network}).first()
    return None if row is None else _make_item(row)


def find_stamp(connection: Connection, generation: int, stamp: Stamp, network: str) -> Item | None:
    """Return the item with the path, size and modification time of the stamp, None if there is none."""
    parameters = {"path": os.fsencode(stamp.path), "size": stamp.size, "mtime_ns": stamp.mtime_ns}
    scope = {"generation": generation, "network": network}
    row = connection.execute(_ITEM_OF_STAMP, parameters | scope).first()
    return None if row is None else _make_item(row)


def has_size(connection: Connection, generation: int, size: int) -> bool:
    """Return whether any file of the generation has this size in bytes."""
    query = select(items.c.id).where(is_visible_in(generation), items.c.size == size).limit(1)
    return connection.execute(query).first() is not None


def find_copy(
    connection: Connection, generation: int, kind: Kind, content: bytes, network: str
) -> Item | None:
    """Return an item of the generation with this kind and content hash, None if there is none."""
    parameters = {"kind": kind, "content": content, "generation": generation, "network": network}
    row = connection.execute(_ITEM_OF_CONTENT, parameters).first()
    return None if row is None else _make_item(row)


def read_moments(connection: Connection, item: int, network: str) -> NDArray[np.float32] | None:
    """Return the embeddings of a song's moments, float32 (n, 128); None for a picture."""
    query = select(embeddings.c.moments).where(embeddings.c.item == item, embeddings.c.network == network)
    blob = connection.execute(query).scalar()
    if blob is None:
        return None
    vectors = np.frombuffer(blob, "<f2").astype(np.float32)
    return vectors.reshape(-1, EMBEDDING_DIM)


def read_affect(
    connection: Connection, generation: int, kind: Kind, network: str
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return ids and (valence, arousal), shape (n, 2), of a generation's items of one kind."""
    query = (
        select(items.c.id, embeddings.c.valence, embeddings.c.arousal)
        .join(embeddings, (embeddings.c.item == items.c.id) & (embeddings.c.network == network))
        .where(is_visible_in(generation), items.c.kind == kind)
        .order_by(items.c.id)
    )
    table = np.array([tuple(row) for row in connection.execute(query)], np.float64).reshape(-1, 3)
    return table[:, 0].astype(np.int64), table[:, 1:]


def _make_item(row: Row[Any]) -> Item:
    columns = row._mapping
    return Item(
        id=columns["id"],
        kind=columns["kind"],
        path=os.fsdecode(columns["path"]),
        affect=Affect(
            columns["valence"],
            columns["arousal"],
            columns["positive"],
            columns["neutral"],
            columns["negative"],
        ),
        duration_s=columns["duration_s"],
        title=columns["title"],
        artist=columns["artist"],
        taken=columns["taken"] or None,
        feature_row=columns["feature_row"],
        feature_rows=columns["feature_rows"],
        features_crc=columns["features_crc"],
        width=columns["width"],
        height=columns["height"],
    )


def split_into_chunks(keys: Sequence[_Key]) -> Iterator[Sequence[_Key]]:
    """Yield consecutive parts of `keys` that are small enough to be bound to one SQL statement."""
    for first in range(0, len(keys), _MAX_PARAMETERS):
        yield keys[first : first + _MAX_PARAMETERS]
