"""Playlist entries of a soundtrack, with a comment before each chapter."""

from __future__ import annotations

from collections.abc import Iterator

from attune.retrieval.m3u import Track
from attune.retrieval.story.soundtrack import Soundtrack


def iter_tracks(soundtrack: Soundtrack) -> Iterator[Track]:
    """Yield the songs of all chapters, in order."""
    for number, chapter in enumerate(soundtrack.chapters, start=1):
        start = f"{chapter.photos[0].taken:%Y-%m-%d %H:%M}"
        note: str | None = f"Chapter {number}: {start}, {len(chapter.photos)} photos"
        for song, length in zip(chapter.songs, chapter.lengths_s, strict=True):
            yield Track(song, length, note)
            note = None
