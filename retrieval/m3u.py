"""Playlists of songs: extended M3U with paths relative to the playlist."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from attune.core.atomic_files import atomic_write
from attune.core.errors import AttuneError, escape_path, escape_text
from attune.core.paths import absolute_path
from attune.retrieval.answers import Answer


@dataclass(frozen=True, slots=True)
class Track:
    """One entry of a playlist.

    Attributes:
        song: The song.
        seconds: Its length in seconds; None if unknown.
        note: A comment before the entry, which players ignore.
    """

    song: Answer
    seconds: float | None
    note: str | None = None


def write_m3u(path: Path, tracks: Iterable[Track]) -> list[str]:
    """Write a playlist in UTF-8; paths that are not UTF-8 keep their bytes.

    Args:
        path: The playlist file.
        tracks: The entries, in order.

    Returns:
        Paths that are left out, because a path with a line break cannot be an entry.

    Raises:
        AttuneError: The playlist cannot be written.
    """
    folder = absolute_path(path.parent)
    lines, left_out = [b"#EXTM3U"], []
    for track in tracks:
        entry = os.fsencode(_relative(track.song.path, folder))
        if b"\n" in entry or b"\r" in entry:
            left_out.append(track.song.path)
            continue
        if track.note is not None:
            lines.append(f"# {escape_text(track.note)}".encode())
        lines += [_format_track(track).encode("utf-8", "backslashreplace"), entry]
    try:
        with atomic_write(path) as temporary:
            temporary.write_bytes(b"\n".join(lines) + b"\n")
    except OSError as error:
        raise AttuneError(f"{escape_path(path)}: cannot be written ({error.strerror})") from error
    return left_out


def _format_track(track: Track) -> str:
    seconds = -1 if track.seconds is None else round(track.seconds)
    # Players split artist and title at a hyphen between spaces.
    title = " - ".join(part for part in (track.song.artist, track.song.title) if part)
    name = escape_text(title) or escape_path(Path(track.song.path).stem)
    return f"#EXTINF:{seconds},{name}"


def _relative(path: str, folder: str) -> str:
    try:
        relative = os.path.relpath(path, folder)
    except ValueError:  # on another drive
        return path
    return os.path.join(os.curdir, relative) if relative.startswith("#") else relative  # noqa: PTH118
