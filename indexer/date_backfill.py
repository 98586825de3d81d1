"""Dates of capture for the rows of older libraries, which were written without looking for them."""

from __future__ import annotations

import os

from sqlalchemy import Connection, Engine, bindparam, select, update

from attune.core.errors import MediaError
from attune.core.progress import Progress
from attune.embedding.capture_date import read_capture_date
from attune.indexer.catalogue import is_visible_in, split_into_chunks
from attune.indexer.catalogue_tables import NO_DATE, items

_SET_DATE = update(items).where(items.c.id == bindparam("item")).values(taken=bindparam("date"))


def backfill_capture_dates(engine: Engine, generation: int, progress: Progress) -> None:
    """Read the dates that nobody has looked for yet; a date adds to a row and changes nothing in it.

    Files that cannot be opened keep their unknown date: the next build looks again.

    Args:
        engine: The catalogue, writable.
        generation: Whose pictures; their files are as the rows know them.
        progress: Told of the pictures.
    """
    with engine.connect() as connection:
        todo = _read_undated_pictures(connection, generation)
    if not todo:
        return
    progress.start("reading dates", len(todo))
    for some in split_into_chunks(todo):
        dated = []
        for item, path in some:
            try:
                dated.append({"item": item, "date": read_capture_date(path) or NO_DATE})
            except MediaError:
                continue
        if dated:
            with engine.begin() as connection:
                connection.execute(_SET_DATE, dated)
        progress.advance(len(some))
    progress.finish()


def _read_undated_pictures(connection: Connection, generation: int) -> list[tuple[int, str]]:
    query = select(items.c.id, items.c.path).where(
        is_visible_in(generation), items.c.kind == "image", items.c.taken.is_(None)
    )
    return [(item, os.fsdecode(path)) for item, path in connection.execute(query.order_by(items.c.id))]
