"""Tests of film plans for a real library: no gaps, cuts on beats, no picture twice, requested order."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from attune.core.errors import AttuneError, UsageError
from attune.embedding.network import Network
from attune.indexer.library import LibraryReader
from attune.retrieval.search import Filters
from attune.retrieval.seeds import QueryResolver
from attune.retrieval.story.beats import analyze_rhythm, require_librosa
from attune.retrieval.story.film_plan import FilmPlan, Shot
from attune.retrieval.story.picture_candidates import gather_candidates, read_capture_time
from attune.retrieval.story.storyboard import plan_film
from attune.retrieval.words.aims import Aim, Target
from attune.tests.conftest import run_build
from attune.tests.media_factory import encode, scene


@pytest.fixture(scope="module")
def clicks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A song of sixteen seconds with a click every half second over a low hum."""
    rate = 22_050
    times = np.arange(16 * rate) / rate
    sound = 0.05 * np.sin(2 * np.pi * 110 * times)
    sound += 0.8 * np.exp(-60 * (times % 0.5)) * np.sin(2 * np.pi * 1000 * times)
    return encode(tmp_path_factory.mktemp("clicks") / "clicks.wav", sound.astype(np.float32)[:, None], rate)


@pytest.fixture
def library(built: Path) -> Iterator[LibraryReader]:
    with LibraryReader(built) as opened:
        yield opened


def make_plan(library: LibraryReader, network: Network, song: Path, **options: object) -> FilmPlan:
    filters = options.pop("filters", Filters())
    return plan_film(library, network, QueryResolver(library, network), str(song), filters, **options)  # type: ignore[arg-type]


@pytest.mark.slow
def test_beats_are_where_the_clicks_are(clicks: Path) -> None:
    rhythm = analyze_rhythm(str(clicks))
    assert rhythm.duration_s == pytest.approx(16.0, abs=0.01)
    assert rhythm.tempo_bpm == pytest.approx(120.0, rel=0.05)
    off = np.abs((rhythm.beats_s + 0.25) % 0.5 - 0.25)
    assert off.max() < 0.07
    assert len(rhythm.beats_s) >= 28


def test_without_librosa_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(AttuneError, match=r'pip install "attune-affect\[story\]"'):
        require_librosa()


@pytest.mark.slow
def test_a_plan_tiles_the_song_on_its_beats(library: LibraryReader, network: Network, clicks: Path) -> None:
    plan = make_plan(library, network, clicks, seconds=2.0)
    assert plan.shots[0].start_s == 0.0
    assert plan.shots[-1].end_s == plan.duration_s == pytest.approx(16.0, abs=0.01)
    for before, after in zip(plan.shots[:-1], plan.shots[1:], strict=True):
        assert before.end_s == after.start_s
        assert after.start_s in plan.beats_s
        assert (
            0 < after.fade_s <= 0.4 * min(before.end_s - before.start_s, after.end_s - after.start_s) + 1e-9
        )
    assert len({shot.picture for shot in plan.shots}) == len(plan.shots) == pytest.approx(8, abs=2)
    assert plan.notes == []


def measure_chance(library: LibraryReader, network: Network, song: str, shot: Shot) -> float:
    """Return the chance that a picture shares the mood of the moments of a song at which it is shown."""
    moments = QueryResolver(library, network).moments(song)
    middles = moments.starts_s + moments.span_s / 2
    inside = (middles >= shot.start_s) & (middles < shot.end_s)
    if not inside.any():
        inside[np.argmin(np.abs(middles - (shot.start_s + shot.end_s) / 2))] = True
    mean = moments.embedded.vectors[inside].mean(axis=0)
    vector = QueryResolver(library, network).seed(shot.picture).vector
    return float(network.score(vector @ mean / np.linalg.norm(mean)))


def test_scores_are_those_of_match(library: LibraryReader, network: Network, media: Path) -> None:
    song = str(media / "song 3.mp3")
    plan = make_plan(library, network, Path(song), seconds=4.0)
    for shot in plan.shots:
        assert shot.score == pytest.approx(measure_chance(library, network, song, shot), abs=1e-5)


def test_words_choose_among_the_pictures(library: LibraryReader, network: Network, media: Path) -> None:
    """The score is the mean of that of the song and the closeness; what is unwanted is not shown."""
    song = media / "song 3.mp3"
    plain = {shot.picture: shot for shot in make_plan(library, network, song, seconds=4.0).shots}
    items = {item.path: item for item in library.items([key for key, _ in library.paths("image")]).values()}
    wanted = (0.5, 0.5)
    unwanted = next(items[path].affect.place for path in plain)
    for target in (Target((Aim("wanted", wanted),)), Target((), (Aim("unwanted", unwanted),))):
        shots = make_plan(library, network, song, seconds=4.0, target=target).shots
        for shot in shots:
            chance = measure_chance(library, network, str(song), shot)
            place = items[shot.picture].affect.place
            if target.aims:
                expected = (chance + math.exp(-2 * math.dist(place, wanted) ** 2)) / 2
            else:
                expected = chance * (1 - math.exp(-2 * math.dist(place, unwanted) ** 2))
            assert shot.score == pytest.approx(expected, abs=1e-5)
        if target.unwanted:
            assert next(iter(plain)) not in {shot.picture for shot in shots}


def test_too_few_pictures_make_longer_spans(
    library: LibraryReader, network: Network, media: Path, clicks: Path
) -> None:
    filters = Filters(exclude=("below", "photo 0*"))
    plan = make_plan(library, network, clicks, seconds=1.0, filters=filters)
    assert 1 <= len(plan.shots) <= 2
    assert plan.shots[-1].end_s == plan.duration_s
    assert "each stays longer" in plan.notes[0]
    with pytest.raises(UsageError, match="no picture to show"):
        make_plan(library, network, clicks, filters=Filters(below=(str(media / "nowhere"),)))


@pytest.mark.slow
def test_in_the_order_of_time(tmp_path: Path, own_media: Path, network: Network, clicks: Path) -> None:
    random = np.random.default_rng(1)
    for path in sorted(own_media.rglob("photo*")):
        stamp = int(random.integers(1_500_000_000, 1_700_000_000))
        os.utime(path, (stamp, stamp))
    run_build(tmp_path / "library", network, own_media)
    with LibraryReader(tmp_path / "library") as library:
        plan = make_plan(library, network, clicks, seconds=2.0, order="time")
    taken = [read_capture_time(shot.picture) for shot in plan.shots]
    assert taken == sorted(taken)
    assert [shot.taken for shot in plan.shots] == [time.isoformat(timespec="seconds") for time in taken]
    assert len(plan.shots) >= 6


def test_copies_and_crops_of_a_picture_count_once(tmp_path: Path, media: Path, network: Network) -> None:
    folder = tmp_path / "media"
    folder.mkdir()
    pixels = Image.fromarray(scene(40, (640, 480)))
    pixels.save(folder / "a.png")
    pixels.save(folder / "b.jpg", quality=70)
    shutil.copy(folder / "a.png", folder / "c.png")
    for seed in (1, 2):
        Image.fromarray(scene(seed, (640, 480))).save(folder / f"other{seed}.jpg")
    (folder / "gone.jpg").write_bytes((folder / "other1.jpg").read_bytes() + b"\0")
    run_build(tmp_path / "library", network, folder)
    (folder / "gone.jpg").unlink()
    with LibraryReader(tmp_path / "library") as library:
        queries = network.embed("music", np.random.default_rng(0).random((3, 1756), np.float32)).vectors
        names = [
            Path(item.path).name
            for item in gather_candidates(library, network.backbones["image"], queries, Filters()).items
        ]
    assert len(names) == len(set(names))
    assert len({"a.png", "b.jpg", "c.png"} & set(names)) == 1
    assert {"other1.jpg", "other2.jpg"} <= set(names)
    assert "gone.jpg" not in names
