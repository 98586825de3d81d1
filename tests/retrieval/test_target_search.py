"""Search with words: order and numbers equal their definitions, with and without files and filters."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune import cli
from attune.core.errors import UsageError
from attune.core.library_address import LibraryAddress
from attune.embedding.media_files import Kind
from attune.embedding.network import Network, open_network
from attune.indexer.library import LibraryReader
from attune.retrieval.answers import Answers
from attune.retrieval.diversify import Curation
from attune.retrieval.queries import find, find_and_explain, find_near
from attune.retrieval.query_parameters import FindParameters
from attune.retrieval.search import Filters
from attune.retrieval.seeds import QueryResolver
from attune.retrieval.words.aims import Aim, Target
from attune.retrieval.words.targets import make_target
from attune.tests.conftest import PHOTOS, copy_database, run_build
from attune.tests.networks import write_image_backbone, write_network
from attune.tests.retrieval.test_score_and_fit import FILTERS

SEA = "a calm evening by the sea"
QUERIES: list[dict[str, Any]] = [
    {"words": "deeply sad"},
    {"words": "a table with a computer"},
    {"words": SEA},
    {"words": SEA, "meaning": 0.0},
    {"words": SEA, "meaning": 0.2},
    {"words": SEA, "meaning": 1.0},
    {"words": "happy", "mood": "tense"},
    {"words": "happy", "not_words": "a table with a computer"},
    {"not_words": "a wild party"},
    {"words": "sad piano", "not_words": "loud rock", "meaning": 0.7},
]
ALL = Filters(limit=100, curation=Curation(fold=False))


@pytest.fixture(scope="module")
def library(
    library_kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LibraryReader]:
    """A copy of the library: labels are kept in its folder."""
    copy: LibraryAddress
    if library_kind == "folder":
        built: Path = request.getfixturevalue("built")
        copy = Path(shutil.copytree(built, tmp_path_factory.mktemp("words") / "library"))
    else:
        copy = copy_database(request.getfixturevalue("postgres"), request.getfixturevalue("built_database"))
    with LibraryReader(copy) as opened:
        yield opened


@pytest.fixture(scope="module")
def seeds(library: LibraryReader, network: Network) -> QueryResolver:
    return QueryResolver(library, network)


@pytest.fixture(scope="module")
def target_of(network: Network) -> Callable[[int, Kind], Target]:
    """Function that returns the target of one of `QUERIES`; those of pictures name no sound, and so on."""

    @cache
    def make(number: int, kind: Kind) -> Target:
        try:
            return make_target(network, kind, **QUERIES[number])
        except UsageError:
            return make_target(network, kind, "deeply sad")

    return make


def define_nearness(library: LibraryReader, kind: Kind, aim: Aim) -> dict[str, float]:
    """Return how near the files of a kind are to an aim, by path, as the documentation defines it."""
    worth: dict[int, float] = {}
    if aim.meaning is not None:
        match = aim.meaning.match(library)
        best = max(*match.worth.tolist(), 0.1)
        worth = {
            key: value / best for key, value in zip(match.ids.tolist(), match.worth.tolist(), strict=True)
        }
    nearness = {}
    for key, path in library.paths(kind):
        place = library.items([key])[key].affect.place
        near = 0.0 if aim.place is None else math.exp(-2 * math.dist(place, aim.place) ** 2)
        if aim.meaning is not None and aim.place is not None:
            near = near ** (1 - aim.weight) * ((worth[key] + 0.1) / 1.1) ** aim.weight
        elif aim.meaning is not None:
            near = worth[key]
        nearness[path] = near
    return nearness


def define_worth(
    library: LibraryReader, network: Network, kind: Kind, target: Target, vector: np.ndarray | None
) -> dict[str, float]:
    """Return the score, or without a vector the closeness, of each file of a kind, by its path."""
    aims = [define_nearness(library, kind, aim) for aim in target.aims]
    unwanted = [define_nearness(library, kind, aim) for aim in target.unwanted]
    found = {}
    for key, path in library.paths(kind):
        parts = [sum(near[path] for near in aims) / len(aims)] if aims else []
        if vector is not None:
            parts.append(float(network.score(library.vectors([key])[0] @ vector)))
        mean = sum(parts) / len(parts) if parts else 1.0
        found[path] = mean * math.prod(1 - near[path] for near in unwanted)
    return found


def check_order(answers: Answers, expected: dict[str, float], filters: Filters) -> None:
    values = [answer.worth for answer in answers.results]
    assert values == sorted(values, reverse=True)
    first = filters.offset + 1
    assert [answer.rank for answer in answers.results] == list(range(first, first + len(values)))
    assert all(filters.min_score <= value <= 1 for value in values)
    for answer in answers.results:
        assert answer.worth == pytest.approx(expected[answer.path], abs=1e-6)


@given(st.sampled_from(["image", "music"]), st.integers(0, len(QUERIES) - 1), FILTERS)
@settings(max_examples=50, deadline=None)
def test_words_alone(
    library: LibraryReader,
    network: Network,
    target_of: Callable[[int, Kind], Target],
    kind: Kind,
    query: int,
    filters: Filters,
) -> None:
    target = target_of(query, kind)
    answers = find_near(library, network, target, kind, filters)
    check_order(answers, define_worth(library, network, kind, target, None), filters)
    assert {(one.score, one.fit, one.correspondence) for one in answers.results} <= {(None, None, None)}


@given(st.sampled_from(["image", "music"]), st.integers(0, len(QUERIES) - 1), FILTERS)
@settings(max_examples=50, deadline=None)
def test_words_with_a_file(
    library: LibraryReader,
    network: Network,
    seeds: QueryResolver,
    media: Path,
    target_of: Callable[[int, Kind], Target],
    kind: Kind,
    query: int,
    filters: Filters,
) -> None:
    target = target_of(query, kind)
    path = str(media / ("photo 00.jpg" if kind == "music" else "song 0.flac"))
    answers = find(library, network, seeds, [path], filters, target=target)
    expected = define_worth(library, network, kind, target, seeds.seed(path).vector)
    check_order(answers, expected, filters)
    assert {one.closeness for one in answers.results} <= {None}
    for answer in answers.results:
        others = [value for other, value in expected.items() if other != answer.path]
        below = sum(value < expected[answer.path] - 1e-7 for value in others)
        equal = sum(abs(value - expected[answer.path]) <= 1e-7 for value in others)
        assert answer.fit == pytest.approx((below + equal / 2) / len(others))


@pytest.mark.parametrize("query", range(len(QUERIES)))
@pytest.mark.parametrize("with_file", [False, True])
def test_no_file_is_left_out(
    library: LibraryReader,
    network: Network,
    seeds: QueryResolver,
    media: Path,
    target_of: Callable[[int, Kind], Target],
    query: int,
    with_file: bool,
) -> None:
    target, song = target_of(query, "image"), str(media / "song 0.flac")
    if with_file:
        found = find(library, network, seeds, [song], ALL, target=target).results
    else:
        found = find_near(library, network, target, "image", ALL).results
    vector = seeds.seed(song).vector if with_file else None
    expected = define_worth(library, network, "image", target, vector)
    assert len(found) == PHOTOS
    assert {one.path for one in found} == set(expected)
    few = find_near(library, network, target, "image", Filters(limit=4, offset=3, curation=ALL.curation))
    if not with_file:
        assert [one.path for one in few.results] == [one.path for one in found[3:7]]


def test_what_is_unwanted_falls(library: LibraryReader, network: Network) -> None:
    """The file that is nearest to what is unwanted loses all; one that is far from it, nearly nothing."""
    plain = find_near(library, network, make_target(network, "image", "happy"), "image", ALL).results
    place = plain[0].place
    far = Target((Aim("happy", make_target(network, "image", "happy").aims[0].place),), (Aim("x", place),))
    rest = {one.path: one.worth for one in find_near(library, network, far, "image", ALL).results}
    assert rest[plain[0].path] == pytest.approx(0.0, abs=1e-6)
    lost = {one.path: 1 - rest[one.path] / one.worth for one in plain}
    by_distance = sorted(plain, key=lambda one: math.dist(one.place, place))
    losses = [lost[one.path] for one in by_distance]
    assert losses == pytest.approx(sorted(losses, reverse=True))


def run(capsys: pytest.CaptureFixture[str], library: LibraryReader, *arguments: object) -> Any:
    assert cli.run([*(str(one) for one in arguments), "--json", "--library", str(library.path)]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_json_of_words(library: LibraryReader, media: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command, *files in (("find-images",), ("browse",), ("find-images", media / "song 0.flac")):
        document = run(
            capsys,
            library,
            command,
            *files,
            "--words",
            SEA,
            "--not-words",
            "sad",
            "--meaning",
            ".25",
            "-n",
            3,
        )
        wanted, unwanted = document["words"]
        assert set(wanted) == {"text", "unwanted", "place", "mood", "named", "meaning", "effects"}
        assert (wanted["text"], wanted["unwanted"], wanted["mood"]) == (SEA, False, "calm")
        assert (wanted["named"], wanted["meaning"]) == (["sea"], 0.25)
        assert set(wanted["place"]) == {"valence", "arousal"}
        assert [set(one) for one in wanted["effects"]] == [{"word", "valence", "arousal"}] * len(
            wanted["effects"]
        )
        assert wanted["effects"][0]["word"] == "calm"
        assert (unwanted["text"], unwanted["unwanted"]) == ("sad", True)
        assert len(document["query"]) == len(files)
        ranked_by = "score" if files else "closeness"
        assert all(one[ranked_by] is not None for one in document["results"])
    assert run(capsys, library, "browse", "--mood", "calm")["words"] == []


def test_why_says_what_the_words_have_to_do_with_an_answer(
    library: LibraryReader, media: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = run(capsys, library, "find-images", "--words", SEA, "--not-words", "sad", "--why")
    for one in alone["results"]:
        place = one["place"]
        shown = f"(place {place['valence']:+.2f} {place['arousal']:+.2f})".replace("-", "−")
        assert one["why"].startswith("words: picture ") and "; not wanted: " in one["why"]
        assert shown in one["why"]
        assert "sea ↔ " in one["why"] or "nothing that they name was recognised" in one["why"]
    files = run(capsys, library, "find-images", media / "song 0.flac", "--words", SEA, "--why", "-n", 2)
    for one in files["results"]:
        assert one["why"].startswith("song ") or one["why"].startswith("both ")
        assert "; words: " in one["why"]
    moods = run(capsys, library, "find-music", "--words", "deeply sad", "--why", "-n", 1)
    assert moods["results"][0]["why"].startswith("words: song ")
    assert "recognised" not in moods["results"][0]["why"]


def test_people_are_told_what_was_read(
    library: LibraryReader, media: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["find-images", "--words", SEA, "--library", str(library.path), "-n", "2"]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith(f"“{SEA}”: feels calm, place +") and first.endswith("; names sea")
    arguments = ["find-images", "--words", "a table with a computer", "--not-words", "sad", "-n", "1"]
    assert cli.run([*arguments, "--library", str(library.path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("“a table with a computer”: says nothing of mood; names ")
    assert lines[1].startswith("not “sad”: feels sad, place −0.50 −0.35 (sad −0.50 −0.35)")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["find-images"], "name a song, or describe one with --words"),
        (["find-music"], "name a picture, or describe one with --words"),
        (["find-images", "--not-words", "sad"], "name a song, or describe one with --words"),
        (["find-images", "--words", " "], "--words: describe a feeling or a thing"),
        (["browse", "--words", "sad " * 200], "--words: too long; write at most 500 characters"),
        (["journey", "sad " * 200, "calm"], "too long; describe it in at most 500 characters"),
        (["find-images", "--words", "sad", "--not-words", ""], "--not-words: describe"),
        (["find-images", "--meaning", "0.5"], "--meaning: only with --words or --not-words"),
        (["browse", "--mood", "calm", "--meaning", "0.5"], "--meaning: only with"),
        (["browse"], "or --words"),
        (["find-images", "--words", "sad", "--meaning", "1.1"], "--meaning"),
        (["find-images", "--words", "sad", "--meaning", "1"], "names nothing by which pictures are known"),
        (["find-images", "--words", "which of them"], "says nothing of mood, and names nothing"),
        (["find-music", "--words", "which of them"], "names nothing by which songs are known"),
        (["find-images", "--words", "sad", "--from", "0:02"], "words alone have no part of a song"),
        (["find-images", "--words", "sad", "--not", "{song}"], "no file to be unlike"),
        (["storyboard", "{song}", "--words", " ", "-o", "{tmp}/plan.json"], "--words: describe"),
        (["storyboard", "{song}", "--words", "which of them", "-o", "{tmp}/plan.json"], "names nothing"),
        (["soundtrack", "{media}", "--meaning", "0.5"], "--meaning: only with"),
        (["soundtrack", "{media}", "--words", "which of them"], "names nothing by which songs"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_use_is_one_line_and_exit_code_2(
    library: LibraryReader,
    media: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    filled = [one.format(song=media / "song 0.flac", media=media, tmp=tmp_path) for one in arguments]
    assert cli.run([*filled, "--library", str(library.path)]) == 2
    told = capsys.readouterr()
    assert message in told.err and told.err.count("\n") == 1
    assert told.out == ""


def test_a_library_of_another_backbone_knows_moods_but_no_things(
    tmp_path: Path, built: Path, media: Path
) -> None:
    folder = tmp_path / "network"
    slower = open_network(str(write_network(folder, seed=5, image_backbone=write_image_backbone(folder))))
    copy = Path(shutil.copytree(built, tmp_path / "library"))
    run_build(copy, slower)
    with LibraryReader(copy) as library:
        seeds = QueryResolver(library, slower)
        target = make_target(slower, "image", SEA)
        expected = define_worth(library, slower, "image", target, None)
        answers = find_and_explain(
            library, slower, seeds, [], FindParameters(words=SEA, why=True), ALL, wanted="image"
        )
        check_order(answers, expected, ALL)
        assert len(answers.results) == PHOTOS
        assert all("recognised" not in one.explanation for one in answers.results)
        for words in (
            FindParameters(words="a table with a computer"),
            FindParameters(words=SEA, meaning=1.0),
        ):
            with pytest.raises(UsageError, match="names nothing by which pictures are known"):
                find_and_explain(library, slower, seeds, [], words, ALL, wanted="image")
        music = make_target(slower, "music", "sad piano")
        assert music.aims[0].meaning is not None  # the music's backbone is the shipped one
