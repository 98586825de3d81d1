"""What a library stores about a media file, besides its features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FACTS_VERSION: Final = 1
"""Number of the rules by which facts are read. When it changes, the next build reads the facts of all files
again, without decoding them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFacts:
    """Facts about one media file, read together with its features.

    Attributes:
        content: SHA-256 of the file's bytes, 32 bytes.
        duration_s: Length of the whole recording in seconds; None for a picture.
        width: Width of the upright picture in pixels; None for music.
        height: Height of the upright picture in pixels; None for music.
        title: Title of music, where the file names it.
        artist: Artist of music, where the file names it.
        taken: Capture date of a picture in ISO 8601; None if the file has none.
        rating: Stars that somebody gave the file, 0 to 5, or -1 for rejected; None if nobody did.
        sidecar_mtime_ns: When the XMP file beside it was changed, nanoseconds since 1970; None without one.
    """

    content: bytes
    duration_s: float | None = None
    width: int | None = None
    height: int | None = None
    title: str | None = None
    artist: str | None = None
    taken: str | None = None
    rating: int | None = None
    sidecar_mtime_ns: int | None = None

    @property
    def display_name(self) -> str:
        """Artist and title, as far as they are known; may be empty."""
        return " – ".join(name for name in (self.artist, self.title) if name)


@dataclass(frozen=True, slots=True)
class CaptureFacts:
    """When a file was taken and how somebody rated it, as far as that is known.

    Attributes:
        taken: Local time in ISO 8601, to the second (`2023-07-14T18:20:05`), which sorts as text.
        rating: Stars, 0 to 5, or -1 for rejected.
    """

    taken: str | None = None
    rating: int | None = None

    def or_else(self, other: CaptureFacts) -> CaptureFacts:
        """Return these facts, each from `other` where it is not known."""
        return CaptureFacts(
            other.taken if self.taken is None else self.taken,
            other.rating if self.rating is None else self.rating,
        )


NO_FACTS: Final = CaptureFacts()
