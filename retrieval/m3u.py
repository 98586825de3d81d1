"""Songs as a playlist that players read: extended M3U, its paths relative to the playlist."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from core.artefacts import written_aside
from core.errors import AttuneError, printable
from core.paths import absolute
from retrieval.results import Result


def write_m3u(path: Path, songs: Sequence[Result]) -> list[str]:
    """Write a playlist in UTF-8; the bytes of odd paths stay as they are.

    Args:
        path: Where to.
        songs: In the order of the list.

    Returns:
        Paths that no playlist can name, for a line break in them; they are left out.

    Raises:
        AttuneError: The playlist cannot be written.
    """
    folder = absolute(path.parent)
    lines, left_out = [b"#EXTM3U"], []
    for song in songs:
        entry = os.fsencode(_relative(song.path, folder))
        if b"\n" in entry or b"\r" in entry:
            left_out.append(song.path)
            continue
        lines += [_described(song).encode("utf-8", "backslashreplace"), entry]
    try:
        with written_aside(path) as aside:
            aside.write_bytes(b"\n".join(lines) + b"\n")
    except OSError as error:
        raise AttuneError(f"{printable(path)}: cannot be written ({error.strerror})") from error
    return left_out


def _described(song: Result) -> str:
    seconds = -1 if song.duration_s is None else round(song.duration_s)
    name = song.title if song.artist is None else f"{song.artist} - {song.title or Path(song.path).stem}"
    return f"#EXTINF:{seconds},{name or printable(Path(song.path).stem)}"


def _relative(path: str, folder: str) -> str:
    try:
        relative = os.path.relpath(path, folder)
    except ValueError:  # on another drive
        return path
    return os.path.join(os.curdir, relative) if relative.startswith("#") else relative  # noqa: PTH118
