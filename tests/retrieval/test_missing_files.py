"""Files that have vanished since the build, or whose disk does not reply, in queries and their output."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import attune
from attune import cli
from attune.core.errors import AttuneError, MediaError, UnreachableMedia, UsageError
from attune.core.progress import SilentProgress
from attune.embedding.network import Network
from attune.indexer.library import LibraryReader
from attune.retrieval.library_map import load_layers
from attune.retrieval.map_page import write_map_page
from attune.retrieval.match import match
from attune.retrieval.queries import find
from attune.retrieval.search import Filters
from attune.retrieval.seeds import QueryResolver, Span
from attune.retrieval.story.picture_candidates import gather_candidates
from attune.retrieval.story.soundtrack import compose_soundtrack
from attune.tests.conftest import PHOTOS, SONGS, run_build
from attune.tests.e2e.command import ATTUNE
from attune.tests.faults.mounts import stalled_disk
from attune.tests.retrieval.story.test_soundtrack import photo_at


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory, media: Path) -> Path:
    """A folder that tests take away and bring back: a disk with the files of `media`."""
    return Path(shutil.copytree(media, tmp_path_factory.mktemp("mnt") / "disk"))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, disk: Path, network: Network) -> Path:
    folder = tmp_path_factory.mktemp("library") / "library"
    run_build(folder, network, disk)
    return folder


@contextlib.contextmanager
def away(path: Path) -> Iterator[None]:
    """Take a file or folder away until the block ends."""
    hidden = path.with_name(f"{path.name} away")
    path.rename(hidden)
    try:
        yield
    finally:
        hidden.rename(path)


def run(library: Path, *arguments: object) -> int:
    return cli.run([str(one) for one in (*arguments, "--library", library)])


def read_json(text: str) -> dict[str, list[dict[str, object]]]:
    document: dict[str, list[dict[str, object]]] = json.loads(text)
    return document


def test_an_answer_says_whether_its_file_is_there(
    library: Path, disk: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = ("find-images", disk / "song 0.flac", "-n", PHOTOS, "--json")
    assert run(library, *asked) == 0
    assert not any(one["missing"] for one in read_json(capfd.readouterr().out)["results"])
    with away(disk / "below"):
        assert run(library, *asked) == 0
    results = read_json(capfd.readouterr().out)["results"]
    assert len(results) == PHOTOS
    assert [one["missing"] for one in results] == ["/below/" in str(one["path"]) for one in results]


def test_a_table_and_a_page_mark_what_is_gone(
    library: Path, disk: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    with away(disk / "photo 00.jpg"):
        assert run(library, "find-images", disk / "song 0.flac", "-n", PHOTOS, "--html", page) == 0
    lines = capfd.readouterr().out.splitlines()
    marked = [line for line in lines if line.strip() == "not there now"]
    assert len(marked) == 1
    assert any("photo 00.jpg" in line for line in lines[: lines.index(marked[0])][-2:])
    assert f"{disk / 'photo 00.jpg'}: not there now" in page.read_text()
    assert page.read_text().count("<img ") == PHOTOS - 1


@pytest.mark.parametrize(("option", "end"), [("--paths", "\n"), ("-0", "\0")])
def test_a_list_for_programs_leaves_out_what_is_gone(
    library: Path, disk: Path, capfd: pytest.CaptureFixture[str], option: str, end: str
) -> None:
    with away(disk / "photo 00.jpg"):
        assert run(library, "find-images", disk / "song 0.flac", "-n", PHOTOS, option) == 0
    printed, notes = capfd.readouterr()
    assert len(printed.split(end)) == PHOTOS and "photo 00" not in printed
    assert notes == "Note: 1 of 14 pictures is not there now and was left out of the list\n"


def test_a_playlist_leaves_out_what_is_gone(
    library: Path, disk: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with away(disk / "song 1.ogg"), away(disk / "song 3.mp3"):
        assert run(library, "find-music", disk / "photo 00.jpg", "--m3u", tmp_path / "a.m3u", "-q") == 0
    assert capfd.readouterr().err == (
        f"Note: 2 of {SONGS} songs are not there now and were left out of the playlist\n"
    )
    entries = [line for line in (tmp_path / "a.m3u").read_text().splitlines() if line[0] != "#"]
    assert sorted(os.path.basename(entry) for entry in entries) == ["song 0.flac", "song 2.m4a"]  # noqa: PTH119


@pytest.mark.parametrize("name", ["song 0.flac", "song 3.mp3"])
def test_a_song_that_is_gone_is_searched_with_all_the_same(
    library: Path, disk: Path, network: Network, name: str
) -> None:
    with LibraryReader(library) as opened:
        before = find(opened, network, QueryResolver(opened, network), [str(disk / name)], Filters())
        part = QueryResolver(opened, network).seed(str(disk / name), Span(2.0, 6.0))
        with away(disk / name):
            seeds = QueryResolver(opened, network)
            after = find(opened, network, seeds, [str(disk / name)], Filters())
            np.testing.assert_array_equal(seeds.seed(str(disk / name), Span(2.0, 6.0)).vector, part.vector)
    assert [(one.path, one.score) for one in after.results] == [
        (one.path, one.score) for one in before.results
    ]
    assert [entry.missing for entry in (*before.query, *after.query)] == [False, True]


def test_people_read_that_the_library_answered_for_the_file(
    library: Path, disk: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    song, picture = disk / "song 0.flac", disk / "photo 00.jpg"
    with away(song), away(picture):
        for arguments in (("find-images", song), ("mood", song), ("match", picture, song)):
            assert run(library, *arguments) == 0
            printed, notes = capfd.readouterr()
            for path in arguments[1:]:
                assert f"Note: {path} is not there now; what the library knows of it was used\n" in notes
            assert "song 0.flac: feels" in printed or arguments[0] == "mood"
        assert run(library, "find-images", song, "--json", "--why", "-n", 1) == 0
        (entry,) = read_json(capfd.readouterr().out)["query"]
        assert entry["missing"] is True


def test_a_file_that_nobody_knows_is_an_error_of_one_line(
    library: Path, disk: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for command in ("find-images", "mood", "storyboard"):
        assert run(library, command, disk / "never.mp3") == 2
        assert capfd.readouterr().err == f"attune: {disk / 'never.mp3'}: no such file\n"
    with away(disk / "song 0.flac"):  # a film holds the song's sound
        assert run(library, "storyboard", disk / "song 0.flac") == 2
        assert "song 0.flac: no such file\n" in capfd.readouterr().err
        assert run(library, "find-music", disk / "song 0.flac") == 2
        assert "is music, not a picture" in capfd.readouterr().err


def test_lost_features_of_a_file_that_is_gone_are_an_error_that_names_it(
    library: Path, disk: Path, network: Network, tmp_path: Path
) -> None:
    broken = Path(shutil.copytree(library, tmp_path / "broken"))
    for path in (broken / "features").glob("*.f16"):
        path.write_bytes(bytes(path.stat().st_size))
    song, picture = str(disk / "song 0.flac"), str(disk / "photo 00.jpg")
    message = r"song 0\.flac: not there now, and the library has lost"
    with LibraryReader(broken) as opened, away(Path(song)), pytest.raises(UnreachableMedia, match=message):
        match(QueryResolver(opened, network), network, picture, song)


def test_a_filter_by_a_folder_whose_disk_is_away(
    library: Path, disk: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with away(disk / "below"):
        assert run(library, "browse", "--mood", "calm", "--in", disk / "below", "--json") == 0
        assert len(read_json(capfd.readouterr().out)["results"]) == PHOTOS // 2
        assert run(library, "browse", "--mood", "calm", "--in", disk / "above") == 2
        assert capfd.readouterr().err == f"attune: --in {disk / 'above'}: no such folder\n"


def test_python_sees_what_is_gone(library: Path, disk: Path, network_folder: Path) -> None:
    network = str(network_folder)
    with (
        away(disk / "photo 00.jpg"),
        away(disk / "song 0.flac"),
        attune.open(library, network) as opened,
    ):
        answers = opened.find_images(disk / "song 0.flac", limit=PHOTOS)
        (gone,) = (one for one in answers if one.missing)
        assert gone.path == str(disk / "photo 00.jpg")
        assert "the file is not there now" in gone.why()
        assert "not there now" in gone._repr_html_() and "<img" not in gone._repr_html_()
        assert "not there now" in opened.match(gone.path, disk / "song 0.flac")._repr_html_()
        with pytest.raises(UsageError, match="no such folder"):
            opened.browse(mood="calm", below=[disk / "above"])
    with pytest.raises(UsageError, match="no such file"):
        attune.embed(disk / "never.jpg")


def test_a_film_and_a_soundtrack_choose_among_what_is_there(
    library: Path, disk: Path, network: Network
) -> None:
    queries = np.eye(3, 128, dtype=np.float32)
    photos = [photo_at(float(index), query) for index, query in enumerate(queries)]
    with LibraryReader(library) as opened:
        with away(disk / "below"), away(disk / "song 1.ogg"):
            found = gather_candidates(opened, network.backbones["image"], queries, Filters())
            assert found.missing == PHOTOS // 2
            assert len(found.items) == PHOTOS // 2
            assert not any("/below/" in item.path for item in found.items)
            track = compose_soundtrack(opened, network, photos, 1)
            assert "song 1.ogg" not in {Path(one.path).name for part in track.chapters for one in part.songs}
            assert "1 of 4 songs is not there now and was left out of the playlist" in track.notes
        with away(disk), pytest.raises(AttuneError, match="none of 4 songs is there now"):
            compose_soundtrack(opened, network, photos, 1)


def test_a_map_says_which_previews_it_lacks(library: Path, disk: Path, tmp_path: Path) -> None:
    with LibraryReader(library) as opened:
        layers = load_layers(opened)
        with away(disk / "below"), away(disk / "song 1.ogg"):
            notes = write_map_page(tmp_path / "map.html", opened, layers, SilentProgress())
    assert notes == [
        f"{PHOTOS // 2} of {PHOTOS} pictures are not there now and were left out of the map's thumbnails",
        f"1 of {SONGS} songs is not there now and was left out of the map's excerpts",
    ]


@pytest.mark.slow
@pytest.mark.mount
def test_a_disk_that_does_not_reply_stops_nobody(
    library: Path, disk: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    song, picture = disk / "song 0.flac", disk / "photo 00.jpg"
    outside = Path(shutil.copy2(song, tmp_path / "copy.flac"))
    with stalled_disk(disk) as mounted:
        if mounted is None:
            pytest.skip("needs /dev/fuse and the right to mount")
        began = time.monotonic()
        assert run(library, "find-images", song, "--json") == 0
        document = read_json(capfd.readouterr().out)
        assert all(one["missing"] for one in (*document["results"], *document["query"]))
        assert run(library, "find-images", outside, "--why", "--html", tmp_path / "a.html", "-n", 3) == 0
        assert run(library, "match", picture, song) == 0
        assert run(library, "mood", song) == 0
        assert run(library, "browse", "--mood", "calm", "--in", disk / "below", "--paths") == 0
        assert "left out of the list" in capfd.readouterr().err
        assert run(library, "mood", disk / "never.mp3") == 2
        assert capfd.readouterr().err == f"attune: {disk / 'never.mp3'}: its disk does not reply\n"
        assert time.monotonic() - began < 60.0


@pytest.mark.slow
@pytest.mark.mount
def test_a_disk_that_does_not_reply_keeps_no_command_from_ending(library: Path, disk: Path) -> None:
    command = [str(ATTUNE), "find-images", str(disk / "song 0.flac"), "--paths", "--library", str(library)]
    with stalled_disk(disk) as mounted:
        if mounted is None:
            pytest.skip("needs /dev/fuse and the right to mount")
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "" and "10 of 10 pictures are not there now" in done.stderr


def test_a_picture_of_a_query_is_not_decoded_without_its_file(
    library: Path, disk: Path, network: Network
) -> None:
    """A part of a song needs its features; a file outside the library needs its bytes."""
    with LibraryReader(library) as opened:
        outside = QueryResolver(None, network)
        with away(disk / "photo 00.jpg"):
            assert QueryResolver(opened, network).features(str(disk / "photo 00.jpg")).size
            with pytest.raises((UsageError, MediaError), match="no such file"):
                outside.seed(str(disk / "photo 00.jpg"))
