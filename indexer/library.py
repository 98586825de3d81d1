"""The public read side: one generation of a library, whole and unchanging until it is closed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from attune.core.errors import DamagedLibrary, LibraryError
from attune.embedding.backbones import Backbone
from attune.embedding.media_files import Kind
from attune.indexer import catalogue, stored_features
from attune.indexer.feature_store import FeatureStore
from attune.indexer.generations import KINDS, derive_index, read_index, write_indexes
from attune.indexer.index_files import VectorIndex
from attune.indexer.library_size import measure_size
from attune.indexer.locks import lease
from attune.indexer.migrate import open_catalogue
from attune.indexer.records import Generation, Item, Root, SkippedFile, Stamp


@dataclass(frozen=True, slots=True)
class Status:
    """What a library holds.

    Attributes:
        generation: The published generation, None before the first build.
        roots: The folders that it follows.
        skipped: Files that could not be used.
        bytes: Size of everything in the library's folder.
    """

    generation: Generation | None
    roots: list[Root]
    skipped: list[SkippedFile]
    bytes: int


class Library:
    """A published generation, open for reading.

    Args:
        path: The library's folder.

    Raises:
        LibraryError: There is no library, nothing is published in it, or it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        engine = open_catalogue(path)
        if engine is None:
            raise LibraryError(f"{path}: no library here; make one with `attune build-index FOLDER`")
        self._engine = engine
        self._indexes: dict[Kind, VectorIndex] = {}
        self._affect: dict[Kind, tuple[NDArray[np.int64], NDArray[np.float64]]] = {}
        try:
            self.generation, self._lease = self._lease_generation()
        except BaseException:
            self._engine.dispose()
            raise

    def _lease_generation(self) -> tuple[Generation, IO[bytes] | None]:
        # A build may purge the generation between reading its number and leasing it: look again.
        while True:
            generation = self._read_generation()
            lease_file = lease(self.path, generation.id)
            if self._read_generation().id == generation.id:
                return generation, lease_file

    def _read_generation(self) -> Generation:
        with self._connect_catalogue() as connection:
            generation = catalogue.current_generation(connection)
        if generation is None:
            raise LibraryError(
                f"{self.path}: its first build was not finished; run the same `attune build-index` again"
            )
        return generation

    @contextlib.contextmanager
    def _connect_catalogue(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except (LookupError, ValueError, TypeError) as error:  # rows that nobody wrote like that
            raise DamagedLibrary(self.path, type(error).__name__) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give up the generation."""
        if self._lease is not None:
            self._lease.close()
        self._engine.dispose()

    def index(self, kind: Kind) -> VectorIndex:
        """Return the vectors of one kind; a lost or damaged FAISS file is made again from the catalogue."""
        if kind not in self._indexes:
            found = read_index(self.path, self.generation.id, self.generation.network, kind)
            if found is None:
                self._derive_indexes()
            else:
                self._indexes[kind] = found
        return self._indexes[kind]

    def _derive_indexes(self) -> None:
        with self._connect_catalogue() as connection:
            for kind in KINDS:
                self._indexes[kind] = derive_index(
                    connection, self.generation.id, self.generation.network, kind, None
                )
        with contextlib.suppress(OSError):  # a library that cannot be written still answers
            write_indexes(self.path, self.generation.id, self.generation.network, self._indexes)

    def nearest(
        self, kind: Kind, query: NDArray[np.float32], limit: int, among: Sequence[int] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the items of one kind with the largest inner products with an embedding, and these.

        Below `CELLS_FROM` items of the kind, and wherever `among` is given, exact; beyond, one in a thousand
        of the best ten may be missed. The inner products are exact always. Equal ones are ordered by id.

        Args:
            kind: What is looked for.
            query: float32 (128,).
            limit: How many are wanted.
            among: Only these ids count; None: all.
        """
        index = self.index(kind)
        ids, inner = index.search(query, limit, among)
        if index.exact:
            return ids, inner
        inner = self.vectors(ids.tolist()) @ query
        order = np.lexsort((ids, -inner))[:limit]
        return ids[order], inner[order]

    def ids_below(self, kind: Kind, folders: Sequence[str]) -> list[int]:
        """Return the ids of the items of one kind that lie in one of the folders, ascending."""
        with self._connect_catalogue() as connection:
            return catalogue.read_ids_below(connection, self.generation.id, kind, folders)

    def ids_by_capture_date(self, first: str | None, after: str | None) -> list[int]:
        """Return the ids of the pictures taken in [first, after), ascending; ISO 8601, None: no bound."""
        with self._connect_catalogue() as connection:
            return catalogue.read_ids_taken(connection, self.generation.id, first, after)

    def items(self, ids: Sequence[int]) -> dict[int, Item]:
        """Return items by id."""
        with self._connect_catalogue() as connection:
            return catalogue.read_items(connection, ids, self.generation.network)

    def vectors(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Return embeddings, float32 (n, 128), in the order of `ids`."""
        with self._connect_catalogue() as connection:
            return catalogue.read_vectors(connection, ids, self.generation.network)

    def paths(self, kind: Kind) -> list[tuple[int, str]]:
        """Return id and path of every item of one kind, by id."""
        with self._connect_catalogue() as connection:
            return list(catalogue.read_paths(connection, self.generation.id, kind))

    def affect(self, kind: Kind) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return ids and (valence, arousal), shape (n, 2), of every item of one kind; read once."""
        if kind not in self._affect:
            with self._connect_catalogue() as connection:
                self._affect[kind] = catalogue.read_affect(
                    connection, self.generation.id, kind, self.generation.network
                )
        return self._affect[kind]

    def moments(self, item: int) -> NDArray[np.float32] | None:
        """Return the embeddings of a song's moments, float32 (n, 128)."""
        with self._connect_catalogue() as connection:
            return catalogue.read_moments(connection, item, self.generation.network)

    def features(self, item: Item, backbone: Backbone) -> NDArray[np.float16]:
        """Return the kept features of an item, float16 (rows, width).

        Args:
            item: The item.
            backbone: What made them: that of the generation's network.

        Raises:
            LibraryError: They are lost.
        """
        features = FeatureStore(self.path, backbone).read(
            item.feature_row, item.feature_rows, item.features_crc
        )
        if features is None:
            raise LibraryError(f"{self.path}: lost some features; `attune repair` computes them again")
        return features

    def item(self, item: int) -> Item | None:
        """Return an item by its id; None where this generation has none of that id (any more)."""
        with self._connect_catalogue() as connection:
            return catalogue.find_id(connection, self.generation.id, item, self.generation.network)

    def find(self, stamp: Stamp) -> Item | None:
        """Return the item that is this very file, unchanged since the build."""
        with self._connect_catalogue() as connection:
            return catalogue.find_stamp(connection, self.generation.id, stamp, self.generation.network)

    def has_size(self, size: int) -> bool:
        """Say whether a file of so many bytes is in the library: else no copy of it can be."""
        with self._connect_catalogue() as connection:
            return catalogue.has_size(connection, self.generation.id, size)

    def find_copy(self, kind: Kind, content: bytes) -> Item | None:
        """Return an item of one kind with this content hash."""
        with self._connect_catalogue() as connection:
            return catalogue.find_copy(connection, self.generation.id, kind, content, self.generation.network)

    def roots(self) -> list[Root]:
        """Return the folders that the library follows, in path order."""
        with self._connect_catalogue() as connection:
            return catalogue.read_roots(connection)


def read_published_generation(path: Path) -> Generation | None:
    """Return the generation that a library's readers see; None if there is no library, or nothing in it yet.

    Raises:
        LibraryError: It exists and cannot be read.
    """
    engine = open_catalogue(path)
    if engine is None:
        return None
    try:
        with engine.connect() as connection:
            return catalogue.current_generation(connection)
    finally:
        engine.dispose()


def count_missing_features(path: Path, backbones: Mapping[Kind, Backbone]) -> int:
    """Count the items that a network of these backbones cannot embed before their files are read again.

    Raises:
        LibraryError: The library exists and cannot be read.
    """
    engine = open_catalogue(path)
    if engine is None:
        return 0
    try:
        with engine.connect() as connection:
            generation = catalogue.current_generation(connection)
            if generation is None:
                return 0
            return sum(
                stored_features.count_missing(connection, generation.id, kind, one.id)
                for kind, one in backbones.items()
            )
    finally:
        engine.dispose()


def read_status(path: Path) -> Status:
    """Return what a library holds; one that does not exist holds nothing.

    Raises:
        LibraryError: It exists and cannot be read.
    """
    engine = open_catalogue(path)
    if engine is None:
        return Status(None, [], [], 0)
    try:
        with engine.connect() as connection:
            return Status(
                catalogue.current_generation(connection),
                catalogue.read_roots(connection),
                catalogue.read_skipped(connection),
                measure_size(path),
            )
    finally:
        engine.dispose()
