"""Playlists of songs: extended M3U with paths relative to the playlist."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from attune.core.atomic_files import atomic_write
from attune.core.errors import AttuneError, escape_path, escape_text
from attune.core.paths import absolute_path
from attune.retrieval.answers import Answer

_MISREAD = re.compile(r"[#\s]|[A-Za-z][A-Za-z0-9+.-]*:")  # a comment, blanks that are stripped, a URL


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


def write_m3u(path: Path, tracks: Iterable[Track]) -> None:
    """Write a playlist in UTF-8.

    A path that no line of text can hold, because of a line break, a trailing blank or bytes that are not
    UTF-8, is written as a `file:` URI, which players know too.

    Args:
        path: The playlist file.
        tracks: The entries, in order.

    Raises:
        AttuneError: The playlist cannot be written.
    """
    folder = absolute_path(path.parent)
    lines = ["#EXTM3U"]
    for track in tracks:
        if track.note is not None:
            lines.append(f"# {escape_text(track.note)}")
        lines += [_format_track(track), _format_entry(track.song.path, folder)]
    try:
        with atomic_write(path) as temporary:
            temporary.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    except OSError as error:
        raise AttuneError(f"{escape_path(path)}: cannot be written ({error.strerror})") from error


def _format_track(track: Track) -> str:
    seconds = -1 if track.seconds is None else round(track.seconds)
    # Players split artist and title at a hyphen between spaces.
    title = " - ".join(part for part in (track.song.artist, track.song.title) if part)
    name = escape_text(title) or escape_path(Path(track.song.path).stem)
    return f"#EXTINF:{seconds},{name}"


def _format_entry(path: str, folder: str) -> str:
    """Return the line by which a player finds a file from the playlist's folder."""
    if not _is_line(path):
        return "file://" + quote(os.fsencode(path))
    try:
        relative = os.path.relpath(path, folder)
    except ValueError:  # on another drive
        return path
    if not _is_line(relative):  # the playlist's own folder, or one above it, has such a name
        return "file://" + quote(os.fsencode(path))
    return os.path.join(os.curdir, relative) if _MISREAD.match(relative) else relative  # noqa: PTH118


def _is_line(path: str) -> bool:
    """Return whether a path survives as a line of a text file in UTF-8."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:  # it has bytes that are not UTF-8
        return False
    return path.rstrip() == path and len(path.splitlines()) == 1
