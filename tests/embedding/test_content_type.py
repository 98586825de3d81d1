"""Media that is recognised by its first bytes, where the name does not tell."""

from __future__ import annotations

import os
import pickle
import sqlite3
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune.embedding.content_type import HEAD_BYTES, describe_unnamed, recognise
from attune.embedding.media_files import kind_of
from attune.tests.media_factory import IMAGE_SUFFIXES, MUSIC_SUFFIXES, multitrack, photo, song

# Beginnings of files that are not media, and look like it at first sight.
OTHERS = (
    *(
        "BMW drivers in Munich",
        "MAC addresses of the office",
        "ID3 tags are at the start",
        "GIF89a is a format",
    ),
    *(
        "II. The second chapter of the book",
        "RIFF and rill, said the",
        "MP+ is short for",
        "TTA1 is a lossless",
    ),
    *("DSD is one bit", "FLV is dead", "OggS is the magic", "fLaC is the magic", "caffeine is good for you"),
    *("wvpk is the magic", ".sndfile", "the ftyp box", "the moov atom", "the mdat atom", "MThd is a chunk"),
    *(
        "8BPS is Photoshop",
        "import os\n",
        "import { Component } from '@angular/core';",
        "G",
        "<html>",
        "%PDF-1.4",
    ),
)
BINARIES = (
    *(
        b"\x7fELF\x02\x01\x01",
        b"MZ\x90\x00",
        b"\xca\xfe\xba\xbe\x00\x00\x00\x34",
        b"\xd0\xcf\x11\xe0\xa1\xb1",
    ),
    *(
        b"\x00\x00\x00\x01Bud1",
        b"SQLite format 3\x00",
        b"\x1f\x8b\x08\x00",
        b"PK\x03\x04\x14",
        b"7z\xbc\xaf'\x1c",
    ),
    *(
        b"\x93NUMPY\x01\x00v\x00{",
        b"DIRC\x00\x00\x00\x02",
        b"\xff" * 60,
        b"\x00" * 60,
        b"L\x00\x00\x00\x01\x14",
    ),
)


@pytest.mark.parametrize("suffix", IMAGE_SUFFIXES)
def test_a_picture_without_a_suffix(tmp_path: Path, suffix: str) -> None:
    path = photo(tmp_path / f"a.{suffix}", 1).rename(tmp_path / "IMG_1234")
    assert_renaming_helps(path, "image")


@pytest.mark.parametrize("suffix", [*MUSIC_SUFFIXES, "caf", "wv", "au"])
def test_music_without_a_suffix(tmp_path: Path, suffix: str) -> None:
    path = song(tmp_path / f"a.{suffix}", 1).rename(tmp_path / "track 01")
    assert_renaming_helps(path, "music")


def assert_renaming_helps(path: Path, kind: str) -> None:
    reason = describe_unnamed(path)
    assert reason is not None
    assert "by its content, not by its name: rename it to end in ." in reason
    suffix = reason.split("end in .")[1].split(",")[0]
    assert kind_of(f"a.{suffix}") == kind


def test_the_suffix_is_the_format(tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg", 1).rename(tmp_path / "a.xyzw")
    reason = describe_unnamed(tmp_path / "a.xyzw")
    assert reason == "a JPEG picture by its content, not by its name: rename it to end in .jpg"
    song(tmp_path / "b.opus", 1).rename(tmp_path / "b.1")
    assert describe_unnamed(tmp_path / "b.1") == (
        "Opus music by its content, not by its name: rename it to end in .opus"
    )


@pytest.mark.parametrize(("suffix", "word"), [("m4a", "MP4"), ("mka", "Matroska"), ("weba", "WebM")])
def test_a_video_without_a_suffix_is_said_to_be_one(tmp_path: Path, suffix: str, word: str) -> None:
    path = multitrack(tmp_path / f"a.{suffix}", [(440.0, 1.0)], video=True).rename(tmp_path / "clip")
    reason = describe_unnamed(path)
    assert reason is not None
    assert word in reason
    assert "video by its content, which is not read" in reason


def test_an_unfinished_download_is_said_to_be_one(tmp_path: Path) -> None:
    for name in ("a.jpg.part", "a.jpg.crdownload"):
        path = photo(tmp_path / "a.jpg", 1).rename(tmp_path / name)
        assert describe_unnamed(path) == "an unfinished or temporary file: a JPEG picture by its content"
    (tmp_path / "b.zip.part").write_bytes(b"PK\x03\x04" + bytes(60))
    assert describe_unnamed(tmp_path / "b.zip.part") is None


@pytest.mark.parametrize(
    "name", ["a.jpg", "a.mp3", "a.MP4", "a.html", "a.py", "a.zip", "a.pdf", "a.exe", "a.wvc"]
)
def test_a_file_of_a_known_suffix_is_not_opened(tmp_path: Path, name: str) -> None:
    photo(tmp_path / "b.jpg", 1).rename(tmp_path / name)
    assert describe_unnamed(tmp_path / name) is None


@pytest.mark.parametrize("name", [".hidden", "._a", ".DS_Store"])
def test_hidden_files_are_not_opened(tmp_path: Path, name: str) -> None:
    assert describe_unnamed(photo(tmp_path / "b.jpg", 1).rename(tmp_path / name)) is None


def test_what_cannot_be_read_is_not_described(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").touch()
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("pipe", "empty", "link", "missing", "nul\0", "."):
        assert describe_unnamed(tmp_path / name) is None


def test_no_other_file_is_taken_for_media(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "archive", "w") as archive:
        archive.writestr("a.jpg", b"\xff\xd8\xff\xe0")
    sqlite3.connect(tmp_path / "database").execute("CREATE TABLE a (b)").connection.close()
    (tmp_path / "pickle").write_bytes(pickle.dumps(list(range(99))))
    for name in ("archive", "database", "pickle"):
        assert describe_unnamed(tmp_path / name) is None
    for beginning in BINARIES:
        assert recognise(beginning.ljust(HEAD_BYTES, b"\0")) is None
        assert recognise(beginning) is None


@given(
    st.text(max_size=HEAD_BYTES), st.sampled_from(OTHERS), st.sampled_from(("utf-8", "utf-16", "utf-16-le"))
)
def test_text_is_never_taken_for_media(text: str, beginning: str, encoding: str) -> None:
    printable = "".join(char for char in text if char.isprintable() or char in "\t\r\n")
    assert recognise((beginning + printable).encode(encoding)[:HEAD_BYTES]) is None
    assert recognise(printable.encode(encoding)[:HEAD_BYTES]) is None


def test_noise_is_rarely_taken_for_media() -> None:
    import random

    dice = random.Random(1)
    assert not any(recognise(dice.randbytes(HEAD_BYTES)) for _ in range(20_000))
