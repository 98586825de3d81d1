"""Read access to a library: one published generation, complete and unchanging until it is closed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import LibraryError, NothingPublished, escape_path
from attune.core.exclusions import Exclusion
from attune.core.library_address import LibraryAddress
from attune.embedding.backbones import Backbone
from attune.embedding.media_files import Kind
from attune.indexer.embedding_search import VectorSearch
from attune.indexer.feature_store import FeatureStore
from attune.indexer.library_store import open_store
from attune.indexer.records import (
    EVERYTHING,
    KINDS,
    EmbeddedItem,
    Generation,
    Item,
    Root,
    Selection,
    SkippedFile,
    Stamp,
)
from attune.indexer.row_cache import RowCache

logger = logging.getLogger(__name__)


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
        path: Where the library is: a folder or a database.

    Attributes:
        path: Where the library is.
        generation: The generation that was published when the library was opened.
        derived: What callers computed from it and keep as long as it is open, by a name of their own.

    Raises:
        LibraryError: There is no library, nothing is published in it, or it cannot be read.
    """

    def __init__(self, path: LibraryAddress) -> None:
        self.path = path
        self._store = open_store(path)
        catalogue = self._store.open_catalogue()
        if catalogue is None:
            raise _no_library(path)
        self._catalogue = catalogue
        self.derived: dict[str, Any] = {}
        self._searches: dict[Kind, VectorSearch] = {}
        self._places: dict[Kind, tuple[NDArray[np.int64], NDArray[np.float64]]] = {}
        try:
            self.generation, self._lease = self._store.lease(catalogue)
            logger.debug("opened %s, generation %d", escape_path(path), self.generation.id)
        except BaseException:
            self._catalogue.close()
            raise

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

    def search(self, kind: Kind) -> VectorSearch:
        """Return the search among the items of one kind: the same object as long as the library is open."""
        if kind not in self._searches:
            self._searches[kind] = self._store.open_search(self._catalogue, self.generation, kind)
        return self._searches[kind]

    def warm(self, before: LibraryReader | None = None) -> None:
        """Load what many queries need, so that each is fast.

        Args:
            before: An earlier generation of the library that was warmed; what has not changed is taken over.
        """
        for kind in KINDS:
            known = None if before is None else before._searches.get(kind)
            self._searches[kind] = self._store.load_search(self._catalogue, self.generation, kind, known)
            self.places(kind)

    def is_exact(self, kind: Kind, selection: Selection = EVERYTHING) -> bool:
        """Return whether `nearest` misses no item of one kind that fulfils the conditions."""
        return self.search(kind).is_exact(selection)

    def nearest(
        self,
        kind: Kind,
        query: NDArray[np.float32],
        limit: int,
        selection: Selection = EVERYTHING,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the items of one kind with the largest inner products with an embedding.

        Unless `is_exact`, one in a thousand of the best ten may be missed. The inner products are always
        exact. Items with equal ones are ordered by id.

        Args:
            kind: image or music.
            query: float32 (128,).
            limit: Maximum number of results.
            selection: Conditions on the results.

        Returns:
            ids and inner products, best first.
        """
        return self.search(kind).nearest(query, limit, selection)

    def ids(self, kind: Kind, selection: Selection = EVERYTHING) -> NDArray[np.int64]:
        """Return the ids of the items of one kind that fulfil the conditions, int64 (n,), ascending."""
        return self._catalogue.ids(self.generation.id, kind, selection)

    def has_any(self, kind: Kind, selection: Selection) -> bool:
        """Return whether any item of one kind fulfils the conditions."""
        return self._catalogue.has_any(self.generation.id, kind, selection)

    def count_undated(self) -> int:
        """Return the number of pictures whose date of capture is unknown."""
        return self._catalogue.count_undated(self.generation.id)

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
        return RowCache(self._store.folder, kind, name, row)

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
            raise LibraryError(f"{self.path}: {self._store.explain_lost_features()}")
        return features

    def find_features(self, items: Sequence[Item], backbone: Backbone) -> list[NDArray[np.float16] | None]:
        """Return the stored features of items, float16 (rows, width) each; None for those lost or damaged."""
        store = FeatureStore(self._store.folder, backbone)
        return [store.read(item.feature_row, item.feature_rows, item.features_crc) for item in items]

    def describe_absent_features(self) -> str | None:
        """Return where the features are, as the end of a sentence; None if this machine has them."""
        return None if self._store.has_features() else self._store.explain_lost_features()

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


def read_published_generation(path: LibraryAddress) -> Generation | None:
    """Return the published generation; None if there is no library, or if nothing is published in it yet.

    Raises:
        LibraryError: The library exists and cannot be read.
    """
    catalogue = open_store(path).open_catalogue()
    if catalogue is None:
        return None
    with catalogue:
        return catalogue.current_generation()


def read_status(path: LibraryAddress) -> Status:
    """Return contents and size of a library; they are empty if it does not exist.

    Raises:
        LibraryError: The library exists and cannot be read.
    """
    store = open_store(path)
    catalogue = store.open_catalogue()
    if catalogue is None:
        return Status(None, [], [], {}, [], 0)
    with catalogue:
        return Status(
            catalogue.current_generation(),
            catalogue.roots(),
            catalogue.exclusions(),
            catalogue.omissions(),
            catalogue.skipped(),
            store.measure_size(catalogue),
        )


def count_items_below(path: LibraryAddress, folders: Sequence[str]) -> list[int]:
    """Return the number of pictures and songs of a library below each of some absolute folders.

    Raises:
        LibraryError: The library exists and cannot be read.
    """
    catalogue = open_store(path).open_catalogue()
    if catalogue is None:
        return [0] * len(folders)
    with catalogue:
        generation = catalogue.current_generation()
        if generation is None:
            return [0] * len(folders)
        return [
            sum(catalogue.count(generation.id, kind, Selection(below=(folder,))) for kind in KINDS)
            for folder in folders
        ]


def _no_library(path: LibraryAddress) -> NothingPublished:
    return NothingPublished(f"{path}: no library here; make one with `attune build-index FOLDER`")
