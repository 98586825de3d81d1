"""Tests of soundtracks: each photo in one chapter, in order; no song twice, no artist twice in a row."""

from __future__ import annotations

import itertools
import math
import os
from datetime import datetime, timedelta
from pathlib import Path

import mutagen
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune.core.progress import SilentProgress
from attune.core.settings import Settings
from attune.embedding.network import Network
from attune.indexer.library import LibraryReader
from attune.retrieval.m3u import write_m3u
from attune.retrieval.seeds import QueryResolver
from attune.retrieval.story.chapters import split_chapters
from attune.retrieval.story.photo_folder import Photo, iter_pictures, read_photos
from attune.retrieval.story.soundtrack import compose_soundtrack, iter_tracks
from attune.retrieval.words.aims import Aim, Target
from attune.tests.affect_factory import make_affect
from attune.tests.conftest import run_build
from attune.tests.media_factory import damaged, photo, song

DAY = datetime(2024, 7, 1, 9)


def photo_at(minutes: float, vector: np.ndarray) -> Photo:
    unit = np.asarray(vector / np.linalg.norm(vector), np.float32)
    return Photo(f"/p/{minutes}.jpg", DAY + timedelta(minutes=minutes), unit, make_affect(0.1, 0.2))


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 60), most=st.integers(1, 8))
def test_chapters_hold_every_photo_once_and_in_order(seed: int, count: int, most: int) -> None:
    random = np.random.default_rng(seed)
    times = np.sort(random.integers(0, 5000, count))
    photos = [photo_at(float(time), random.normal(size=128)) for time in times]
    chapters = split_chapters(photos, most)
    assert [photo for chapter in chapters for photo in chapter] == photos
    assert 1 <= len(chapters) <= most
    assert all(len(chapter) >= min(3, count) for chapter in chapters)


def test_a_chapter_ends_where_the_mood_changes_and_rather_at_a_pause() -> None:
    random = np.random.default_rng(0)
    calm, wild = random.normal(size=128), random.normal(size=128)
    moods = [calm] * 10 + [wild] * 10
    steady = [photo_at(minute, mood) for minute, mood in enumerate(moods)]
    assert [len(chapter) for chapter in split_chapters(steady, 5)] == [10, 10]
    same = [photo_at(minute, calm + 0.1 * random.normal(size=128)) for minute in range(20)]
    assert len(split_chapters(same, 5)) == 1
    # Even with one photo of the first mood after the pause, the break is at the pause.
    late = [photo_at(minute + (600 if minute >= 9 else 0), mood) for minute, mood in enumerate(moods)]
    assert [len(chapter) for chapter in split_chapters(late, 2)] in ([9, 11], [10, 10])


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, network: Network) -> Path:
    """A library of twelve songs of about a minute by three artists, one without tags, and a jingle."""
    folder = tmp_path_factory.mktemp("songs")
    for number in range(12):
        path = song(folder / f"#{number} tune.ogg", number, seconds=50.0 + number, rate=8_000)
        if number:
            tags = mutagen.File(path, easy=True)
            assert tags is not None
            tags["title"], tags["artist"] = f"Tune {number}", ("Ann", "ann ", "Bo", "Cy")[number % 4]
            tags.save()
    song(folder / "jingle.ogg", 99, seconds=3.0)
    photo(folder / "one.jpg", 0)
    run_build(folder / "library", network, folder)
    return folder / "library"


def normalized_artist(name: str | None) -> str | None:
    return name.strip().casefold() if name else None


@pytest.mark.parametrize("minutes", [1, 4, 8, 60])
def test_songs_follow_one_another_well(library: Path, network: Network, minutes: float) -> None:
    random = np.random.default_rng(3)
    photos = [photo_at(index * 20.0, random.normal(size=128)) for index in range(30)]
    with LibraryReader(library) as opened:
        found = compose_soundtrack(opened, network, photos, minutes)
    songs = [song for chapter in found.chapters for song in chapter.songs]
    assert [song.rank for song in songs] == list(range(1, len(songs) + 1))
    assert len({song.path for song in songs}) == len(songs)
    assert all("jingle" not in song.path for song in songs)
    if minutes < 60:
        for one, other in itertools.pairwise(songs):
            name = normalized_artist(one.artist)
            assert name is None or name != normalized_artist(other.artist)
        assert found.duration_s == pytest.approx(minutes * 60, abs=35)
        assert found.notes == []
    else:
        assert len(songs) == 12
        assert any("of 60 minutes" in note for note in found.notes)
    assert [photo for chapter in found.chapters for photo in chapter.photos] == photos


def test_words_choose_among_the_songs(library: Path, network: Network) -> None:
    """The score is the mean of that of the photos and the closeness; what is unwanted is not played."""
    photos = [photo_at(index * 20.0, np.random.default_rng(4).normal(size=128)) for index in range(4)]
    vector = photos[0].vector
    with LibraryReader(library) as opened:
        vectors = {path: opened.vectors([key])[0] for key, path in opened.paths("music")}
        places = {
            item.path: item.affect.place
            for item in opened.items([key for key, _ in opened.paths("music")]).values()
        }
        for aim in (Aim("point", (0.4, -0.6)), Aim("point", (-0.5, 0.3))):
            found = compose_soundtrack(opened, network, photos, 1, Target((aim,)))
            (song,) = found.chapters[0].songs
            near = {path: math.exp(-2 * math.dist(place, aim.place) ** 2) for path, place in places.items()}
            chance = float(network.score(vectors[song.path] @ vector))
            assert song.score == pytest.approx((chance + near[song.path]) / 2, abs=1e-5)
            assert song.fit is None
            without = compose_soundtrack(
                opened, network, photos, 1, Target((), (Aim("x", places[song.path]),))
            )
            assert song.path not in {one.path for one in without.chapters[0].songs}


def test_a_playlist_that_players_find(library: Path, network: Network, tmp_path: Path) -> None:
    photos = [photo_at(index, np.random.default_rng(index).normal(size=128)) for index in range(12)]
    with LibraryReader(library) as opened:
        found = compose_soundtrack(opened, network, photos, 5)
    write_m3u(library.parent / "list.m3u", iter_tracks(found))
    lines = (library.parent / "list.m3u").read_text().splitlines()
    assert lines[0] == "#EXTM3U"
    files = [line for line in lines if not line.startswith("#")]
    songs = [song for chapter in found.chapters for song in chapter.songs]
    assert [(library.parent / name).resolve() for name in files] == [Path(song.path) for song in songs]
    assert all(name.startswith("./#") for name in files)
    infos = [line for line in lines if line.startswith("#EXTINF:")]
    assert len(infos) == len(songs)
    for one, info in zip(songs, infos, strict=True):
        assert one.title is None or info.endswith(f",{one.artist} - {one.title}")


def test_photos_inside_and_outside_a_library(
    built: Path, media: Path, network: Network, tmp_path: Path
) -> None:
    fresh = tmp_path / "fresh"
    (fresh / ".hidden").mkdir(parents=True)
    photo(fresh / "new.jpg", 77)
    photo(fresh / ".hidden" / "no.jpg", 78)
    damaged(fresh / "bad.jpg", "noise")
    known = sorted(media.rglob("photo*"))[0]
    copy = fresh / f"copy{known.suffix}"
    copy.write_bytes(known.read_bytes())
    os.utime(copy, (1_000_000_000, 1_000_000_000))
    assert [Path(path).name for path in iter_pictures(fresh)] == sorted([copy.name, "bad.jpg", "new.jpg"])
    with LibraryReader(built) as library:
        seeds = QueryResolver(library, network)
        photos, lost = read_photos(fresh, seeds, network, Settings(workers=1), SilentProgress())
        assert [Path(one.path).name for one in photos] == [copy.name, "new.jpg"]
        assert [error.path.name for error in lost] == ["bad.jpg"]
        for one in photos:
            np.testing.assert_allclose(one.vector, seeds.seed(one.path).vector, atol=1e-4)
