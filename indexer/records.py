"""What the catalogue hands out."""

from __future__ import annotations

from dataclasses import dataclass

from attune.core.errors import format_reason
from attune.embedding.media_files import Kind
from attune.embedding.network import Affect


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells cheaply that a file is still the same: path, size in bytes, modification time."""

    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Item:
    """One picture or song of a library, as one generation sees it.

    Attributes:
        id: Key in the catalogue and in the FAISS files.
        kind: image or music.
        path: Absolute path.
        affect: What it feels like.
        duration_s: Seconds of music, None for a picture.
        title: From the tags, if any.
        artist: From the tags, if any.
        taken: When a picture was taken, ISO 8601 in the camera's local time, if its file says so.
        feature_row: First row in the store of its backbone's features.
        feature_rows: How many rows it has there.
        features_crc: Their checksum.
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
    """One complete state of a library."""

    id: int
    network: str
    network_source: str
    images: int
    music: int
    published_at: float


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file that is not in the library, and why."""

    path: str
    reason: str

    def __str__(self) -> str:
        return format_reason(self.path, self.reason)


@dataclass(frozen=True, slots=True)
class Root:
    """A folder (or a single file) that the library follows.

    Attributes:
        path: Absolute.
        exclude: Globs left out below it.
        follow_links: Whether symbolic links below it are followed.
    """

    path: str
    exclude: tuple[str, ...] = ()
    follow_links: bool = False
