"""Capture dates for rows of older libraries, which were written before dates were read."""

from __future__ import annotations

import os

from sqlalchemy import Connection, Engine, bindparam, select, update

from attune.core.errors import MediaError
from attune.core.progress import Progress
from attune.embedding.media_tags import read_capture_date
from attune.indexer.catalogue import is_visible_in, split_into_chunks
from attune.indexer.catalogue_tables import NO_DATE, items

_SET_DATE = update(items).where(items.c.id == bindparam("item")).values(taken=bindparam("date"))


def backfill_capture_dates(engine: Engine, generation: int, progress: Progress) -> None:
    """Read the capture dates that are missing in the catalogue; nothing else in a row changes.

    The date of a file that cannot be opened stays unknown; the next build tries again.

    Args:
        engine: Writable engine of the catalogue.
        generation: Id of the generation; the files of its pictures must be unchanged.
        progress: Receives the number of pictures.
    """
    with engine.connect() as connection:
        undated = _read_undated_pictures(connection, generation)
    if not undated:
        return
    progress.start("reading dates", len(undated))
    for chunk in split_into_chunks(undated):
        dated = []
        for item, path in chunk:
            try:
                dated.append({"item": item, "date": read_capture_date(path) or NO_DATE})
            except MediaError:
                continue
        if dated:
            with engine.begin() as connection:
                connection.execute(_SET_DATE, dated)
        progress.advance(len(chunk))
    progress.finish()


def _read_undated_pictures(connection: Connection, generation: int) -> list[tuple[int, str]]:
    query = select(items.c.id, items.c.path).where(
        is_visible_in(generation), items.c.kind == "image", items.c.taken.is_(None)
    )
    return [(item, os.fsdecode(path)) for item, path in connection.execute(query.order_by(items.c.id))]
