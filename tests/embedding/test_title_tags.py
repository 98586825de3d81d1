"""Titles and artists from every kind of tags."""

from __future__ import annotations

from pathlib import Path

import mutagen
import pytest
from mutagen.id3 import TIT2, TPE1

from attune.embedding.media_tags import Tags, read_tags
from attune.tests.media_factory import MUSIC_DAMAGE, MUSIC_SUFFIXES, damaged, song


@pytest.mark.parametrize("suffix", ["flac", "ogg", "opus", "mp3", "m4a", "wma", "wav", "aiff"])
def test_title_and_artist_of_every_kind(tmp_path: Path, suffix: str) -> None:
    path = song(tmp_path / f"a.{suffix}", 1)
    assert read_tags(path) == Tags()
    file = mutagen.File(path, easy=True)
    if suffix in ("wav", "aiff"):
        file.add_tags()
        file.tags.add(TIT2(encoding=3, text=["Élan"]))
        file.tags.add(TPE1(encoding=3, text=["One", "Two"]))
    else:
        title, artist = ("Title", "Author") if suffix == "wma" else ("title", "artist")
        file[title], file[artist] = ["Élan"], ["One", "Two"]
    file.save()
    found = read_tags(path)
    assert found.title == "Élan"
    assert found.artist is not None
    assert found.artist.replace("/", ", ") == "One, Two"


def test_text_is_made_printable_and_short(tmp_path: Path) -> None:
    path = song(tmp_path / "a.flac", 1)
    file = mutagen.File(path)
    file["title"], file["artist"] = ["A\x1b[31m\nB   C"], ["", "x" * 1000]
    file.save()
    tags = read_tags(path)
    assert tags.title == "A [31m B C"
    assert tags.artist == "x" * 300


def test_what_has_no_tags_gives_none(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("words")
    for path in (tmp_path / "a.txt", tmp_path, tmp_path / "missing.mp3", song(tmp_path / "a.aac", 1)):
        assert read_tags(path) == Tags()


@pytest.mark.parametrize("kind", MUSIC_DAMAGE)
def test_damaged_files_never_raise(tmp_path: Path, kind: str) -> None:
    for suffix in MUSIC_SUFFIXES:
        assert isinstance(read_tags(damaged(tmp_path / f"a.{suffix}", kind)), Tags)
