"""A library as a table: the numbers of the queries, a row for each file, one generation."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pandas
import pyarrow.parquet
import pytest

import attune
from attune.core.library_address import LibraryAddress
from attune.core.progress import SilentProgress
from attune.embedding.network import Network
from attune.embedding.silent_patches import average_sounding
from attune.indexer.library import LibraryReader
from attune.retrieval import export_table
from attune.retrieval.export_table import ExportRequest, ExportTable, export_library
from attune.tests.conftest import PHOTOS, SONGS, folder_of, run_build
from attune.tests.e2e.command import attune as run_attune
from attune.tests.e2e.command import attune_json
from attune.tests.media_factory import photo

MOODS = [
    *("path", "kind", "mood", "valence", "arousal", "positive", "neutral", "negative"),
    *("q1", "q2", "q3", "q4", "place_valence", "place_arousal"),
]
FACTS = ["title", "artist", "taken", "rating", "duration_s"]
BOTH = [".csv", ".parquet"]


@pytest.fixture(scope="module")
def exported(either_built: LibraryAddress) -> Iterator[attune.Library]:
    with attune.open(either_built) as opened:
        yield opened


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_table, "_BATCH", 5)


def read(path: Path) -> pandas.DataFrame:
    return pandas.read_parquet(path) if path.suffix == ".parquet" else pandas.read_csv(path)


@pytest.mark.parametrize("suffix", BOTH)
def test_it_has_the_numbers_of_moods(exported: attune.Library, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"table{suffix}"
    summary = exported.export(path)
    assert (summary.rows, summary.lost_features, summary.notes) == (PHOTOS + SONGS, 0, ())
    frame = read(path)
    assert list(frame) == MOODS + FACTS
    pandas.testing.assert_frame_equal(frame[MOODS], pandas.DataFrame(exported.moods())[MOODS])
    count = duckdb.sql(f"SELECT kind, count(*), avg(valence) FROM '{path}' GROUP BY kind ORDER BY kind")
    means = frame.groupby("kind")["valence"].mean()
    assert count.fetchall() == [
        ("image", PHOTOS, pytest.approx(means["image"])),
        ("music", SONGS, pytest.approx(means["music"])),
    ]


def test_the_first_columns_are_the_file_that_moods_write(exported: attune.Library, tmp_path: Path) -> None:
    exported.moods().to_csv(tmp_path / "moods.csv")
    exported.export(tmp_path / "table.csv")
    moods, table = ((tmp_path / name).read_text().splitlines() for name in ("moods.csv", "table.csv"))
    assert all(row.startswith(f"{mood},") for mood, row in zip(moods, table, strict=True))


def test_scores_are_those_of_the_commands(
    exported: attune.Library, either_built: LibraryAddress, media: Path, tmp_path: Path
) -> None:
    song = media / "song 1.ogg"
    exported.export(tmp_path / "table.parquet", score_against=song)
    frame = read(tmp_path / "table.parquet").set_index("path")
    found = attune_json("find-images", song, "-n", PHOTOS, "--all-alike", library=either_built)["results"]
    assert len(found) == PHOTOS
    for result in found:
        row = frame.loc[result["path"]]
        assert row["score"] == pytest.approx(result["score"], abs=1e-6)
        assert row["correspondence"] == pytest.approx(result["correspondence"], abs=1e-9)
    for mood in attune_json("mood", found[0]["path"], song, library=either_built)["files"]:
        row = frame.loc[mood["path"]]
        assert (row["valence"], row["arousal"], row["mood"]) == (
            mood["valence"],
            mood["arousal"],
            mood["mood"],
        )
    songs = frame[frame["kind"] == "music"]
    assert len(songs) == SONGS and songs[["score", "correspondence"]].isna().all(axis=None)


def test_the_query_may_be_several_files_of_one_kind(
    exported: attune.Library, media: Path, tmp_path: Path
) -> None:
    songs = [media / "song 1.ogg", media / "song 2.m4a"]
    exported.export(tmp_path / "table.csv", "image", score_against=songs)
    scores = read(tmp_path / "table.csv").set_index("path")["score"]
    for answer in exported.find_images(*songs, limit=PHOTOS, all_alike=True):
        assert scores[answer.path] == pytest.approx(answer.score, abs=1e-6)
    with pytest.raises(attune.UsageError, match="pictures only, or songs only"):
        exported.export(tmp_path / "table.csv", score_against=[songs[0], media / "photo 00.jpg"])
    with pytest.raises(attune.UsageError, match="a song is scored against pictures"):
        exported.export(tmp_path / "table.csv", "music", score_against=songs[0])


@pytest.mark.parametrize("suffix", BOTH)
def test_embeddings_come_back_bit_by_bit(exported: attune.Library, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"table{suffix}"
    exported.export(path, "image", embeddings=True)
    frame = read(path)
    paths, vectors = exported.embeddings("image")
    assert frame["path"].tolist() == paths
    if suffix == ".parquet":
        read_vectors = np.stack(frame["embedding"].tolist())
    else:
        read_vectors = frame[[f"e_{index}" for index in range(128)]].to_numpy(np.float32)
    assert read_vectors.dtype == np.float32 and read_vectors.tobytes() == vectors.tobytes()


def test_parquet_says_where_it_comes_from(exported: attune.Library, network: Network, tmp_path: Path) -> None:
    exported.export(tmp_path / "table.parquet", "image", embeddings=True)
    schema = pyarrow.parquet.read_schema(tmp_path / "table.parquet")
    assert {key.decode(): value.decode() for key, value in schema.metadata.items()} == {
        "attune.version": attune.__version__,
        "attune.network": network.id,
        "attune.generation": "1",
    }
    assert schema.field("embedding").type.list_size == 128


def test_features_are_the_means_of_what_sounds(built: Path, network: Network, tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    with LibraryReader(built) as library:
        request = ExportRequest("music", features=True)
        assert export_library(path, library, network, request, SilentProgress()).lost_features == 0
        items = library.items(library.ids("music").tolist()).values()
        by_path = {item.path: library.features(item, network.backbones["music"]) for item in items}
    frame = read(path)
    for file, features in zip(frame["path"], frame["features"], strict=True):
        np.testing.assert_array_equal(features, average_sounding(by_path[file]))


@pytest.mark.parametrize("suffix", BOTH)
def test_lost_features_are_nulls_and_said(
    tmp_path: Path, library: LibraryAddress, own_media: Path, network: Network, suffix: str
) -> None:
    run_build(library, network, own_media)
    (store,) = (folder_of(library) / "features").glob(f"{network.backbones['image'].id}.f16")
    with store.open("r+b") as file:  # the features of the first item
        file.write(bytes(2 * network.backbones["image"].width))
    path = tmp_path / f"table{suffix}"
    with attune.open(library) as opened:
        summary = opened.export(path, "image", features=True)
    assert (summary.rows, summary.lost_features) == (PHOTOS, 1)
    assert summary.notes == (
        f"1 of {PHOTOS} files have lost their features, and empty cells in their place; "
        "`attune repair` computes them again",
    )
    frame = read(path)
    lost = frame["features" if suffix == ".parquet" else "f_0"].isna()
    assert lost.sum() == 1 and frame["valence"].notna().all()


def test_features_of_both_kinds_do_not_fit_one_column(exported: attune.Library, tmp_path: Path) -> None:
    with pytest.raises(attune.UsageError, match="choose one kind"):
        exported.export(tmp_path / "table.csv", features=True)


def test_folders_and_exclusions(exported: attune.Library, media: Path, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    summary = exported.export(path, "image", below=[media / "below"], exclude=["*.png", "nothing"])
    assert summary.notes == ("exclude nothing: matches nothing in this library",)
    expected = [row.path for row in exported.moods("image") if Path(row.path).parent.name == "below"]
    assert read(path)["path"].tolist() == [one for one in expected if not one.endswith(".png")] != []


@pytest.mark.parametrize("suffix", BOTH)
def test_an_empty_library_has_a_header(
    tmp_path: Path, library: LibraryAddress, network: Network, suffix: str
) -> None:
    (tmp_path / "media").mkdir()
    run_build(library, network, tmp_path / "media")
    with attune.open(library) as opened:
        assert opened.export(tmp_path / f"table{suffix}", embeddings=True).rows == 0
    assert len(read(tmp_path / f"table{suffix}")) == 0
    assert list(read(tmp_path / f"table{suffix}"))[: len(MOODS)] == MOODS


def test_a_build_meanwhile_changes_nothing(
    tmp_path: Path, library: LibraryAddress, own_media: Path, network: Network
) -> None:
    run_build(library, network, own_media)
    with LibraryReader(library) as opened:
        table = ExportTable(opened, network, ExportRequest(embeddings=True))
        batches = table.read(SilentProgress())
        paths = list(next(batches)["path"])
        for seed, gone in enumerate(own_media.glob("*.jpg")):
            gone.unlink()
            photo(own_media / f"new {seed}.jpg", 100 + seed)
        assert run_build(library, network, own_media).added
        for batch in batches:
            paths += batch["path"]
    assert len(paths) == PHOTOS + SONGS and not any("new" in path for path in paths)


@pytest.mark.parametrize("suffix", BOTH)
def test_a_kill_in_the_middle_leaves_the_old_file(built: Path, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"table{suffix}"
    path.write_text("old")
    code = (
        "import os, signal, sys, attune\n"
        "from attune.indexer.library import LibraryReader\n"
        "from attune.retrieval import export_table\n"
        "export_table._BATCH = 5\n"
        "items, calls = LibraryReader.items, []\n"
        "def killed(reader, ids):\n"
        "    calls.append(ids)\n"
        "    if len(calls) == 3: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return items(reader, ids)\n"
        "LibraryReader.items = killed\n"
        "attune.open(sys.argv[1]).export(sys.argv[2], embeddings=True)\n"
    )
    result = subprocess.run([sys.executable, "-c", code, built, path], capture_output=True, text=True)
    assert result.returncode == -9, result.stderr
    assert path.read_text() == "old"


def test_the_command(either_built: LibraryAddress, media: Path, tmp_path: Path) -> None:
    printed = run_attune("export", "--kind", "music", "-q", library=either_built)
    assert (printed.returncode, printed.stderr) == (0, "")
    assert printed.stdout.splitlines()[0] == ",".join(MOODS + FACTS)
    assert len(printed.stdout.splitlines()) == 1 + SONGS
    written = run_attune("export", tmp_path / "table.csv", "--kind", "music", library=either_built)
    assert (written.returncode, written.stdout) == (0, "")
    assert written.stderr == f"Written: {tmp_path / 'table.csv'}, {SONGS} rows\n"
    assert (tmp_path / "table.csv").read_text() == printed.stdout
    options = ("--embeddings", "--score-against", media / "song 1.ogg", "-o", tmp_path / "table.parquet")
    assert run_attune("export", *options, library=either_built).returncode == 0
    assert "embedding" in read(tmp_path / "table.parquet")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("table.txt",), "name a .csv or a .parquet file"),
        (("a.csv", "-o", "b.csv"), "name one file"),
        (("--features",), "add --kind image or --kind music"),
        (("--in", "nowhere"), "nowhere: no such folder"),
        (("--score-against", "nowhere.mp3"), "no such file"),
        (("nowhere/a.csv",), "no such folder"),
    ],
)
def test_wrong_use_is_one_line(built: Path, arguments: tuple[str, ...], words: str) -> None:
    result = run_attune("export", *arguments, library=built)
    assert (result.returncode, result.stdout) == (2, "")
    assert words in result.stderr and result.stderr.count("\n") == 1


def test_a_reader_that_stops_early_is_no_failure(built: Path) -> None:
    command = f"'{Path(sys.executable).with_name('attune')}' export --embeddings | head -1"
    environment = os.environ | {"ATTUNE_LIBRARY": str(built)}
    result = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, env=environment
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("path,kind,mood")
