"""The library that is served: the newest generation, swapped while questions to the older one end."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from attune.core.errors import AttuneError, LibraryError
from attune.embedding.media_files import Kind
from attune.embedding.network import Network
from attune.indexer.library import Library, read_published_generation
from attune.indexer.records import Generation
from attune.retrieval.seeds import open_library
from attune.retrieval.web.item_search import ItemSearch

_KINDS: tuple[Kind, Kind] = ("image", "music")


class LibrarySnapshot:
    """One generation in use: a library, its network, and what is looked up in it again and again."""

    def __init__(self, library: Library, network: Network) -> None:
        self.library = library
        self.network = network
        self.users = 0
        self.retired = False

    @cached_property
    def item_search(self) -> ItemSearch:
        """What has which name."""
        return ItemSearch(self.library)

    def warm(self) -> None:
        """Read what the first questions need."""
        for kind in _KINDS:
            self.library.index(kind)
            self.library.affect(kind)


class LibraryHolder:
    """Holds the published generation of a library and follows new ones.

    Args:
        path: The library's folder; it need not exist yet.
        network: The network that was asked for, None: the library's own.
    """

    def __init__(self, path: Path, network: str | None) -> None:
        self.path = path
        self._network = network
        self._lock = threading.Lock()
        self._snapshot: LibrarySnapshot | None = None
        self.problem: str | None = None
        """Why the newest generation is not served, None where all is well."""

    @property
    def generation(self) -> int:
        """The number of the generation that is served, 0 where there is none."""
        snapshot = self._snapshot
        return 0 if snapshot is None else snapshot.library.generation.id

    @contextlib.contextmanager
    def use(self) -> Iterator[LibrarySnapshot]:
        """Give the generation that is served now; it stays whole until the block ends.

        Raises:
            LibraryError: There is none.
        """
        with self._lock:
            snapshot = self._snapshot
            if snapshot is None:
                raise LibraryError(
                    self.problem
                    or f"{self.path}: no library here yet; make one with `attune build-index FOLDER`"
                )
            snapshot.users += 1
        try:
            yield snapshot
        finally:
            with self._lock:
                snapshot.users -= 1
                self._close_if_done(snapshot)

    def refresh(self) -> bool:
        """Open the published generation if it is another than the one that is served.

        Returns:
            Whether it was. A library that cannot be opened leaves the old one in place; `problem` says why.
        """
        try:
            current = read_published_generation(self.path)
            if not self._differs(current):
                return False
            fresh = None if current is None else LibrarySnapshot(*open_library(self.path, self._network))
            if fresh is not None:
                fresh.warm()
        except AttuneError as error:
            self.problem = str(error)
            return False
        self.problem = None
        self._swap(fresh)
        return True

    def close(self) -> None:
        """Serve nothing any more."""
        self._swap(None)

    def _differs(self, current: Generation | None) -> bool:
        snapshot = self._snapshot
        if snapshot is None or current is None:
            return snapshot is not None or current is not None
        # A library that was made anew may have the same number again.
        return current != snapshot.library.generation

    def _swap(self, fresh: LibrarySnapshot | None) -> None:
        with self._lock:
            old, self._snapshot = self._snapshot, fresh
            if old is not None:
                old.retired = True
                self._close_if_done(old)

    def _close_if_done(self, snapshot: LibrarySnapshot) -> None:
        if snapshot.retired and not snapshot.users:
            snapshot.library.close()
