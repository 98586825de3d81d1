"""Records of the catalogue, as they are read and written."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final, get_args

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import format_reason
from attune.embedding.affect import Affect
from attune.embedding.media_facts import MediaFacts
from attune.embedding.media_files import Kind

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
FACTS: Final = tuple(fact.name for fact in fields(MediaFacts))
"""Names of the facts about a file, which are also the names of their columns."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Item(MediaFacts):
    """One picture or song in one generation of a library, with the facts about its file.

    Attributes:
        id: Key in the catalogue and in the FAISS files.
        kind: image or music.
        path: Absolute path.
        affect: Its valence, arousal and polarity probabilities.
        feature_row: First row of its features in the feature store of its backbone.
        feature_rows: Number of its rows there.
        features_crc: CRC-32 of its features.
    """

    id: int
    kind: Kind
    path: str
    affect: Affect
    feature_row: int
    feature_rows: int
    features_crc: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedItem(Item):
    """An item with its embedding.

    Attributes:
        vector: float32 (128,), unit length.
    """

    vector: NDArray[np.float32] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file of the catalogue, as far as a build compares it with the disk.

    Attributes:
        id: Id of the item.
        stamp: Path, size and modification time of the file when it was read.
        kind: image or music.
        content: Hash of its bytes.
        backbone: Id of the backbone that computed its features.
        sidecar_mtime_ns: Modification time of the XMP file beside it; None without one.
        facts_version: Number of the rules by which its facts were read; None: older ones than any number.
    """

    id: int
    stamp: Stamp
    kind: Kind
    content: bytes
    backbone: str
    sidecar_mtime_ns: int | None = None
    facts_version: int | None = None


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

    def count(self, kind: Kind) -> int:
        """Return the number of its items of one kind."""
        return self.images if kind == "image" else self.music


@dataclass(frozen=True, slots=True)
class Selection:
    """Conditions on the items of a library that its catalogue can decide.

    Attributes:
        below: Absolute folders, in one of which a file must be; empty: any folder.
        taken: Earliest date of capture, and the first that is too late, each as ISO 8601 or a prefix of it
            (`2023`, `2023-07`); None in place of a date: no bound. None: any date, known or not.
        rating: The least number of stars; None: any rating, known or not.
    """

    below: tuple[str, ...] = ()
    taken: tuple[str | None, str | None] | None = None
    rating: int | None = None


EVERYTHING: Final = Selection()


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
        follow_links: Whether symbolic links below it are followed.
        unreachable: Why the last build did not find its files, so that the known ones are kept; or None.
        mounts: Folders on other file systems that the last build saw below it.
    """

    path: str
    follow_links: bool = False
    unreachable: str | None = None
    mounts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CatalogueRecovery:
    """What was recovered from a broken catalogue.

    Attributes:
        items: Number of recovered items.
        roots: Followed folders whose rows were lost and that were inferred from the paths of the items; there
            may have been others.
        kept_at: Folder to which the broken catalogue was moved; None if its file was missing.
    """

    items: int
    roots: list[str]
    kept_at: Path | None
