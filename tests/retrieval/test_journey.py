"""Journeys through a real library: ends, filters, near-duplicates, notes, and every form of output."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from mutagen import File
from PIL import Image

import attune
from attune import cli
from attune.core.errors import UsageError
from attune.embedding.network import Network
from attune.indexer.library import LibraryReader
from attune.retrieval.answers import QueryEntry
from attune.retrieval.journey import Journey, plan_journey, resolve_request
from attune.retrieval.journey_ends import resolve_end
from attune.retrieval.journey_models import JourneyModel, journey_json
from attune.retrieval.journey_parameters import JourneyParameters
from attune.retrieval.mood_words import MOODS
from attune.retrieval.render_text import format_query_entry
from attune.retrieval.seeds import QueryResolver
from attune.tests.conftest import run_build
from attune.tests.media_factory import dated_photo, song
from attune.tests.retrieval.test_m3u import read_m3u

PHOTOS, COPIES, SONGS = 12, 4, 6


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos in two folders, four with a smaller copy, and songs of two artists."""
    folder = tmp_path_factory.mktemp("album")
    for name in ("one", "two"):
        (folder / name).mkdir()
    for seed in range(PHOTOS):
        path = folder / ("one" if seed % 3 else "two") / f"{seed:02d}.jpg"
        dated_photo(path, seed, f"{2021 + seed % 3}:07:{1 + seed:02d} 10:00:00")
        if seed < COPIES:
            with Image.open(path) as image:
                image.resize((200, 150)).save(path.with_name(f"{seed:02d}-small.png"))
    for seed in range(SONGS):
        tags = File(song(folder / f"song {seed}.ogg", seed, seconds=12.0))
        tags["artist"], tags["title"] = ("Ann", "Bo")[seed % 2], f"Tune {seed}"
        tags.save()
    return folder


@pytest.fixture(scope="module")
def library(album: Path, network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("album-library") / "library"
    run_build(path, network, album)
    return path


@pytest.fixture(scope="module")
def reader(library: Path) -> Iterator[LibraryReader]:
    with LibraryReader(library) as opened:
        yield opened


Walk = Callable[..., Journey]


@pytest.fixture(scope="module")
def walk(reader: LibraryReader, network: Network, album: Path) -> Walk:
    """Function that plans a journey; the options are fields of `JourneyParameters`."""

    def plan(start: object, end: object, **options: object) -> Journey:
        query = JourneyParameters(**{"kind": "image", "all_alike": True} | options)  # type: ignore[arg-type]
        seeds = QueryResolver(reader, network)
        request = resolve_request(seeds, str(start), str(end), query)
        return plan_journey(reader, network, request, query.make_filters(str(album)))

    return plan


def paths(journey: Journey) -> list[str]:
    return [step.answer.path for step in journey.steps]


def test_a_journey_goes_from_its_start_to_its_end_and_repeats_nothing(walk: Walk) -> None:
    journey = walk("sad", "festive", steps=8)
    assert len(set(paths(journey))) == len(journey.steps) == 8
    assert [step.answer.rank for step in journey.steps] == list(range(1, 9))
    assert journey.steps[0].waypoint == pytest.approx(MOODS["sad"])
    assert journey.steps[-1].waypoint == pytest.approx(MOODS["festive"])
    lengths = [math.dist(one.answer.place, other.answer.place) for one, other in pairwise(journey.steps)]
    assert [step.step for step in journey.steps] == [None, *map(pytest.approx, lengths)]
    assert journey.mean_step == pytest.approx(sum(lengths) / 7)
    assert journey.largest_step == max(lengths)


def test_files_of_the_kind_are_its_ends(walk: Walk, album: Path) -> None:
    first, last = album / "one" / "01.jpg", album / "two" / "09.jpg"
    journey = walk(first, last, steps=5, below=(str(album / "two"),))
    assert paths(journey)[0] == str(first)
    assert paths(journey)[-1] == str(last)
    assert all("/two/" in path for path in paths(journey)[1:])
    assert paths(walk(last, first, steps=5, below=(str(album / "two"),))) == paths(journey)[::-1]
    assert paths(walk(first, last, steps=2)) == [str(first), str(last)]


def test_a_file_of_the_other_kind_is_a_place(walk: Walk, album: Path) -> None:
    journey = walk(album / "song 0.ogg", "calm", steps=4)
    assert journey.start.kind == "music"
    assert journey.steps[0].waypoint == pytest.approx(journey.start.place)
    assert all(path.endswith(("jpg", "png")) for path in paths(journey))


def test_a_file_that_the_library_does_not_have_is_a_place(walk: Walk, tmp_path: Path) -> None:
    stranger = dated_photo(tmp_path / "stranger.jpg", 77, "2020:01:01 10:00:00")
    journey = walk(stranger, "calm", steps=4)
    assert str(stranger) not in paths(journey)
    assert journey.steps[0].waypoint == pytest.approx(journey.start.place)


def test_one_file_as_both_ends_comes_once(walk: Walk, album: Path) -> None:
    journey = walk(album / "one" / "01.jpg", album / "one" / "01.jpg", steps=5, via=("sad",))
    assert paths(journey)[0] == str(album / "one" / "01.jpg")
    assert len(set(paths(journey))) == 5
    assert "both ends are the same picture" in " ".join(journey.notes)


def test_a_bend_pulls_the_path(walk: Walk) -> None:
    def nearest(journey: Journey, place: tuple[float, float]) -> float:
        return min(math.dist(step.waypoint, place) for step in journey.steps)

    straight, bent = walk("calm", "bright", steps=9), walk("calm", "bright", steps=9, via=("-1,1",))
    assert nearest(bent, (-1.0, 1.0)) < 0.3 < nearest(straight, (-1.0, 1.0))
    assert paths(bent) != paths(straight)
    assert bent.via == (QueryEntry.from_place("image", -1.0, 1.0),)


def test_near_duplicates_are_not_both_in_a_journey(walk: Walk, album: Path) -> None:
    everything = walk("sad", "festive", steps=200)
    assert len(everything.steps) == PHOTOS + COPIES
    folded = walk("sad", "festive", steps=200, all_alike=False)
    stems = [Path(path).stem[:2] for path in paths(folded)]
    assert len(stems) == len(set(stems)) == PHOTOS
    assert f"{PHOTOS} steps in place of 200" in folded.notes[0]
    # The ends stay, even if they are near-duplicates of each other.
    pair = album / "one" / "01.jpg", album / "one" / "01-small.png"
    ends = paths(walk(*pair, steps=6, all_alike=False))
    assert (ends[0], ends[-1]) == tuple(map(str, pair))
    assert len(ends) == 6


@pytest.mark.parametrize(
    ("options", "holds", "most"),
    [
        ({"below": ("one",)}, lambda path: "/one/" in path, 10),
        ({"exclude": ("*.png", "two")}, lambda path: "/one/" in path and path.endswith("jpg"), 8),
        ({"taken": "2022"}, lambda path: int(Path(path).stem[:2]) % 3 == 1, 4),
    ],
    ids=["in", "exclude", "taken"],
)
def test_filters_hold(
    walk: Walk, album: Path, options: dict[str, object], holds: Callable[[str], bool], most: int
) -> None:
    from attune.retrieval.date_range import parse_date_range

    if "below" in options:
        options = {"below": (str(album / "one"),)}
    if "taken" in options:
        options = {"taken": parse_date_range(str(options["taken"]))}
    journey = walk("sad", "festive", steps=200, **options)
    assert len(journey.steps) == most
    assert all(map(holds, paths(journey)))


def test_limits_hold_and_count_the_ends(walk: Walk, album: Path) -> None:
    journey = walk("sad", "festive", kind="music", steps=6, per_artist=2)
    assert sorted(step.answer.artist for step in journey.steps) == ["Ann", "Ann", "Bo", "Bo"]
    first = album / "song 0.ogg"
    journey = walk(first, "festive", kind="music", steps=6, per_artist=1)
    assert [step.answer.artist for step in journey.steps] == ["Ann", "Bo"]
    assert paths(journey)[0] == str(first)
    folders = walk("sad", "festive", steps=6, per_folder=1)
    assert len({Path(path).parent for path in paths(folders)}) == len(folders.steps) == 2


def test_nothing_is_left(walk: Walk) -> None:
    journey = walk("sad", "festive", exclude=("*",))
    assert (journey.steps, journey.mean_step, journey.largest_step) == ((), None, None)
    assert "0 steps in place of 10" in journey.notes[0]


def test_a_part_of_the_way_without_files_is_said(walk: Walk) -> None:
    notes = " ".join(walk("1,1", "-1,-1", steps=10).notes)
    assert "the library has too few pictures near" in notes


@pytest.fixture
def seeds(reader: LibraryReader, network: Network) -> QueryResolver:
    return QueryResolver(reader, network)


def test_ends_are_moods_places_files_or_words(seeds: QueryResolver, album: Path) -> None:
    assert resolve_end("calm", seeds, "music").entry.place == MOODS["calm"]
    assert resolve_end(" -.5, 1 ", seeds, "music").entry.place == (-0.5, 1.0)
    found = resolve_end(str(album / "song 1.ogg"), seeds, "music")
    assert found.item is not None
    assert found.item.path == found.entry.path == str(album / "song 1.ogg")
    words = resolve_end("a calm evening by the lake", seeds, "music")
    assert words.entry.path is None
    assert format_query_entry(words.entry, str).startswith("“a calm evening by the lake”: feels calm")
    assert words.entry.valence > 0.2 and words.entry.arousal < -0.2


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("IMG 4032", "says nothing of mood"),
        ("0.5,2", "outside of the plane"),
        ("gone.mp3", "gone.mp3: no such file"),
        ("./gone", "./gone: no such file"),
        ("  ", "an empty text"),
    ],
)
def test_other_texts_are_refused(seeds: QueryResolver, text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        resolve_end(text, seeds, "music")


def test_the_document_is_of_the_described_form(walk: Walk, album: Path) -> None:
    journey = walk(album / "one" / "01.jpg", "festive", steps=4, via=("0.5,-0.5",))
    document = journey_json(journey)
    read = JourneyModel.model_validate(json.loads(json.dumps(document)))
    assert read.model_dump(by_alias=True) == document
    assert (document["from"]["path"], document["to"]["path"]) == (str(album / "one" / "01.jpg"), None)
    assert document["via"][0]["place"] == {"valence": 0.5, "arousal": -0.5}
    assert [one["path"] for one in document["steps"]] == paths(journey)
    assert [one["waypoint"]["valence"] for one in document["steps"]] == [
        step.waypoint[0] for step in journey.steps
    ]


def run(library: Path, *arguments: object) -> int:
    return cli.run(["journey", *map(str, arguments), "--library", str(library)])


def test_the_command_prints_a_table_paths_and_json(
    library: Path, walk: Walk, capfd: pytest.CaptureFixture[str]
) -> None:
    expected = paths(walk("sad", "festive", kind="music", steps=3, all_alike=False))
    asked = ("sad", "festive", "--steps", 3)
    assert run(library, *asked, "--json") == 0
    printed = json.loads(capfd.readouterr().out)
    assert [one["path"] for one in printed["steps"]] == expected
    assert run(library, *asked, "--paths") == 0
    assert capfd.readouterr().out.splitlines() == expected
    assert run(library, *asked) == 0
    output = capfd.readouterr()
    assert output.out.index("feels sad") < output.out.index("feels festive") < output.out.index("Tune")
    assert "mean step" in output.out
    assert "Note: " in output.err  # three songs are too few
    assert run(library, *asked, "-q") == 0
    assert "mean step" not in capfd.readouterr().out


def test_playlist_and_page(library: Path, walk: Walk, tmp_path: Path) -> None:
    playlist, page = tmp_path / "walk.m3u", tmp_path / "walk.html"
    assert run(library, "sad", "festive", "--steps", 4, "--all-alike", "--m3u", playlist, "--html", page) == 0
    expected = paths(walk("sad", "festive", kind="music", steps=4))
    assert [str((tmp_path / one).resolve()) for one in read_m3u(playlist)] == expected
    text = page.read_text(encoding="utf-8")
    assert "Songs from sad to festive" in text
    (line,) = [part for part in text.split("<polyline ") if part.startswith('class="journey"')]
    assert line.split('"')[3].count(",") == 4


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("IMG 4032", "calm"), "IMG 4032: no file, and as words it says nothing of mood"),
        (("sad", "calm", "--steps", 1), "--steps"),
        (("sad", "calm", "--taken", "2022"), "--taken: only pictures have a date of capture"),
        (("sad", "calm", "--kind", "image", "--per-artist", 1), "--per-artist: only for music"),
        (("sad", "calm", "--kind", "image", "--m3u", "a.m3u"), "--m3u: only for music"),
        (("sad", "calm", "--via", "1,3"), "outside of the plane"),
        (("sad", "calm", "--in", "nowhere"), "--in"),
    ],
)
def test_wrong_usage_is_one_line(
    library: Path, arguments: tuple[object, ...], problem: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(library, *arguments) == 2
    output = capfd.readouterr()
    assert output.out == ""
    assert problem in output.err
    assert output.err.count("\n") == 1


@contextlib.contextmanager
def away(path: Path) -> Iterator[None]:
    hidden = path.with_name(f"{path.name} away")
    path.rename(hidden)
    try:
        yield
    finally:
        hidden.rename(path)


def test_what_is_not_there_is_left_out_of_lists(
    library: Path, album: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    gone, playlist = album / "song 2.ogg", tmp_path / "walk.m3u"
    asked = (gone, "festive", "--steps", SONGS, "--all-alike")
    with away(gone):
        assert run(library, *asked, "--json") == 0
        document = json.loads(capfd.readouterr().out)
        assert [one["missing"] for one in document["steps"]] == [True] + [False] * (SONGS - 1)
        assert document["from"]["missing"]
        assert run(library, *asked, "--paths", "--m3u", playlist) == 0
    output = capfd.readouterr()
    assert len(output.out.splitlines()) == len(read_m3u(playlist)) == SONGS - 1
    assert "was left out of the playlist" in output.err


def test_from_python(library: Path, walk: Walk, album: Path) -> None:
    with attune.open(library) as opened:
        found = opened.journey(album / "song 0.ogg", "festive", steps=4, via=[(0.5, -0.5)], all_alike=True)
        expected = walk(album / "song 0.ogg", "festive", kind="music", steps=4, via=("0.5,-0.5",))
        assert [answer.path for answer in found] == paths(expected)
        assert found.notes == expected.notes
        assert all(answer.score is None and answer.closeness is not None for answer in found)
        with pytest.raises(UsageError, match="no option `limit`"):
            opened.journey("sad", "calm", limit=3)  # type: ignore[call-arg]
        with pytest.raises(UsageError, match="steps: 1 is not at least 2"):
            opened.journey("sad", "calm", steps=1)
