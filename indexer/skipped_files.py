"""Records of files that could not be used, with the reason, so that they are not read again in vain."""

from __future__ import annotations

import os
from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select

from attune.core.paths import is_below_any
from attune.indexer.catalogue_tables import skipped
from attune.indexer.records import Stamp


def read_known_skips(connection: Connection, readers: Sequence[str]) -> dict[Stamp, str]:
    """Return the files that could not be used by one of these reader versions, with the reasons."""
    rows = connection.execute(
        select(skipped.c.path, skipped.c.size, skipped.c.mtime_ns, skipped.c.reason).where(
            skipped.c.reader.in_(readers)
        )
    )
    return {Stamp(os.fsdecode(path), size, mtime_ns): reason for path, size, mtime_ns, reason in rows}


def write_skip(connection: Connection, stamp: Stamp, reason: str, reader: str) -> None:
    """Record that a file cannot be used by a reader version."""
    delete_skip(connection, stamp.path)
    connection.execute(
        insert(skipped).values(
            path=os.fsencode(stamp.path),
            size=stamp.size,
            mtime_ns=stamp.mtime_ns,
            reader=reader,
            reason=reason,
        )
    )


def prune_skips(connection: Connection, paths: set[str], missing: Sequence[str]) -> None:
    """Delete the records of all skipped files but those in `paths` and those below `missing` folders."""
    for known in connection.execute(select(skipped.c.path)).scalars().all():
        path = os.fsdecode(known)
        if path not in paths and not is_below_any(path, missing):
            delete_skip(connection, path)


def delete_skip(connection: Connection, path: str) -> None:
    """Delete the record that a file could not be used."""
    connection.execute(delete(skipped).where(skipped.c.path == os.fsencode(path)))
