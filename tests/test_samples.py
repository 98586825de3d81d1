"""The shipped samples: number, size, uniqueness, credits and licences."""

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile
from PIL import Image

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
PHOTOS = sorted((SAMPLES / "photos").iterdir())
SONGS = sorted((SAMPLES / "music").iterdir())
MOODS = ("dark", "sad", "calm", "bright", "tense", "festive")
LICENCES = {
    "public-domain",
    "CC0-1.0",
    "CC-BY-2.0",
    "CC-BY-3.0",
    "CC-BY-4.0",
    "CC-BY-SA-2.0",
    "CC-BY-SA-3.0",
    "CC-BY-SA-4.0",
    "GPL-2.0-or-later",
    "LGPL-3.0-only",
}


def credit_rows() -> Iterator[dict[str, str]]:
    with (SAMPLES / "CREDITS.csv").open(encoding="utf-8", newline="") as handle:
        yield from csv.DictReader(handle)


def test_there_are_enough_and_they_stay_small() -> None:
    assert len(PHOTOS) >= 60
    assert len(SONGS) >= 20
    assert sum(path.stat().st_size for path in (*PHOTOS, *SONGS)) < 15_000_000


def test_every_file_is_credited_and_every_credit_has_its_file() -> None:
    credited = [row["file"] for row in credit_rows()]
    shipped = [path.relative_to(SAMPLES).as_posix() for path in (*PHOTOS, *SONGS)]
    assert sorted(credited) == sorted(shipped)


def test_every_credit_is_complete_and_its_licence_lets_us_ship_the_file() -> None:
    for row in credit_rows():
        assert all(value and value.strip() for value in row.values()), row
        assert row["licence"] in LICENCES, row
        assert row["licence_url"].startswith("https://"), row


def test_no_two_files_are_the_same() -> None:
    digests = {hashlib.sha256(path.read_bytes()).digest() for path in (*PHOTOS, *SONGS)}
    assert len(digests) == len(PHOTOS) + len(SONGS)


def test_no_path_gives_the_mood_away() -> None:
    for path in (*PHOTOS, *SONGS):
        relative = path.relative_to(SAMPLES).as_posix().lower()
        assert not any(mood in relative for mood in MOODS), relative


@pytest.mark.parametrize("path", PHOTOS, ids=lambda path: path.name)
def test_photo_is_a_small_upright_jpeg_without_metadata(path: Path) -> None:
    with Image.open(path) as image:
        assert image.format == "JPEG"
        assert image.mode == "RGB"
        assert 320 <= max(image.size) <= 1024
        assert not image.getexif()
        image.load()


@pytest.mark.parametrize("path", SONGS, ids=lambda path: path.name)
def test_song_is_a_stereo_excerpt_of_half_a_minute_to_a_minute(path: Path) -> None:
    samples, rate = soundfile.read(path, dtype="float32")
    assert samples.shape[1] == 2
    assert 30 <= len(samples) / rate <= 60
    assert abs(samples).max() > 0.05
