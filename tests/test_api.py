"""The Python interface: its names, its answers, its errors, its HTML for notebooks."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import attune
from attune.core.library_address import LibraryAddress
from attune.embedding.network import Network
from attune.tests.e2e.command import attune_json

NAMES = {
    *("build", "embed", "open"),
    *(
        "Library",
        "Answer",
        "AnswerList",
        "Match",
        "Moment",
        "EmbeddedFile",
        "ExportSummary",
        "FileMood",
        "MoodTable",
    ),
    *("FilterOptions", "SearchOptions"),
    *("AttuneError", "LibraryError", "MediaError", "UsageError"),
}


@pytest.fixture(scope="module")
def opened(either_built: LibraryAddress) -> Iterator[attune.Library]:
    with attune.open(either_built) as library:
        yield library


@pytest.fixture(scope="module")
def a_song(media: Path) -> Path:
    return (
        media / "below" / "song.flac" if (media / "below" / "song.flac").exists() else media / "song 0.flac"
    )


@pytest.fixture(scope="module")
def a_photo(media: Path) -> Path:
    return media / "photo 00.jpg"


def test_the_names_are_pinned() -> None:
    assert set(attune.__all__) == NAMES
    assert all(getattr(attune, name).__name__ == name for name in NAMES)
    assert {*NAMES, "__version__"} == set(dir(attune))
    with pytest.raises(AttributeError, match="no attribute 'search'"):
        attune.search  # noqa: B018


def test_the_methods_of_a_library_are_pinned() -> None:
    methods = {name for name in vars(attune.Library) if not name.startswith("_")}
    assert methods == {
        *(
            "find_images",
            "find_music",
            "match",
            "browse",
            "journey",
            "moods",
            "export",
            "embeddings",
            "skipped",
        ),
        "close",
    }


def test_answers_are_those_of_the_command(
    opened: attune.Library, either_built: LibraryAddress, network: Network, a_song: Path, a_photo: Path
) -> None:
    for found, command, file in (
        (opened.find_images(a_song, limit=5), "find-images", a_song),
        (opened.find_music(a_photo, limit=5), "find-music", a_photo),
    ):
        document = attune_json(command, file, "-n", 5, library=either_built)
        assert [(answer.rank, answer.path, answer.score) for answer in found] == [
            (result["rank"], result["path"], result["score"]) for result in document["results"]
        ]


def test_an_answer_tells_all_about_its_file(opened: attune.Library, a_photo: Path) -> None:
    answer = opened.find_music(a_photo, limit=1)[0]
    assert answer.item.kind == "music" and Path(answer.path).exists()
    assert answer.moment is not None and 0 <= answer.moment.start_s < answer.moment.end_s
    assert answer.duration_s is not None and -1 <= answer.valence <= 1 and -1 <= answer.arousal <= 1
    assert "song" in answer.why() and answer.why() == answer.why()


def test_conditions_are_obeyed(opened: attune.Library, media: Path, a_song: Path) -> None:
    below = opened.find_images(a_song, limit=50, below=[media / "below"])
    assert below and all(Path(answer.path).parent == media / "below" for answer in below)
    names = [Path(answer.path).suffix for answer in opened.find_images(a_song, exclude=["*.png"], limit=50)]
    assert names and ".png" not in names
    assert len(opened.find_images(a_song, per_folder=1, limit=50)) == 2
    assert opened.find_images(a_song, min_score=1.0) == []


def test_browse_and_moods_agree(opened: attune.Library, tmp_path: Path) -> None:
    table = opened.moods()
    assert len(table) == opened.images + opened.music
    nearest = opened.browse(mood="calm", limit=1)[0]
    assert {row.path: row.mood for row in table}[nearest.path] == nearest.mood
    table.to_csv(tmp_path / "moods.csv")
    with (tmp_path / "moods.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [row.path for row in table]
    assert float(rows[0]["valence"]) == table[0].valence


@pytest.mark.slow
def test_words_find_what_the_command_finds(
    own_library: LibraryAddress, network: Network, a_song: Path
) -> None:
    with attune.Library(own_library) as library:
        words = {"words": "a calm evening by the sea", "not_words": "sad", "meaning": 0.3, "limit": 5}
        options = ("--words", words["words"], "--not-words", "sad", "--meaning", 0.3, "-n", 5, "--why")
        for found, command in (
            (library.find_images(**words), ("find-images",)),
            (library.find_images(a_song, **words), ("find-images", a_song)),
            (library.find_music(**words), ("find-music",)),
            (library.browse(kind="music", mood="calm", **words), ("browse", "--kind=music", "--mood=calm")),
        ):
            document = attune_json(*command, *options, library=own_library)
            assert [(one.path, one.score, one.closeness, one.why()) for one in found] == [
                (one["path"], one["score"], one["closeness"], one["why"]) for one in document["results"]
            ]
        for wrong in ({}, {"words": " "}, {"meaning": 0.5}, {"words": "which of them"}, {"not_words": "sad"}):
            with pytest.raises(attune.UsageError, match=r"^[^\n]*$"):
                library.find_images(**wrong)


def test_a_file_is_embedded_as_the_library_does_it(
    opened: attune.Library, network: Network, a_song: Path, a_photo: Path
) -> None:
    for kind, file in (("image", a_photo), ("music", a_song)):
        paths, vectors = opened.embeddings(kind)
        embedded = attune.embed(file, network.source)
        assert embedded.vector @ vectors[paths.index(str(file))] == pytest.approx(1.0, abs=1e-4)
        assert embedded.mood.kind == kind and abs(np.linalg.norm(embedded.vector) - 1) < 1e-5


def test_wrong_questions_are_errors_in_one_line(
    opened: attune.Library, tmp_path: Path, a_song: Path, a_photo: Path
) -> None:
    with pytest.raises(attune.UsageError, match="is music, not a picture"):
        opened.find_music(a_song)
    with pytest.raises(attune.UsageError, match="at least one file"):
        opened.find_images()
    with pytest.raises(attune.UsageError, match="no such file"):
        opened.match(tmp_path / "none.jpg", a_song)
    with pytest.raises(attune.UsageError, match="unknown"):
        opened.find_music(a_photo, mood="blue")
    with pytest.raises(attune.UsageError, match="no option `limits`"):
        opened.find_music(a_photo, limits=3)  # type: ignore[call-arg]
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(attune.MediaError, match=r"broken\.jpg"):
        attune.embed(tmp_path / "broken.jpg")
    with pytest.raises(attune.LibraryError, match="no library here"):
        attune.open(tmp_path / "nowhere")


def test_a_closed_library_says_so(either_built: LibraryAddress, a_photo: Path) -> None:
    with attune.open(either_built) as library:
        answer = library.find_music(a_photo, limit=1)[0]
        assert answer.fit == 1.0
    with pytest.raises(attune.LibraryError, match="was closed"):
        answer.why()
    with pytest.raises(attune.LibraryError, match="was closed"):
        library.moods()


def test_a_build_says_what_it_left_out(library: LibraryAddress, own_media: Path, network: Network) -> None:
    (own_media / "broken.jpg").write_bytes(b"no picture")
    with attune.build(own_media, library=library, network=network.source, quiet=True, workers=1) as first:
        assert [Path(skipped.path).name for skipped in first.skipped] == ["broken.jpg"]
        assert str(first.images) in repr(first)
    for photo in own_media.glob("*.jpg"):
        photo.unlink()
    with attune.build(library=library, network=network.source, quiet=True) as refreshed:
        assert refreshed.images < first.images


def test_a_notebook_shows_pictures_and_players(
    opened: attune.Library, network: Network, a_song: Path, a_photo: Path
) -> None:
    assert "data:image/jpeg" in opened.find_images(a_song, limit=2)._repr_html_()
    assert "<audio" in opened.find_music(a_photo, limit=1)[0]._repr_html_()
    assert "<audio" in (html := opened.match(a_photo, a_song)._repr_html_()) and "data:image" in html
    assert "<table" in opened.moods()._repr_html_()
    assert "data:image/jpeg" in attune.embed(a_photo, network.source)._repr_html_()


@pytest.mark.slow
@pytest.mark.parametrize("from_stdin", [False, True])
def test_a_script_without_a_guard_runs_once(
    tmp_path: Path, own_media: Path, network: Network, from_stdin: bool
) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import attune\n"
        f"library = attune.build({str(own_media)!r}, library='library', "
        f"network={network.source!r}, quiet=True)\n"
        "print('images', library.images, 'skipped', len(library.skipped))\n"
    )
    result = subprocess.run(
        [sys.executable, *(["-"] if from_stdin else [str(script)])],
        input=script.read_text() if from_stdin else None,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
        timeout=120,
    )
    images = len(list(own_media.rglob("photo*")))
    assert (result.stdout, result.stderr) == (f"images {images} skipped 0\n", "")


def test_importing_the_package_loads_no_part_of_it() -> None:
    code = "import attune, sys; print([name for name in sys.modules if name.startswith('attune.')])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "address", ["postgresql://me:Tr0ub4dor@host/attune", "mysql://me:Tr0ub4dor@host/attune"]
)
def test_a_wrong_address_of_a_library_is_refused_without_its_password(address: str) -> None:
    for use in (attune.open, attune.Library, lambda library: attune.build(library=library)):
        with pytest.raises(attune.UsageError) as caught:
            use(address)
        assert "Tr0ub4dor" not in str(caught.value)
