"""The library that the server uses: its newest generation, replaced while older queries finish."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Iterator
from functools import cached_property

from attune.core.errors import AttuneError, LibraryError, escape_path, escape_text
from attune.core.library_address import LibraryAddress
from attune.embedding.backbones import Backbones
from attune.embedding.network import Network
from attune.indexer.library import LibraryReader, read_published_generation
from attune.indexer.records import Generation
from attune.retrieval.seeds import open_library
from attune.retrieval.web.item_search import ItemSearch

logger = logging.getLogger(__name__)


class LibrarySnapshot:
    """One generation of a library in use, with its network and its search by name.

    Args:
        library: The library, opened at this generation.
        network: The network for its embeddings.
    """

    def __init__(self, library: LibraryReader, network: Network) -> None:
        self.library = library
        self.network = network
        self.users = 0
        self.retired = False

    @cached_property
    def backbones(self) -> Backbones:
        """The network's backbones, which explanations run; loaded when they are first needed."""
        return Backbones(self.network.backbones, threads=os.cpu_count() or 1)

    @cached_property
    def item_search(self) -> ItemSearch:
        """Search of this generation's items by name."""
        return ItemSearch(self.library)

    def warm(self, before: LibrarySnapshot | None) -> None:
        """Load what many queries need; what has not changed since an earlier snapshot is taken over."""
        self.library.warm(None if before is None else before.library)


class LibraryHolder:
    """Holds the published generation of a library and follows new ones.

    Args:
        path: Where the library is kept; it need not exist yet.
        network: The network to use; None: the library's own.
    """

    def __init__(self, path: LibraryAddress, network: str | None) -> None:
        self.path = path
        self._network = network
        self._lock = threading.Lock()
        self._snapshot: LibrarySnapshot | None = None
        self.problem: str | None = None
        """Why the newest generation is not in use; None if it is, or if there is none."""

    @property
    def generation(self) -> int:
        """The number of the generation in use, 0 if there is none."""
        snapshot = self._snapshot
        return 0 if snapshot is None else snapshot.library.generation.id

    @contextlib.contextmanager
    def use(self) -> Iterator[LibrarySnapshot]:
        """Yield the generation in use; it stays open until the block ends.

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
                self._close_if_unused(snapshot)

    def refresh(self) -> bool:
        """Open the published generation if it is not the one in use.

        A library that cannot be opened leaves the generation in use as it is; `problem` says why, and the log
        has a warning.

        Returns:
            Whether another generation is in use now.
        """
        try:
            published = read_published_generation(self.path)
            if not self._differs(published):
                self.problem = None
                return False
            snapshot = None if published is None else self._open_snapshot()
        except AttuneError as error:
            problem = str(error)
            if problem != self.problem:  # the server tries again every few seconds
                logger.warning("%s: cannot be opened: %s", escape_path(self.path), escape_text(problem))
            self.problem = problem
            return False
        self.problem = None
        self._replace(snapshot)
        return True

    def close(self) -> None:
        """Close the generation in use as soon as its last query ends."""
        self._replace(None)

    def _open_snapshot(self) -> LibrarySnapshot:
        snapshot = LibrarySnapshot(*open_library(self.path, self._network))
        try:
            snapshot.warm(self._snapshot)
        except BaseException:
            snapshot.library.close()
            raise
        return snapshot

    def _differs(self, published: Generation | None) -> bool:
        snapshot = self._snapshot
        if snapshot is None or published is None:
            return snapshot is not None or published is not None
        # The whole record, not the number alone: a library that was rebuilt may have the same number again.
        return published != snapshot.library.generation

    def _replace(self, snapshot: LibrarySnapshot | None) -> None:
        with self._lock:
            old, self._snapshot = self._snapshot, snapshot
            if old is not None:
                old.retired = True
                self._close_if_unused(old)

    def _close_if_unused(self, snapshot: LibrarySnapshot) -> None:
        if snapshot.retired and not snapshot.users:
            snapshot.library.close()
