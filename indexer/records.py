"""Records that are read from the catalogue."""

from __future__ import annotations

from dataclasses import dataclass

from attune.core.errors import format_reason
from attune.embedding.media_files import Kind
from attune.embedding.network import Affect


@dataclass(frozen=True, slots=True)
class Stamp:
    """Path, size in bytes and modification time of a file: a cheap test of whether it is still the same.

    Attributes:
        path: Absolute path.
        size: Bytes.
        mtime_ns: Modification time, nanoseconds since 1970.
    """

    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Item:
    """One picture or song in one generation of a library.

    Attributes:
        id: Key in the catalogue and in the FAISS files.
        kind: image or music.
        path: Absolute path.
        affect: Its valence, arousal and polarity probabilities.
        duration_s: Seconds of music, None for a picture.
        title: From the tags, if any.
        artist: From the tags, if any.
        taken: Capture date of a picture, ISO 8601 in the camera's local time, if its file has one.
        feature_row: First row of its features in the feature store of its backbone.
        feature_rows: Number of its rows there.
        features_crc: CRC-32 of its features; None if they were lost.
        width: Pixels of the upright picture, None for music.
        height: Pixels of the upright picture, None for music.
    """

    id: int
    kind: Kind
    path: str
    affect: Affect
    duration_s: float | None
    title: str | None
    artist: str | None
    taken: str | None
    feature_row: int
    feature_rows: int
    features_crc: int | None
    width: int | None
    height: int | None


@dataclass(frozen=True, slots=True)
class Generation:
    """One complete state of a library.

    Attributes:
        id: Number of the generation, from 1.
        network: Id of the network that embedded its items.
        network_source: Folder of the network, or the name of a shipped one.
        images: Number of pictures.
        music: Number of songs.
        published_at: Seconds since 1970.
    """

    id: int
    network: str
    network_source: str
    images: int
    music: int
    published_at: float


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file that is not in the library.

    Attributes:
        path: Absolute path.
        reason: Why the file cannot be used.
    """

    path: str
    reason: str

    def __str__(self) -> str:
        return format_reason(self.path, self.reason)


@dataclass(frozen=True, slots=True)
class Root:
    """A folder (or a single file) that the library follows.

    Attributes:
        path: Absolute path.
        exclude: Globs of files and folders below it that are left out.
        follow_links: Whether symbolic links below it are followed.
    """

    path: str
    exclude: tuple[str, ...] = ()
    follow_links: bool = False
