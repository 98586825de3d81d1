"""Dates of capture for the rows of older libraries, which were written without looking for them."""

from __future__ import annotations

import os

from sqlalchemy import Connection, Engine, bindparam, select, update

from attune.core.errors import MediaError
from attune.core.progress import Progress
from attune.embedding.dates import read_taken
from attune.indexer.catalogue import chunks, seen_by
from attune.indexer.tables import NO_DATE, items

_KNOWN = update(items).where(items.c.id == bindparam("item")).values(taken=bindparam("date"))


def date_pictures(engine: Engine, generation: int, progress: Progress) -> None:
    """Read the dates that nobody has looked for yet; a date adds to a row and changes nothing in it.

    Files that cannot be opened keep their unknown date: the next build looks again.

    Args:
        engine: The catalogue, writable.
        generation: Whose pictures; their files are as the rows know them.
        progress: Told of the pictures.
    """
    with engine.connect() as connection:
        todo = _undated(connection, generation)
    if not todo:
        return
    progress.start("reading dates", len(todo))
    for some in chunks(todo):
        dated = []
        for item, path in some:
            try:
                dated.append({"item": item, "date": read_taken(path) or NO_DATE})
            except MediaError:
                continue
        if dated:
            with engine.begin() as connection:
                connection.execute(_KNOWN, dated)
        progress.advance(len(some))
    progress.finish()


def _undated(connection: Connection, generation: int) -> list[tuple[int, str]]:
    query = select(items.c.id, items.c.path).where(
        seen_by(generation), items.c.kind == "image", items.c.taken.is_(None)
    )
    return [(item, os.fsdecode(path)) for item, path in connection.execute(query.order_by(items.c.id))]
