"""Write a playlist for an album of photos: for each photo the songs that feel like it, each song once.

python examples/album_playlist.py samples/photos samples/music playlist.m3u
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import attune


def choose_songs(library: attune.Library, photos: list[Path], per_photo: int) -> list[attune.Answer]:
    """Return songs in the order of the photos; a song that was chosen before is not chosen again."""
    chosen: dict[str, attune.Answer] = {}
    for photo in photos:
        answers = library.find_music(photo, limit=len(chosen) + per_photo)
        new = [answer for answer in answers if answer.path not in chosen]
        chosen |= {answer.path: answer for answer in new[:per_photo]}
    return list(chosen.values())


def write_playlist(path: Path, songs: list[attune.Answer]) -> None:
    """Write an M3U playlist with paths relative to it."""
    lines = ["#EXTM3U"]
    for song in songs:
        name = " - ".join(part for part in (song.artist, song.title) if part) or Path(song.path).stem
        lines += [f"#EXTINF:{round(song.duration_s or -1)},{name}"]
        lines += [os.path.relpath(song.path, path.absolute().parent)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Read the arguments, build the library in `.cache/album`, write the playlist."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("album", type=Path, help="folder of photos")
    parser.add_argument("music", type=Path, help="folder of songs")
    parser.add_argument("playlist", type=Path, help="file to write")
    parser.add_argument("--per-photo", type=int, default=1, help="songs for each photo")
    arguments = parser.parse_args()

    with attune.build(arguments.music, library=".cache/album") as library:
        photos = sorted(path for path in arguments.album.iterdir() if path.suffix.lower() in {".jpg", ".png"})
        songs = choose_songs(library, photos, arguments.per_photo)
    write_playlist(arguments.playlist, songs)
    print(f"{len(songs)} songs for {len(photos)} photos in {arguments.playlist}")


main()
