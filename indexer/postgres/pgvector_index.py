"""Indexes of the embeddings on the server: which one a library needs, making it, and what is there.

A small library has none: the server compares all embeddings. A large one has an inverted-file index for
each kind and network (`ivfflat` of pgvector, or `vchordrq` where the server has VectorChord). Its lists are
trained again when the library has grown so much that they have become too long. Readers use the old index
meanwhile.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from attune.embedding.media_files import Kind
from attune.indexer.postgres.server_connection import NamedRow

if TYPE_CHECKING:
    from psycopg import Connection

logger = logging.getLogger(__name__)

EXACT_ROWS: Final = 3_000
"""Number of rows up to which all embeddings are compared, which then takes less than 15 ms."""
_NAME: Final = re.compile("vectors_(image|music)_([0-9a-z]+)_([0-9]+)_[a-z]+")
_LISTS: Final = (10, 2_000)  # the fewest and the most; to train more of them takes too long
_LEAST_PROBES: Final = 11  # with 5 of 173, recall@10 of 30,000 is only .989; with 8 of 316, of 100,000 .995
_TOLERANCE: Final = 1.5  # lists are trained again if so many times more or fewer would be right
_MEGABYTE: Final = 1 << 20
_LEAST_MEMORY: Final = 64 * _MEGABYTE
_BYTES_PER_LIST_PAIR: Final = 220  # of the training, which takes 50 samples a list and all their distances


@dataclass(frozen=True, slots=True)
class ServerIndex:
    """An index of the embeddings of one kind by one network.

    Attributes:
        name: Its name on the server.
        method: ivfflat or vchordrq.
        kind: image or music.
        network: Id of the network, in full.
        lists: Number of its lists.
        valid: Whether it is complete; a kill while it was made leaves one that is not.
    """

    name: str
    method: str
    kind: Kind
    network: str
    lists: int
    valid: bool

    @property
    def probes(self) -> int:
        """Number of lists that a query searches; with 11 of 1,000, recall@10 of a million is .999."""
        return min(self.lists, max(_LEAST_PROBES, math.ceil(math.sqrt(self.lists) / 3)))

    @property
    def setting(self) -> str:
        """Name of the setting by which the server takes `probes`."""
        return "ivfflat.probes" if self.method == "ivfflat" else "vchordrq.probes"


def choose_lists(rows: int) -> int:
    """Return the number of lists that suits a number of rows; 0: no index."""
    return 0 if rows <= EXACT_ROWS else min(max(round(math.sqrt(rows)), _LISTS[0]), _LISTS[1])


def list_indexes(connection: Connection[NamedRow]) -> list[ServerIndex]:
    """Return the indexes of embeddings that Attune made, also those that are not complete."""
    rows = connection.execute(
        """
        SELECT pg_class.relname, pg_am.amname, pg_index.indisvalid
        FROM pg_index
        JOIN pg_class ON pg_class.oid = pg_index.indexrelid
        JOIN pg_am ON pg_am.oid = pg_class.relam
        WHERE pg_index.indrelid = 'vectors'::regclass AND pg_am.amname IN ('ivfflat', 'vchordrq')
        ORDER BY pg_class.relname"""
    ).fetchall()
    found = []
    for name, method, valid in rows:
        if (parts := _NAME.fullmatch(name)) is not None:  # otherwise an administrator made it
            kind: Kind = "image" if parts[1] == "image" else "music"
            found.append(ServerIndex(name, method, kind, parts[2], int(parts[3]), valid))
    return found


def find_index(connection: Connection[NamedRow], kind: Kind, network: str) -> ServerIndex | None:
    """Return the complete index for one kind and network; of two, the one that was trained on more rows."""
    found = [
        one for one in list_indexes(connection) if one.valid and (one.kind, one.network) == (kind, network)
    ]
    return max(found, key=lambda one: one.lists, default=None)


def is_suitable(index: ServerIndex | None, rows: int) -> bool:
    """Return whether an index, or none, suits a number of rows."""
    wanted = choose_lists(rows)
    if index is None or wanted == 0:
        return (wanted == 0) == (index is None)
    return wanted / _TOLERANCE <= index.lists <= wanted * _TOLERANCE


def update_index(connection: Connection[NamedRow], kind: Kind, network: str, rows: int) -> None:
    """Make the index of one kind and network, train it again or drop it, if that suits the rows better.

    Nobody waits for it: readers use what is there until the new index is complete.

    Args:
        connection: Connection of the writer, outside any transaction.
        kind: image or music.
        network: Id of the network.
        rows: Number of embeddings.
    """
    own = [one for one in list_indexes(connection) if (one.kind, one.network) == (kind, network)]
    drop_indexes(connection, [one.name for one in own if not one.valid])
    # A kill may have left a new index that is complete beside the old one.
    suitable = [one for one in own if one.valid and is_suitable(one, rows)]
    lists = choose_lists(rows)
    if lists and not suitable:
        _create_index(connection, kind, network, lists)
        execute_literally(connection, "ANALYZE items, embeddings, vectors")  # so much is new
    drop_indexes(connection, [one.name for one in own if one.valid and one not in suitable[:1]])


def _create_index(connection: Connection[NamedRow], kind: Kind, network: str, lists: int) -> None:
    method = _choose_method(connection)
    name = f"vectors_{kind}_{network}_{lists}_{method}"
    memory = _LEAST_MEMORY + _BYTES_PER_LIST_PAIR * lists * lists
    options = (
        f"lists = {lists}"
        if method == "ivfflat"
        else f"options = $$[build.internal]\nlists = [{lists}]\nspherical_centroids = true$$"
    )
    logger.info("making %s of %d lists for %s", method, lists, kind)
    connection.execute("SELECT set_config('maintenance_work_mem', %s, false)", [f"{memory // 1024}kB"])
    try:
        execute_literally(
            connection,
            f"CREATE INDEX CONCURRENTLY {name} ON vectors USING {method} (half halfvec_ip_ops) "
            f"WITH ({options}) WHERE network = '{network}' AND kind = '{kind}'",
        )
    finally:
        connection.execute("RESET maintenance_work_mem")


def _choose_method(connection: Connection[NamedRow]) -> str:
    there = connection.execute("SELECT 1 FROM pg_am WHERE amname = 'vchordrq'").fetchone()
    return "ivfflat" if there is None else "vchordrq"


def drop_indexes(connection: Connection[NamedRow], names: Collection[str]) -> None:
    """Drop indexes by name; readers that use one are waited for."""
    for name in names:
        execute_literally(connection, f'DROP INDEX CONCURRENTLY IF EXISTS "{name}"')


def execute_literally(connection: Connection[NamedRow], statement: Any) -> None:
    """Run a statement that takes no parameters."""
    connection.execute(statement)
