"""Command line and HTTP API take the same parameters, give the same answers and the same errors."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import pytest
import typer
from mutagen import File
from PIL import Image
from starlette.testclient import TestClient

from attune import cli
from attune.core.exclusion_argument import resolve_exclusion
from attune.core.exclusion_rules import ExclusionRules
from attune.core.exclusions import DEFAULT_EXCLUSIONS
from attune.embedding.network import Network
from attune.indexer.records import Root
from attune.indexer.scan import scan
from attune.retrieval.web.app import create_app
from attune.retrieval.web.params import MAX_EXPLAINED
from attune.retrieval.web.server_config import ServerConfig
from attune.tests.conftest import run_build
from attune.tests.media_factory import dated_photo, photo, song, xmp
from attune.tests.web.test_api import API, get, refused

NOT_OF_THE_QUERY = {
    *("--preview", "--no-preview", "--html", "--open", "--paths", "-0", "--json", "--m3u"),
    *("--library", "--network", "--quiet", "--verbose", "--log-file", "--debug"),
}


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of three years in two folders, some with smaller copies, and songs of two artists."""
    folder = tmp_path_factory.mktemp("album")
    for name in ("one", "two"):
        (folder / name).mkdir()
    for seed in range(12):
        path = folder / ("one" if seed % 3 else "two") / f"{seed:02d}.jpg"
        dated_photo(path, seed, f"{2021 + seed % 3}:07:{1 + seed:02d} 10:00:00")
        if seed < 3:
            with Image.open(path) as image:
                image.resize((200, 150)).save(path.with_name(f"{seed:02d}-small.png"))
    photo(folder / "undated.jpg", 99)
    for seed in range(5):
        tags = File(song(folder / ("one" if seed > 3 else ".") / f"song {seed}.ogg", seed, seconds=16.0))
        tags["artist"], tags["title"] = ("Ann", "Bo")[seed % 2], f"Tune {seed}"
        tags["rating"] = str(seed)
        tags.save()
    for seed in (1, 4, 5, 6):
        folder_name = "one" if seed % 3 else "two"
        (folder / folder_name / f"{seed:02d}.jpg.xmp").write_bytes(xmp({"xmp:Rating": "4"}))
    return folder


@pytest.fixture(scope="module")
def library(album: Path, network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("album-library") / "library"
    run_build(path, network, album)
    return path


@pytest.fixture(scope="module")
def client(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    config = ServerConfig(library=library, cache=tmp_path_factory.mktemp("cache"))
    with TestClient(create_app(config), base_url="http://127.0.0.1") as opened:
        yield opened


@pytest.fixture
def ask(
    client: TestClient, library: Path, album: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[list[object], list[object]]]:
    """Function that asks one question by command and by request, and returns both lists of answers."""
    listed = [
        one for kind in ("image", "music") for one in get(client, "/items", kind=kind, limit=200)["items"]
    ]
    ids = {item["path"]: item["id"] for item in listed}

    def run(
        command: str, route: str, files: list[str], **options: object
    ) -> tuple[list[object], list[object]]:
        arguments = [command, *(str(album / file) for file in files), "--json", "--library", str(library)]
        parameters: dict[str, object] = {"like": [ids[str(album / file)] for file in files]}
        for name, value in options.items():
            flag = f"--{name.replace('_', '-')}"
            if value is True:
                arguments.append(flag)
            else:
                arguments += [flag, str(album / str(value)) if name in ("in", "not") else str(value)]
            served = {"not": "unlike"}.get(name, name)
            parameters[served] = ids[str(album / str(value))] if name == "not" else value
            if name == "in":
                parameters[served] = str(album / str(value))
        assert cli.run(arguments) == 0
        told, served_answers = json.loads(capsys.readouterr().out), get(client, route, **parameters)
        assert told["notes"] == served_answers["notes"]
        shown = ("rank", "path", "score", "fit", "correspondence", "closeness", "moment", "alike", "why")
        shown += ("taken", "rating", "title", "mood", "valence", "arousal", "place", "quadrants")
        return tuple(
            [[one[key] for key in shown] for one in found["results"]] for found in (told, served_answers)
        )  # type: ignore[return-value]

    return run


REACHED_BY_SOME = "the middle of the first and the last score"


def set_least_score(options: dict[str, object], plain: Sequence[Sequence[float]]) -> dict[str, object]:
    """Return the options with a least score that the first plain answer reaches and the last does not.

    What scores files get is up to the backbones and the network.
    """
    if options.get("min_score") != REACHED_BY_SOME:
        return options
    (_, _, best, *_), (_, _, last, *_) = plain[0], plain[-1]
    assert best > last
    return options | {"min_score": (best + last) / 2}


CASES: list[dict[str, object]] = [
    {},
    {"min_score": REACHED_BY_SOME},
    {"in": "one"},
    {"exclude": "*small*"},
    {"taken": "2022..2023-07-06"},
    {"rating": 3},
    {"diverse": 1.0},
    {"all_alike": True},
    {"per_folder": 2},
    {"from": "0:04", "to": "12.5"},
    {"not": "one/01.jpg"},
    {"mood": "calm"},
    {"words": "a calm evening by the sea"},
    {"words": "a calm evening by the sea", "meaning": 0.9, "why": True},
    {"not_words": "a table", "rating": 3},
    {"why": True},
    {"mood": "sad", "all_alike": True, "taken": "2021..", "not": "song 3.ogg", "why": True, "from": "3"},
]


@pytest.mark.parametrize("options", CASES, ids=lambda options: " ".join(options) or "none")
def test_pictures_for_a_song(ask: Callable[..., tuple[object, object]], options: dict[str, object]) -> None:
    plain, _ = ask("find-images", "/images", ["song 0.ogg"], limit=6)
    told, served = ask("find-images", "/images", ["song 0.ogg"], limit=6, **set_least_score(options, plain))
    assert told == served
    assert told
    assert not options or told != plain


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"min_score": REACHED_BY_SOME},
        {"in": "one"},
        {"exclude": "*3*"},
        {"diverse": 1.0, "limit": 2},
        {"per_artist": 1},
        {"rating": 2},
        {"per_folder": 2},
        {"not": "song 1.ogg"},
        {"mood": "calm"},
        {"words": "sad piano", "not_words": "loud rock", "meaning": 0.3},
        {"why": True},
    ],
    ids=lambda options: " ".join(options) or "none",
)
def test_songs_for_pictures(ask: Callable[..., tuple[object, object]], options: dict[str, object]) -> None:
    query = {"limit": options.get("limit", 4), "all_alike": True}
    seeds = ["one/01.jpg", "undated.jpg"]
    plain, _ = ask("find-music", "/music", seeds, **query)
    told, served = ask("find-music", "/music", seeds, **query | set_least_score(options, plain))
    assert told == served
    assert told
    assert not options or told != plain


def test_songs_that_are_alike_are_one_answer(ask: Callable[..., tuple[object, object]]) -> None:
    told, served = ask("find-music", "/music", ["one/01.jpg"], limit=4)
    assert told == served
    assert told != ask("find-music", "/music", ["one/01.jpg"], limit=4, all_alike=True)[0]


@pytest.mark.parametrize(
    "options",
    [
        {"mood": "calm"},
        {"valence": 0.1, "arousal": -0.2},
        {"mood": "sad", "taken": "2022"},
        {"mood": "sad", "all_alike": True, "in": "one"},
        {"mood": "sad", "diverse": 0.5, "exclude": "*.png"},
        {"mood": "festive", "kind": "music", "per_artist": 1, "min_score": 0.1},
        {"mood": "festive", "per_folder": 1},
        {"mood": "calm", "rating": 4},
        {"words": "a calm evening by the sea", "why": True},
        {"words": "calm", "mood": "sad", "not_words": "a table", "in": "one"},
        {"mood": "calm", "kind": "music", "rating": 3},
    ],
    ids=lambda options: " ".join(options),
)
def test_files_near_a_point(ask: Callable[..., tuple[object, object]], options: dict[str, object]) -> None:
    told, served = ask("browse", "/browse", [], limit=5, **options)
    assert told == served
    assert told


@pytest.mark.parametrize(
    ("command", "route", "only_served"),
    [
        ("find-images", "/images", {"like", "offset"}),
        ("find-music", "/music", {"like", "offset", "from", "to"}),  # a request may ask with songs, too
        ("browse", "/browse", {"offset"}),
    ],
)
def test_each_parameter_is_in_both(
    client: TestClient, command: str, route: str, only_served: set[str]
) -> None:
    root = typer.main.get_command(cli.build_app())
    options = {flag for one in root.commands[command].params for flag in one.opts if flag[0] == "-"}  # type: ignore[attr-defined]
    options = {flag for flag in options if flag[:2] == "--"} - NOT_OF_THE_QUERY
    taken = {flag[2:].replace("-", "_") for flag in options - {"--not"}} | (
        {"unlike"} if "--not" in options else set()
    )
    described = get(client, "/openapi.json")["paths"][API + route]["get"]["parameters"]
    assert taken | only_served == {one["name"] for one in described}
    assert all(one["description"] for one in described)


@pytest.mark.parametrize(
    ("command", "query"),
    [
        ("find-images", "taken=20233"),
        ("find-images", "taken=2023..2021"),
        ("find-images", "from=abc"),
        ("find-images", "to=1:x"),
        ("find-images", "from=9&to=4"),
        ("find-images", "from=1000"),
        ("find-images", "mood=peckish"),
        ("find-images", "words= "),
        ("find-images", "meaning=0.5"),
        ("find-images", "words=which of them"),
        ("browse", "words=sad&meaning=1"),
        ("browse", "not_words=sad"),
        ("browse", "mood=peckish"),
        ("browse", "valence=0.1"),
        ("browse", "valence=0.1&mood=calm"),
        ("browse", "mood=calm&kind=film"),
        ("browse", "mood=calm&kind=music&taken=2023"),
        ("browse", "mood=calm&per_artist=1"),
        ("browse", ""),
    ],
)
def test_the_sentence_of_an_error_is_the_same(
    client: TestClient,
    library: Path,
    album: Path,
    capsys: pytest.CaptureFixture[str],
    command: str,
    query: str,
) -> None:
    pairs = [pair.split("=") for pair in query.split("&") if pair]
    options = [part for name, value in pairs for part in (f"--{name.replace('_', '-')}", value)]
    files = [str(album / "song 0.ogg")] if command == "find-images" else []
    assert cli.run([command, *files, *options, "--library", str(library)]) == 2
    told = capsys.readouterr().err.removeprefix("attune: ").rstrip("\n")
    song_id = get(client, "/items", kind="music", q="song 0")["items"][0]["id"]
    route = f"/images?like={song_id}&" if files else "/browse?"
    served = refused(client.get(API + route + query), 400, "bad_request")
    # Errors of the network's features name the options of the command in both.
    plain = re.sub(r"--([a-z-]+)", lambda name: name[1].replace("-", "_"), told)
    assert served in (told, plain)


@pytest.mark.parametrize(
    "query",
    [
        "min_score=3",
        "diverse=-1",
        "diverse=2",
        "limit=0",
        "per_folder=0",
        "rating=0",
        "rating=6",
        "per_folder=x",
        "all_alike=x",
    ],
)
def test_the_range_of_a_value_is_the_same(
    client: TestClient, library: Path, album: Path, capsys: pytest.CaptureFixture[str], query: str
) -> None:
    name, value = query.split("=")
    flag = f"--{name.replace('_', '-')}"
    song_id = get(client, "/items", kind="music", q="song 0")["items"][0]["id"]
    served = refused(client.get(f"{API}/images?like={song_id}&{query}"), 422, "bad_request")
    assert served.startswith(f"{name}: Input should be ")
    if value != "x":
        command = ["find-images", str(album / "song 0.ogg"), flag, value, "--library", str(library)]
        assert cli.run(command) == 2
        assert served.removeprefix(f"{name}: ") in capsys.readouterr().err


def test_varied_answers_have_one_page_and_explanations_a_limit(client: TestClient) -> None:
    like = get(client, "/items", kind="music")["items"][0]["id"]
    varied = client.get(f"{API}/images?like={like}&diverse=0.5&offset=3")
    assert "offset" in refused(varied, 400, "bad_request")
    many = client.get(f"{API}/images?like={like}&why=true&limit={MAX_EXPLAINED + 1}")
    assert str(MAX_EXPLAINED) in refused(many, 400, "bad_request")


def test_an_uploaded_picture_is_explained_without_its_file(client: TestClient, tmp_path: Path) -> None:
    """The name of an upload is the client's: the server must not open it, even if there is such a file."""
    picture = photo(tmp_path / "mine.png", 77)
    sent = client.post(
        f"{API}/music", params={"why": True, "limit": 3}, files={"like": (str(picture), picture.read_bytes())}
    )
    assert sent.status_code == 200, sent.text
    assert all(
        "song fits best at" in one["why"]
        and one["why"].endswith("cannot be looked at: the file was not kept")
        for one in sent.json()["results"]
    )


def test_answers_of_the_kind_of_the_query_are_explained(client: TestClient) -> None:
    for kind, route, part in (
        ("image", "/images", "; picture: "),
        ("music", "/music", "; song fits best at "),
    ):
        like = get(client, "/items", kind=kind)["items"][0]["id"]
        for one in get(client, route, like=like, limit=3, why=True)["results"]:
            assert part in one["why"]
            assert "cannot be looked at" not in one["why"]


_PATTERNS = ("two", "two/", "TWO", "/two", "**/two", "two/**")
_RELATIVE_PATHS = ("./{album}/two", "{album}/two/", "../{above}/{album}/two")
_PATHS = (
    "{path}/two",
    "{path}/two/",
    "{link}/two",
    "{two}",
    "file://{path}/two",
    "file://localhost{path}/tw%6F/",
)


@pytest.mark.parametrize("spelling", [*_PATTERNS, *_RELATIVE_PATHS, *_PATHS])
def test_one_exclusion_in_many_spellings(
    client: TestClient,
    library: Path,
    album: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    spelling: str,
) -> None:
    monkeypatch.chdir(album.parent)
    (tmp_path / "link").symlink_to(album)
    (tmp_path / "hidden").symlink_to(album / "two")
    text = spelling.format(
        album=album.name, above=album.parent.name, path=album, link=tmp_path / "link", two=tmp_path / "hidden"
    )
    arguments = ["find-images", str(album / "song 0.ogg"), "-n", "50", "--all-alike", "--json"]
    assert cli.run([*arguments, "--library", str(library), "--exclude", text]) == 0
    told = json.loads(capsys.readouterr().out)
    (song,) = get(client, "/items", kind="music", q="song 0.ogg")["items"]
    served = get(client, "/images", like=song["id"], limit=50, all_alike=True, exclude=text)
    rules = ExclusionRules(
        [str(album)], [*DEFAULT_EXCLUSIONS, resolve_exclusion(text, [str(album)], str(Path.cwd()))]
    )
    built = scan([Root(str(album))], library, rules)
    photos = (path for path in album.rglob("*.*") if path.suffix in (".jpg", ".png"))
    expected = {str(path) for path in photos if path.parent.name != "two"}
    assert {one["path"] for one in told["results"]} == {one["path"] for one in served["results"]} == expected
    assert {one.stamp.path for one in built.candidates if one.kind == "image"} == expected
    assert told["notes"] == served["notes"] == []


@pytest.mark.parametrize(
    ("option", "value", "note"),
    [
        ("exclude", "privat", "exclude privat: matches nothing in this library"),
        ("exclude", "!one/", None),
        ("exclude", "two/*", None),
        ("taken", "2022", "4 of 16 pictures have no date of capture and are left out"),
        ("in", "{path}/none", "{path}/none: no picture of the library lies below this folder"),
        ("in", "{path}/two", None),
    ],
)
def test_an_answer_says_what_a_filter_does_not_do(
    client: TestClient,
    library: Path,
    album: Path,
    capsys: pytest.CaptureFixture[str],
    option: str,
    value: str,
    note: str | None,
) -> None:
    (album / "none").mkdir(exist_ok=True)
    value, notes = value.format(path=album), [] if note is None else [note.format(path=album)]
    arguments = ["browse", "--mood", "calm", f"--{option}", value, "--library", str(library)]
    for form in ([], ["--paths"], ["--quiet"]):
        assert cli.run([*arguments, *form]) == 0
        printed = capsys.readouterr()
        assert printed.err == "".join(f"Note: {one}\n" for one in notes)
        assert "matches nothing in" not in printed.out and "left out" not in printed.out
    assert cli.run([*arguments, "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["notes"] == notes
    assert printed.err == ""
    assert get(client, "/browse", mood="calm", **{option: value})["notes"] == notes


def test_exclusions_that_make_no_sense_are_refused(
    client: TestClient, library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for text in (" ", "a\\", "./nowhere", "file://elsewhere/a"):
        assert cli.run(["browse", "--mood", "calm", "--library", str(library), "--exclude", text]) == 2
        told = capsys.readouterr().err
        assert told.count("\n") == 1
        assert (
            refused(client.get(f"{API}/browse?mood=calm&exclude={quote(text)}"), 400, "bad_request") in told
        )
