"""Titles, artists and ratings from every kind of tags."""

from __future__ import annotations

import struct
from pathlib import Path

import mutagen
import mutagen.id3
import pytest
from mutagen.id3 import TIT2, TPE1

from attune.embedding.capture_facts import read_capture_facts
from attune.embedding.media_facts import CaptureFacts
from attune.embedding.media_tags import Tags, read_tags
from attune.tests.media_factory import MUSIC_DAMAGE, MUSIC_SUFFIXES, damaged, song, xmp


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


def write_latin1(path: Path, encoding: str, **texts: str) -> Path:
    """Write ID3v2.3 frames that claim to be Latin-1 and hold another encoding."""
    tags = mutagen.id3.ID3()
    for name, text in texts.items():
        frame = getattr(mutagen.id3, name)
        tags.add(frame(encoding=0, text=[text.encode(encoding).decode("latin-1")]))
    tags.save(path, v2_version=3)
    return path


@pytest.mark.parametrize(
    ("encoding", "title", "artist"),
    [
        ("cp1251", "Группа крови", "Кино"),
        ("cp932", "千本桜", "初音ミク"),
        ("gbk", "青花瓷", "周杰伦"),
        ("euc-kr", "벚꽃 엔딩", "버스커"),
        ("utf-8", "Élan", "Nightwish"),
        ("cp1252", "Ace of Spades", "Motörhead"),
        ("cp1252", "Don’t", "Beyoncé"),  # noqa: RUF001
    ],
)
def test_id3_that_claims_to_be_latin_1_is_shown_as_meant(
    tmp_path: Path, encoding: str, title: str, artist: str
) -> None:
    path = write_latin1(song(tmp_path / "a.mp3", 1), encoding, TIT2=title, TPE1=artist)
    assert read_tags(path) == Tags(title, artist)


def test_short_titles_are_decoded_with_the_other_texts(tmp_path: Path) -> None:
    path = write_latin1(song(tmp_path / "a.mp3", 1), "cp1251", TIT2="Ты", TPE1="ДДТ", TALB="Актриса Весна")
    assert read_tags(path) == Tags("Ты", "ДДТ")


def test_the_version_of_id3_without_encodings(tmp_path: Path) -> None:
    path = song(tmp_path / "a.mp3", 1)
    fields = [text.encode("cp1251").ljust(30, b"\0") for text in ("Группа крови", "Кино", "Альбом")]
    path.write_bytes(path.read_bytes() + b"TAG" + b"".join(fields) + b"1988" + bytes(30) + b"\x0c")
    assert read_tags(path) == Tags("Группа крови", "Кино")


@pytest.mark.parametrize("place", ["before the sound", "behind it"])
def test_the_info_chunk_of_a_wav_file(tmp_path: Path, place: str) -> None:
    path = song(tmp_path / "a.wav", 1)
    entries = b"".join(
        name + struct.pack("<I", len(text) + 1) + text + b"\0" + bytes((len(text) + 1) % 2)
        for name, text in ((b"INAM", "Группа крови".encode("cp1251")), (b"IART", "Кино".encode("cp1251")))
    )
    chunk = b"LIST" + struct.pack("<I", len(entries) + 4) + b"INFO" + entries
    body = path.read_bytes()[12:]
    body = chunk + body if place == "before the sound" else body + chunk
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body)
    assert read_tags(path) == Tags("Группа крови", "Кино")


@pytest.mark.parametrize(
    ("suffix", "key", "value", "stars"),
    [
        ("flac", "RATING", "4", 4),
        ("flac", "RATING", "80", 4),
        ("flac", "RATING", "0.8", 4),
        ("flac", "RATING", "many", None),
        ("flac", "RATING", "nan", None),
        ("flac", "RATING", "0", None),
        ("ogg", "FMPS_RATING", "0.6", 3),
        ("ogg", "FMPS_RATING", "1e999", None),
        ("m4a", "----:com.apple.iTunes:RATING", b"100", 5),
        ("wma", "WM/SharedUserRating", "75", 4),
    ],
)
def test_ratings_in_tags(tmp_path: Path, suffix: str, key: str, value: object, stars: int | None) -> None:
    path = song(tmp_path / f"a.{suffix}", 1)
    file = mutagen.File(path)
    file[key] = [value]
    file.save()
    assert read_tags(path).rating == stars


@pytest.mark.parametrize(
    ("value", "stars"), [(0, None), (1, 1), (64, 2), (128, 3), (196, 4), (242, 5), (255, 5)]
)
def test_the_popularimeter_of_id3(tmp_path: Path, value: int, stars: int | None) -> None:
    path = song(tmp_path / "a.mp3", 1)
    tags = mutagen.id3.ID3()
    tags.add(mutagen.id3.POPM(email="Windows Media Player 9 Series", rating=value, count=0))
    tags.save(path)
    assert read_tags(path).rating == stars
    assert read_capture_facts(path, "music") == CaptureFacts(None, stars)


def test_the_sidecar_of_a_song_counts_first(tmp_path: Path) -> None:
    path = song(tmp_path / "a.flac", 1)
    file = mutagen.File(path)
    file["RATING"] = ["4"]
    file.save()
    (tmp_path / "a.flac.xmp").write_bytes(xmp({"xmp:Rating": "2", "exif:DateTimeOriginal": "2019-07-04"}))
    assert read_capture_facts(path, "music") == CaptureFacts(None, 2)
