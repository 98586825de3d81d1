"""What a library stores about a media file, besides its features."""

from __future__ import annotations

from dataclasses import dataclass


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
    """

    content: bytes
    duration_s: float | None = None
    width: int | None = None
    height: int | None = None
    title: str | None = None
    artist: str | None = None
    taken: str | None = None
