"""Read access to a library: one published generation, complete and unchanging until it is closed."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import LibraryError, NothingPublished, escape_path
from attune.core.exclusions import Exclusion
from attune.embedding.backbones import Backbone
from attune.embedding.media_files import Kind
from attune.indexer.catalogue import DAMAGED_FOLDER, FILE, Catalogue
from attune.indexer.feature_store import FOLDER as FEATURES
from attune.indexer.feature_store import FeatureStore
from attune.indexer.generations import FOLDER as INDEXES
from attune.indexer.generations import (
    INDEX_FILES,
    KINDS,
    MANIFEST,
    derive_index,
    find_newest_folder,
    open_index,
    write_indexes,
)
from attune.indexer.locks import LOCK, lease
from attune.indexer.records import EmbeddedItem, Generation, Item, Root, SkippedFile, Stamp
from attune.indexer.row_cache import FOLDER as ROW_CACHES
from attune.indexer.row_cache import RowCache
from attune.indexer.vector_index import VectorIndex

logger = logging.getLogger(__name__)

_CATALOGUE_FILES = [FILE + suffix for suffix in ("", "-wal", "-shm", "-journal")]


@dataclass(frozen=True, slots=True)
class Status:
    """Contents and size of a library.

    Attributes:
        generation: The published generation; None before the first build is published.
        roots: The folders that the library follows.
        exclusions: What is left out of it.
        omissions: Numbers of files that the last build saw and left out, by reason.
        skipped: Files that could not be used.
        bytes: Total size of the library's files.
    """

    generation: Generation | None
    roots: list[Root]
    exclusions: list[Exclusion]
    omissions: dict[str, int]
    skipped: list[SkippedFile]
    bytes: int


class LibraryReader:
    """The published generation of a library, open for reading.

    Args:
        path: The library's folder.

    Attributes:
        path: The library's folder.
        generation: The generation that was published when the library was opened.
        derived: What callers computed from it and keep as long as it is open, by a name of their own.

    Raises:
        LibraryError: There is no library, nothing is published in it, or it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        catalogue = Catalogue.open(path)
        if catalogue is None:
            raise NothingPublished(f"{path}: no library here; make one with `attune build-index FOLDER`")
        self._catalogue = catalogue
        self.derived: dict[str, Any] = {}
        self._indexes: dict[Kind, VectorIndex] = {}
        self._places: dict[Kind, tuple[NDArray[np.int64], NDArray[np.float64]]] = {}
        try:
            self.generation, self._lease = self._lease_generation()
            logger.debug("opened %s, generation %d", escape_path(path), self.generation.id)
        except BaseException:
            self._catalogue.close()
            raise

    def _lease_generation(self) -> tuple[Generation, IO[bytes] | None]:
        # A lease protects a generation only if the catalogue says after it was taken that the generation is
        # the published one: before, a build may purge it. The newest folder shows which one that will be.
        expected = find_newest_folder(self.path)
        while True:
            lease_file = None if expected is None else lease(self.path, expected)
            try:
                generation = self._read_generation()
            except BaseException:
                if lease_file is not None:
                    lease_file.close()
                raise
            if generation.id == expected:
                return generation, lease_file
            if lease_file is not None:
                lease_file.close()
            expected = generation.id

    def _read_generation(self) -> Generation:
        generation = self._catalogue.current_generation()
        if generation is None:
            raise NothingPublished(
                f"{self.path}: its first build was not finished; run the same `attune build-index` again"
            )
        return generation

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the generation and close the catalogue."""
        if self._lease is not None:
            self._lease.close()
        self._catalogue.close()

    def index(self, kind: Kind) -> VectorIndex:
        """Return the index of one kind; a lost or damaged FAISS file is made again from the catalogue."""
        if kind not in self._indexes:
            found = open_index(self.path, self.generation.id, self.generation.network, kind)
            if found is None:
                self._derive_indexes()
            else:
                self._indexes[kind] = found
        return self._indexes[kind]

    def _derive_indexes(self) -> None:
        generation, network = self.generation.id, self.generation.network
        for kind in KINDS:
            self._indexes[kind] = derive_index(self._catalogue, generation, network, kind, None)
        with contextlib.suppress(OSError):  # a read-only library can still be searched
            write_indexes(self.path, generation, network, self._indexes)

    def nearest(
        self, kind: Kind, query: NDArray[np.float32], limit: int, among: Sequence[int] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the items of one kind with the largest inner products with an embedding.

        The result is exact if the kind has fewer than `IVF_MIN_VECTORS` items, or if `among` is given.
        Otherwise one in a thousand of the best ten may be missed. The inner products are always exact. Items
        with equal ones are ordered by id.

        Args:
            kind: image or music.
            query: float32 (128,).
            limit: Maximum number of results.
            among: Search only these ids; None: all.

        Returns:
            ids and inner products, best first.
        """
        index = self.index(kind)
        ids, inner = index.search(query, limit, among)
        if index.exact:
            return ids, inner
        inner = self.vectors(ids.tolist()) @ query
        order = np.lexsort((ids, -inner))[:limit]
        return ids[order], inner[order]

    def ids(self, kind: Kind) -> NDArray[np.int64]:
        """Return the ids of the items of one kind, int64 (n,), ascending."""
        return self._catalogue.ids(self.generation.id, kind)

    def ids_below(self, kind: Kind, folders: Sequence[str]) -> list[int]:
        """Return the ids of the items of one kind below any of the folders, ascending."""
        return self._catalogue.ids_below(self.generation.id, kind, folders)

    def ids_by_capture_date(self, first: str | None, after: str | None) -> list[int]:
        """Return the ids of the pictures taken in [first, after), ascending.

        Args:
            first: Earliest date as ISO 8601 or a prefix of it (`2023`, `2023-07`); None: no bound.
            after: First date that is excluded, in the same form; None: no bound.
        """
        return self._catalogue.ids_taken(self.generation.id, first, after)

    def count_undated(self) -> int:
        """Return the number of pictures whose date of capture is unknown."""
        return self._catalogue.count_undated(self.generation.id)

    def ids_by_rating(self, kind: Kind, least: int) -> list[int]:
        """Return the ids of the items of one kind with at least so many stars, ascending."""
        return self._catalogue.ids_rated(self.generation.id, kind, least)

    def items(self, ids: Sequence[int]) -> dict[int, Item]:
        """Return items by id."""
        return self._catalogue.items(ids, self.generation.network)

    def vectors(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Return embeddings, float32 (n, 128), in the order of `ids`."""
        return self._catalogue.vectors(ids, self.generation.network)

    def paths(self, kind: Kind) -> list[tuple[int, str]]:
        """Return id and path of every item of one kind, ordered by id."""
        return self._catalogue.paths(self.generation.id, kind)

    def places(self, kind: Kind) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return ids and places on the plane, float64 (n, 2), of every item of one kind (cached)."""
        if kind not in self._places:
            self._places[kind] = self._catalogue.places(self.generation.id, kind, self.generation.network)
        return self._places[kind]

    def features_checksums(self, kind: Kind) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
        """Return ids and CRC-32 of the features, uint32 (n,), of every item of one kind, ordered by id."""
        return self._catalogue.features_checksums(self.generation.id, kind)

    def open_row_cache(self, kind: Kind, name: str, row: np.dtype[Any]) -> RowCache:
        """Return the file of rows that were derived from the features of items of one kind.

        Args:
            kind: image or music.
            name: Name of what the rows are and of all that they depend on beside the features.
            row: Structured data type of a row; its first fields must be those of `row_cache.KEY`.
        """
        return RowCache(self.path, kind, name, row)

    def moments(self, ids: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        """Return the embeddings of songs' moments, float32 (n, 128) each, by id; pictures have none.

        Silent moments are NaN.
        """
        return self._catalogue.moments(ids, self.generation.network)

    def features(self, item: Item, backbone: Backbone) -> NDArray[np.float16]:
        """Return the stored features of an item, float16 (rows, width).

        Args:
            item: The item.
            backbone: Backbone that computed the features: that of the generation's network.

        Raises:
            LibraryError: The features are lost or damaged.
        """
        (features,) = self.find_features([item], backbone)
        if features is None:
            raise LibraryError(f"{self.path}: lost some features; `attune repair` computes them again")
        return features

    def find_features(self, items: Sequence[Item], backbone: Backbone) -> list[NDArray[np.float16] | None]:
        """Return the stored features of items, float16 (rows, width) each; None for those lost or damaged."""
        store = FeatureStore(self.path, backbone)
        return [store.read(item.feature_row, item.feature_rows, item.features_crc) for item in items]

    def item(self, item: int) -> EmbeddedItem | None:
        """Return an item by its id; None if this generation has no such item."""
        return self._catalogue.item(self.generation.id, item, self.generation.network)

    def find(self, stamp: Stamp) -> EmbeddedItem | None:
        """Return the item of a file that has not changed since the build, None if there is none."""
        return self._catalogue.find(self.generation.id, stamp, self.generation.network)

    def item_at(self, path: str) -> EmbeddedItem | None:
        """Return the item of an absolute path, whether or not its file is still the same; or None."""
        return self._catalogue.item_at(self.generation.id, path, self.generation.network)

    def has_size(self, size: int) -> bool:
        """Return whether any file in the library has this size in bytes; if not, it has no copy either."""
        return self._catalogue.has_size(self.generation.id, size)

    def find_copy(self, kind: Kind, content: bytes) -> EmbeddedItem | None:
        """Return an item of one kind with this content hash, None if there is none."""
        return self._catalogue.find_copy(self.generation.id, kind, content, self.generation.network)

    def roots(self) -> list[Root]:
        """Return the folders that the library follows, in path order."""
        return self._catalogue.roots()


def read_published_generation(path: Path) -> Generation | None:
    """Return the published generation; None if there is no library, or if nothing is published in it yet.

    Raises:
        LibraryError: The library exists and cannot be read.
    """
    catalogue = Catalogue.open(path)
    if catalogue is None:
        return None
    with catalogue:
        return catalogue.current_generation()


def read_status(path: Path) -> Status:
    """Return contents and size of a library; they are empty if it does not exist.

    Raises:
        LibraryError: The library exists and cannot be read.
    """
    catalogue = Catalogue.open(path)
    if catalogue is None:
        return Status(None, [], [], {}, [], 0)
    with catalogue:
        return Status(
            catalogue.current_generation(),
            catalogue.roots(),
            catalogue.exclusions(),
            catalogue.omissions(),
            catalogue.skipped(),
            _measure_size(path),
        )


def count_items_below(path: Path, folders: Sequence[str]) -> list[int]:
    """Return the number of pictures and songs of a library below each of some absolute folders.

    Raises:
        LibraryError: The library exists and cannot be read.
    """
    catalogue = Catalogue.open(path)
    if catalogue is None:
        return [0] * len(folders)
    with catalogue:
        generation = catalogue.current_generation()
        if generation is None:
            return [0] * len(folders)
        return [
            sum(len(catalogue.ids_below(generation.id, kind, [folder])) for kind in KINDS)
            for folder in folders
        ]


def _measure_size(library: Path) -> int:
    """Return the total size of a library's files, in bytes.

    Only the files that Attune writes are looked up. So the cost depends neither on the number of items nor on
    other files below the library's folder.
    """
    size = 0
    for path in _iter_files(library):
        try:
            size += path.stat().st_size
        except OSError:  # it does not exist, or a build has just replaced it
            continue
    return size


def _iter_files(library: Path) -> Iterator[Path]:
    """Yield the paths of a library's files; some of them may not exist."""
    for folder in (library, *library.glob(f"{DAMAGED_FOLDER}-*")):
        yield from (folder / name for name in _CATALOGUE_FILES)
    yield library / LOCK
    yield from (library / FEATURES).glob("*.f16")
    yield from (library / ROW_CACHES).glob("*.rows")
    for folder in (library / INDEXES).glob("[0-9]*"):
        yield from (folder / name for name in (*INDEX_FILES.values(), MANIFEST))
