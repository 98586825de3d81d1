"""Embeddings of a query's files: looked up in the library, or computed if the library does not have them."""

from __future__ import annotations

import contextlib
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import LibraryError, NothingPublished, UnreachableMedia, UsageError, escape_path
from attune.core.library_address import LibraryAddress
from attune.core.paths import absolute_path
from attune.core.reachability import stat_with_timeout
from attune.embedding.affect import Affect
from attune.embedding.backbones import Backbones
from attune.embedding.media_files import Kind, kind_of, refusal_reason
from attune.embedding.network import DEFAULT_NETWORK, Network, open_network
from attune.embedding.segments import Segments, embed_segments, embed_track, slice_features
from attune.indexer.library import LibraryReader
from attune.indexer.records import EmbeddedItem, Item, Stamp
from attune.retrieval.answers import QueryEntry

_COUNTER_WEIGHT = 0.5  # of the mean of the files that results should be less similar to
_NAMES: dict[Kind, str] = {"image": "a picture", "music": "music"}


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a song.

    Attributes:
        start_s: Its start in seconds; None: the beginning of the song.
        end_s: Its end in seconds; None: the end of the song.
    """

    start_s: float | None = None
    end_s: float | None = None

    @property
    def whole(self) -> bool:
        """Whether the part is the whole song."""
        return self.start_s is None and self.end_s is None


WHOLE_SONG = Span()


class NoReference(UsageError):  # noqa: N818 - named after the condition
    """A text of a query does not refer to any file."""


class MissingFile(NoReference):
    """A file of a query is not there, or its disk does not reply."""


@dataclass(frozen=True, slots=True)
class QueryItem:
    """A file of a query, with its embedding and affect.

    Attributes:
        path: Absolute path.
        kind: image or music.
        vector: float32 (128,), unit length, its embedding.
        affect: Its valence, arousal and polarity.
        missing: Whether the file is not there now, so that the library's record of it is used.
    """

    path: str
    kind: Kind
    vector: NDArray[np.float32]
    affect: Affect
    missing: bool = False

    @property
    def entry(self) -> QueryEntry:
        """The file as it appears in `query` of an answer."""
        return QueryEntry.from_affect(self.path, self.kind, self.affect, missing=self.missing)


@dataclass(frozen=True, slots=True)
class QueryFile:
    """The file to which a reference in a query points.

    Attributes:
        path: Absolute path, or the name of a file that is not on this disk.
        kind: image or music.
        item: The library's item of the file, None if it has none.
        on_disk: Whether `path` may be opened. The name of an upload must not be.
        missing: Whether the library has the file, but it is not there now or its disk does not reply.
    """

    path: str
    kind: Kind
    item: Item | None
    on_disk: bool = True
    missing: bool = False


class QuerySource(ABC):
    """Files of a query by reference: their embeddings, features and moments, each computed once.

    A subclass defines what a reference is (a path, an id) and how to find its file.

    Args:
        library: The library; None: every file is embedded.
        network: The network that embeds.
    """

    def __init__(self, library: LibraryReader | None, network: Network) -> None:
        self._library = library
        self._network = network
        self._files: dict[str, QueryFile] = {}
        self._items: dict[tuple[str, Span], QueryItem] = {}
        self._features: dict[str, NDArray[np.float16]] = {}
        self._moments: dict[str, Segments] = {}

    @cached_property
    def backbones(self) -> Backbones:
        """The network's backbones, for files that the library does not have and for explanations."""
        return Backbones(self._network.backbones, threads=os.cpu_count() or 1)

    @abstractmethod
    def _find_file(self, reference: str) -> QueryFile:
        """Return the file to which a reference points.

        Raises:
            UsageError: There is no such file.
            MediaError: The file cannot be used.
        """

    @abstractmethod
    def _extract_features(self, reference: str, file: QueryFile) -> NDArray[np.float16]:
        """Return features that the library does not have, or has lost.

        Raises:
            MediaError: The file cannot be used.
        """

    def file(self, reference: str) -> QueryFile:
        """Return the file to which a reference points.

        Raises:
            UsageError: There is no such file.
            MediaError: The file cannot be used.
        """
        if reference not in self._files:
            self._files[reference] = self._find_file(reference)
        return self._files[reference]

    def seed(self, reference: str, span: Span = WHOLE_SONG) -> QueryItem:
        """Return a file's embedding, of a song only the span.

        Raises:
            UsageError: There is no such file, or the song has nothing in this span.
            MediaError: The file cannot be used.
        """
        if (reference, span) not in self._items:
            self._items[reference, span] = self._embed(reference, span)
        return self._items[reference, span]

    def _embed(self, reference: str, span: Span) -> QueryItem:
        file = self.file(reference)
        if isinstance(file.item, EmbeddedItem) and (span.whole or file.kind == "image"):
            return QueryItem(file.path, file.kind, file.item.vector, file.item.affect, file.missing)
        features = self.features(reference)
        if file.kind == "image":
            embedded = self._network.embed("image", features)
        else:
            embedded = embed_track(self._network, slice_features(features, span.start_s, span.end_s))
        affect = Affect.from_row(embedded.affect[0])
        return QueryItem(file.path, file.kind, embedded.vectors[0], affect, file.missing)

    def moments(self, reference: str) -> Segments:
        """Return the moments of a song; silent ones are NaN.

        Raises:
            UsageError: There is no such file.
            MediaError: The file cannot be used.
        """
        if reference not in self._moments:
            self._moments[reference] = embed_segments(self._network, self.features(reference))
        return self._moments[reference]

    def features(self, reference: str) -> NDArray[np.float16]:
        """Return the backbone features of a file, float16 (rows, width).

        Raises:
            UsageError: There is no such file.
            MediaError: The file cannot be used.
        """
        if reference not in self._features:
            self._features[reference] = self._load_features(reference, self.file(reference))
        return self._features[reference]

    def item_features(self, item: Item) -> NDArray[np.float16]:
        """Return the backbone features of an item of the library.

        Raises:
            MediaError: They are lost, and the file cannot be used.
        """
        return self._load_features(item.path, QueryFile(item.path, item.kind, item))

    def _load_features(self, reference: str, file: QueryFile) -> NDArray[np.float16]:
        if file.item is not None and self._library is not None:
            with contextlib.suppress(LibraryError):
                return self._library.features(file.item, self._network.backbones[file.kind])
        if file.missing:
            raise UnreachableMedia(
                file.path, "not there now, and the library has lost its features; bring the file back"
            )
        return self._extract_features(reference, file)


class QueryResolver(QuerySource):
    """Query files by path; the library is asked first, and a file that it does not have is embedded.

    A file that is not there now, on a disk that is away for example, is answered for by the library.
    """

    def find_known(self, path: str) -> QueryItem | None:
        """Return a file's embedding if the library has it; the file is not decoded.

        Raises:
            MediaError: The file cannot be read.
        """
        try:
            item = self._find_item(path)
        except OSError as error:
            raise UnreachableMedia(path, f"cannot be read ({error.strerror})") from error
        if item is None:
            return None
        return QueryItem(absolute_path(path), item.kind, item.vector, item.affect)

    def _find_file(self, reference: str) -> QueryFile:
        path = absolute_path(reference)
        try:
            kind = media_kind(reference)
        except MissingFile:
            item = None if self._library is None else self._library.item_at(path)
            if item is None:
                raise
            return QueryFile(path, item.kind, item, missing=True)
        return QueryFile(path, kind, self._find_item(reference))

    def _extract_features(self, reference: str, file: QueryFile) -> NDArray[np.float16]:
        from attune.embedding.feature_extraction import extract

        return extract(Path(reference), file.kind, self.backbones).features

    def _find_item(self, path: str) -> EmbeddedItem | None:
        if self._library is None:
            return None
        status = Path(path).stat()
        item = self._library.find(Stamp(absolute_path(path), status.st_size, status.st_mtime_ns))
        if item is None and self._library.has_size(status.st_size):
            from attune.embedding.feature_extraction import hash_content

            item = self._library.find_copy(media_kind(path), hash_content(Path(path)))
        return item


def media_kind(path: str) -> Kind:
    """Return the kind of a file.

    Raises:
        MissingFile: It does not exist, or its disk does not reply.
        UsageError: It is a folder, or is of no type that Attune reads.
    """
    try:
        status = stat_with_timeout(path)
    except TimeoutError:
        raise MissingFile(f"{escape_path(path)}: its disk does not reply") from None
    except (OSError, ValueError):  # a broken link too, and a name that no file may have
        raise MissingFile(f"{escape_path(path)}: no such file") from None
    if stat.S_ISDIR(status.st_mode):
        raise UsageError(f"{escape_path(path)}: a folder; name a file")
    if (reason := refusal_reason(path)) is not None:
        raise UsageError(f"{escape_path(path)}: {reason}")
    kind = kind_of(path)
    if kind is None:
        raise UsageError(f"{escape_path(path)}: neither a picture nor music that Attune reads")
    return kind


def require_kind(paths: Sequence[str], wanted: Kind, other: str) -> None:
    """Make sure that all files are of one kind; of one that is not there now, its name tells the kind.

    Args:
        paths: The files.
        wanted: The kind that they must be of.
        other: The command or method that accepts the other kind, for the error message.

    Raises:
        UsageError: A file is of the other kind; the message names what accepts it.
    """
    for path in paths:
        try:
            kind = media_kind(path)
        except MissingFile:
            if (by_name := kind_of(path)) is None:
                raise
            kind = by_name
        if kind != wanted:
            raise UsageError(
                f"{escape_path(path)} is {_NAMES[kind]}, not {_NAMES[wanted]}; `{other}` takes it"
            )


def mean_vector(seeds: Sequence[QueryItem], against: Sequence[QueryItem] = ()) -> NDArray[np.float32]:
    """Return the query vector of several files, float32 (128,), unit length.

    Args:
        seeds: Files whose mean embedding, at unit length if `against` is given, is the query; at least one.
        against: Files of which half the mean embedding is subtracted.
    """
    total = np.mean([seed.vector for seed in seeds], axis=0, dtype=np.float64)
    if against:
        total /= max(float(np.linalg.norm(total)), 1e-12)
        total -= _COUNTER_WEIGHT * np.mean([seed.vector for seed in against], axis=0, dtype=np.float64)
    return np.asarray(total / max(float(np.linalg.norm(total)), 1e-12), np.float32)


def open_library(path: LibraryAddress, network: str | None) -> tuple[LibraryReader, Network]:
    """Open a library and the network with which it was built.

    Args:
        path: Where the library is kept.
        network: The network that the user requests; None: that of the library.

    Raises:
        LibraryError: There is no library, or it was built with another network than the requested one.
        UsageError: There is no such network.
    """
    library = LibraryReader(path)
    try:
        return library, _open_library_network(library, network)
    except BaseException:
        library.close()
        raise


def open_library_or_network(
    path: LibraryAddress, network: str | None
) -> tuple[LibraryReader | None, Network]:
    """Open a library and its network; without a library of the requested network, open the network alone.

    Args:
        path: Where the library is kept.
        network: The network that the user requests; None: that of the library, or else the default.

    Raises:
        LibraryError: The library cannot be opened.
        UsageError: There is no such network.
    """
    try:
        library = LibraryReader(path)
    except NothingPublished:
        return None, open_network(network or DEFAULT_NETWORK)
    try:
        opened = _open_library_network(library, None) if network is None else open_network(network)
    except BaseException:
        library.close()
        raise
    if opened.id == library.generation.network:
        return library, opened
    library.close()
    return None, opened


def _open_library_network(library: LibraryReader, requested: str | None) -> Network:
    source = requested or library.generation.network_source
    network = open_network(source)
    if network.id != library.generation.network:
        fix = "attune build-index" + ("" if source == DEFAULT_NETWORK else f" --network {source}")
        raise LibraryError(
            f"{library.path}: built with another network than {network.name}; "
            f"`{fix}` embeds it again, in seconds if both networks use the same backbones"
        )
    return network
