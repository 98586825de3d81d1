"""Playlists as players read them: extended M3U, UTF-8, paths relative to the file."""

from __future__ import annotations

import os
from pathlib import Path

from core.artefacts import written_aside
from core.errors import printable_text
from retrieval.story.soundtrack import Soundtrack


def write_m3u(soundtrack: Soundtrack, path: Path) -> None:
    """Write a playlist; a comment begins each chapter.

    Raises:
        OSError: It cannot be written.
    """
    folder = path.absolute().parent
    lines = ["#EXTM3U"]
    for number, chapter in enumerate(soundtrack.chapters, start=1):
        lines.append(
            f"# Chapter {number}: {chapter.photos[0].taken:%Y-%m-%d %H:%M}, {len(chapter.photos)} photos"
        )
        for song, length in zip(chapter.songs, chapter.lengths_s, strict=True):
            name = printable_text(song.named) or printable_text(Path(song.path).stem)
            lines += [f"#EXTINF:{round(length)},{name}", _relative(song.path, folder)]
    with written_aside(path) as aside:
        aside.write_bytes(os.fsencode("\n".join(lines) + "\n"))


def _relative(path: str, folder: Path) -> str:
    try:
        name = os.path.relpath(path, folder)
    except ValueError:  # on another drive of Windows
        return path
    return f"./{name}" if name.startswith("#") else name
