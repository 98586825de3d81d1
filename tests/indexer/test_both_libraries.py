"""A library in a folder and one in a database, of the same files, give the same answers to everything."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attune import cli
from attune.core.library_address import DatabaseAddress, LibraryAddress
from attune.embedding.media_files import Kind
from attune.embedding.network import Network
from attune.indexer.catalogue import Catalogue
from attune.indexer.generations import KINDS
from attune.indexer.library import LibraryReader, count_items_below, read_status
from attune.indexer.library_store import open_store
from attune.indexer.records import EVERYTHING, Item, Selection, Stamp
from attune.tests.conftest import copy_database, run_build
from attune.tests.indexer.test_unreachable_roots import read_nothing, small_pictures
from attune.tests.media_factory import dated_photo, photo, song, xmp
from attune.tests.postgres_server import PostgresServer

PICTURES: Final = 48
SONGS: Final = 5
FOLDERS: Final = ("spring", "spring/trip", "summer", "50% off: a 'song's name")
YEARS: Final = range(2001, 2013)
QUERIES: Final = 200


@dataclass(frozen=True, slots=True)
class Pair:
    """Two libraries of the same files.

    Attributes:
        media: The folder of the files.
        folder: The library in a folder.
        database: The library in a database.
    """

    media: Path
    folder: Path
    database: DatabaseAddress

    def both(self) -> tuple[Path, DatabaseAddress]:
        """Return both libraries."""
        return self.folder, self.database


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures in several folders, some with dates and ratings, and songs."""
    root = tmp_path_factory.mktemp("album")
    for number, name in enumerate(FOLDERS):
        small_pictures(root / name, PICTURES // len(FOLDERS) - 3, seed=number)
        for seed, year in enumerate(YEARS[3 * number : 3 * number + 3]):
            path = dated_photo(root / name / f"{year}.jpg", 10 * number + seed, f"{year}:07:14 18:20:05")
            path.with_suffix(".xmp").write_bytes(xmp({"xmp:Rating": str(year % 6)}))
    for seed in range(SONGS):
        song(root / FOLDERS[seed % 2] / f"song {seed}.flac", seed, seconds=4.0 + seed)
    return root


@pytest.fixture(scope="module")
def template(
    album: Path, network: Network, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """A library in a folder, and the name of a database with one, both only to be copied."""
    folder = tmp_path_factory.mktemp("both") / "library"
    name = postgres.create_database()
    for library in (folder, DatabaseAddress(postgres.address(name))):
        run_build(library, network, album)
    return folder, name


@pytest.fixture(scope="module")
def pair(album: Path, template: tuple[Path, str], postgres: PostgresServer) -> Pair:
    """Libraries that tests only read."""
    return Pair(album, template[0], copy_database(postgres, template[1]))


@pytest.fixture
def own_pair(
    album: Path, template: tuple[Path, str], postgres: PostgresServer, tmp_path: Path
) -> Iterator[Pair]:
    """Libraries that a test may change."""
    folder = Path(shutil.copytree(template[0], tmp_path / "library"))
    database = copy_database(postgres, template[1])
    yield Pair(album, folder, database)
    postgres.drop_database(database.url.rpartition("/")[2])


@pytest.fixture(scope="module")
def readers(pair: Pair) -> Iterator[tuple[LibraryReader, LibraryReader]]:
    with ExitStack() as opened:
        folder, database = (opened.enter_context(LibraryReader(library)) for library in pair.both())
        yield folder, database


def random_query(seed: int) -> np.ndarray:
    vector = np.random.default_rng(seed).standard_normal(128).astype(np.float32)
    return vector / np.linalg.norm(vector)


def selections(media: Path) -> dict[str, Selection]:
    folders = [str(media / name) for name in FOLDERS]
    return {
        "everything": EVERYTHING,
        "a folder": Selection(below=(folders[0],)),
        "folders": Selection(below=(folders[1], folders[3])),
        "dates": Selection(taken=("2004", "2010-07-14")),
        "any date": Selection(taken=(None, None)),
        "rating": Selection(rating=3),
        "all": Selection((folders[0], folders[2]), ("2002", None), 1),
        "nothing": Selection(below=(str(media / "nowhere"),)),
    }


def ask(
    reader: LibraryReader, kind: Kind, query: np.ndarray, limit: int, selection: Selection
) -> tuple[list[str], np.ndarray]:
    ids, inner = reader.nearest(kind, query, limit, selection)
    items = reader.items(ids.tolist())
    return [items[item].path for item in ids.tolist()], inner


def check_equal_answers(
    readers: tuple[LibraryReader, LibraryReader], kind: Kind, seed: int, limit: int, selection: Selection
) -> int:
    query = random_query(seed)
    expected, found = (ask(reader, kind, query, limit, selection) for reader in readers)
    assert found[0] == expected[0]
    np.testing.assert_allclose(found[1], expected[1], atol=1e-6)
    return len(found[0])


@pytest.mark.parametrize("name", selections(Path("/")))
@pytest.mark.parametrize("kind", KINDS)
def test_random_queries_find_the_same(
    readers: tuple[LibraryReader, LibraryReader], pair: Pair, kind: Kind, name: str
) -> None:
    selection = selections(pair.media)[name]
    limits = (1, 2, 7, PICTURES - 1, PICTURES + 100)
    counts = {
        check_equal_answers(readers, kind, seed, limits[seed % len(limits)], selection)
        for seed in range(QUERIES // 8)
    }
    assert (max(counts) > 0) == (name != "nothing" and (kind == "image" or name not in PICTURES_ONLY))


PICTURES_ONLY: Final = {"dates", "any date", "rating", "all"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_selected(
    readers: tuple[LibraryReader, LibraryReader], pair: Pair, data: st.DataObject
) -> None:
    places = [
        str(pair.media),
        *(str(pair.media / name) for name in FOLDERS),
        str(pair.media / "spring/000.png"),
    ]
    dates = st.none() | st.sampled_from(["2001", "2003-07", "2003-07-14", "2003-07-14T18:20:05", "2010", "1"])
    selection = Selection(
        tuple(data.draw(st.lists(st.sampled_from([*places, "/", "/nowhere", "relative"]), max_size=4))),
        data.draw(st.none() | st.tuples(dates, dates)),
        data.draw(st.none() | st.integers(-1, 6)),
    )
    kind: Kind = data.draw(st.sampled_from(KINDS))
    limit, seed = data.draw(st.integers(0, PICTURES + 2)), data.draw(st.integers(0, 999))
    check_equal_answers(readers, kind, seed, limit, selection)
    folder, database = readers
    assert len(folder.ids(kind, selection)) == len(database.ids(kind, selection))
    assert folder.has_any(kind, selection) == database.has_any(kind, selection)


def by_path(reader: LibraryReader, kind: Kind) -> dict[str, Item]:
    items = reader.items(reader.ids(kind).tolist()).values()
    return {item.path: replace(item, id=0, feature_row=0) for item in items}


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_the_same(readers: tuple[LibraryReader, LibraryReader], pair: Pair, kind: Kind) -> None:
    folder, database = readers
    items = by_path(folder, kind)
    assert by_path(database, kind) == items
    assert len(items) == (PICTURES if kind == "image" else SONGS)
    places, moments, vectors, checksums = [], [], [], []
    for reader in readers:
        paths = dict(reader.paths(kind))
        ids = sorted(paths, key=paths.__getitem__)
        at = dict(zip(reader.places(kind)[0].tolist(), reader.places(kind)[1], strict=True))
        places.append([at[item] for item in ids])
        known = reader.moments(ids)
        moments.append([known[item] for item in ids if item in known])
        vectors.append(reader.vectors(ids))
        crcs = dict(zip(*(column.tolist() for column in reader.features_checksums(kind)), strict=True))
        checksums.append([crcs[item] for item in ids])
        assert sorted(reader.search(kind).sample(1 << 40).tolist()) == sorted(ids)
        assert len(reader.search(kind)) == len(ids)
    np.testing.assert_array_equal(*places)
    assert len(moments[0]) == len(moments[1]) == (0 if kind == "image" else SONGS)
    for one, other in zip(*moments, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(*vectors)
    assert checksums[0] == checksums[1]


def test_single_files_are_found_alike(readers: tuple[LibraryReader, LibraryReader], pair: Pair) -> None:
    for path in sorted(pair.media.rglob("*.png"))[:6] + sorted(pair.media.rglob("*.flac")):
        status = path.stat()
        stamp = Stamp(str(path), status.st_size, status.st_mtime_ns)
        kind: Kind = "music" if path.suffix == ".flac" else "image"
        content = hashlib.sha256(path.read_bytes()).digest()
        for reader in readers:
            found = reader.find(stamp)
            assert found is not None
            at = reader.item_at(str(path))
            assert at == found == reader.item(found.id) == reader.find_copy(kind, content)
            np.testing.assert_array_equal(found.vector, reader.vectors([found.id])[0])
            assert reader.find(replace(stamp, size=stamp.size + 1)) is None
            assert reader.item_at(f"{path}x") is reader.item(10**12) is None
            assert reader.find_copy(kind, bytes(32)) is None
            assert reader.find_copy("music" if kind == "image" else "image", content) is None
            assert (reader.has_size(stamp.size), reader.has_size(1)) == (True, False)


def test_the_status_is_the_same(pair: Pair) -> None:
    folder, database = map(read_status, pair.both())
    assert folder.generation is not None and database.generation is not None
    assert replace(database.generation, published_at=0.0) == replace(folder.generation, published_at=0.0)
    assert replace(database, generation=None, bytes=0) == replace(folder, generation=None, bytes=0)
    assert database.bytes > 0
    folders = [str(pair.media / name) for name in FOLDERS]
    assert count_items_below(pair.folder, folders) == count_items_below(pair.database, folders)


def run(
    capsys: pytest.CaptureFixture[str], library: LibraryAddress, *arguments: object, code: int = 0
) -> str:
    assert cli.run([*map(str, arguments), "--library", str(library)]) == code, capsys.readouterr().err
    return capsys.readouterr().out


def without_what_differs(document: Any, library: LibraryAddress) -> Any:
    """A JSON document without ids, sizes, times, the place of the library and what is lost in rounding."""
    if isinstance(document, dict):
        return {
            key: without_what_differs(value, library)
            for key, value in document.items()
            if key not in {"id", "bytes", "published", "published_at", "elapsed_ms"}
        }
    if isinstance(document, list):
        return [without_what_differs(one, library) for one in document]
    if isinstance(document, float):
        return round(document, 6)
    return "the library" if document == str(library) else document


QUESTIONS: Final = [
    ("find-images", "{song}", "-n", "100"),
    ("find-images", "{song}", "--in", "{media}/spring", "--exclude", "*.png"),
    ("find-images", "{song}", "--taken", "2004..2010", "--rating", "1"),
    ("find-images", "--words", "a calm evening", "-n", "5"),
    ("find-music", "{picture}", "-n", "100", "--why"),
    ("browse", "--mood", "calm"),
    ("browse", "--mood", "tense", "--kind", "music"),
    ("journey", "calm", "happy", "--kind", "image"),
    ("journey", "{song}", "sad"),
    ("match", "{picture}", "{song}"),
    ("mood", "{picture}", "{song}"),
    ("soundtrack", "{media}/spring", "--minutes", "1"),
    ("status",),
    ("roots", "list"),
    ("exclude", "list"),
    ("verify",),
]


@pytest.mark.parametrize("question", QUESTIONS, ids=" ".join)
def test_commands_say_the_same(
    own_pair: Pair, question: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    names = {
        "media": own_pair.media,
        "song": own_pair.media / "spring" / "song 0.flac",
        "picture": own_pair.media / "summer" / "000.png",
    }
    arguments = [part.format(**names) for part in question]
    answers = [
        without_what_differs(json.loads(run(capsys, library, *arguments, "--json")), library)
        for library in own_pair.both()
    ]
    assert answers[0] == answers[1]


def test_tables_are_the_same(pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options in ((), ("--embeddings",), ("--kind", "image", "--features")):
        rows = []
        for library in pair.both():
            run(capsys, library, "export", tmp_path / "table.csv", *options)
            rows.append(sorted(csv.reader((tmp_path / "table.csv").open(newline="", encoding="utf-8"))))
        assert rows[0] == rows[1]
        assert len(rows[0]) == PICTURES + 1 + (0 if "image" in options else SONGS)


def read_points(page: Path) -> set[tuple[str, str, bytes, bytes]]:
    """Return folder, name, place and estimate of each point of a map; the last two as it encodes them."""
    _, _, script = page.read_text(encoding="utf-8").partition('<script type="application/json" id="data">')
    data, points = json.loads(script.partition("</script>")[0]), set()
    for kind in KINDS:
        layer = data[kind]
        places, estimates = (base64.b64decode(layer[name]) for name in ("places", "estimates"))
        for number, (folder, name) in enumerate(zip(layer["folder"], layer["files"], strict=True)):
            here = slice(4 * number, 4 * number + 4)
            points.add((layer["folders"][folder], name, places[here], estimates[here]))
    return points


@pytest.mark.slow
def test_the_map_has_the_same_points(pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, library in enumerate(pair.both()):
        run(capsys, library, "map", "-o", tmp_path / f"{number}.html", "-q")
    points = read_points(tmp_path / "0.html")
    assert read_points(tmp_path / "1.html") == points
    assert len(points) == PICTURES + SONGS


def test_changes_are_the_same(own_pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        ("exclude", "add", "*.png"),
        ("exclude", "remove", "*.png"),
        ("exclude", "add", own_pair.media / "summer", "spring/trip"),
        ("roots", "forget", own_pair.media),
        ("roots", "add", own_pair.media),
    ):
        said = [run(capsys, library, *arguments) for library in own_pair.both()]
        assert said[0] == said[1]
        states = []
        for library in own_pair.both():
            with LibraryReader(library) as reader:
                states.append({kind: sorted(by_path(reader, kind)) for kind in KINDS})
            states[-1] |= {"status": json.loads(run(capsys, library, "status", "--json"))["exclusions"]}
        assert states[0] == states[1]
    for library in own_pair.both():
        document = json.loads(run(capsys, library, "repair", "--json"))
        assert (document["damage"], document["mended"]) == ([], [])


def rows_of(library: LibraryAddress) -> set[tuple[str, int]]:
    """Return path and size of all rows of items, whatever generation sees them."""
    catalogue = open_catalogue(library)
    with catalogue:
        return {(os.fsdecode(row["path"]), row["size"]) for row in catalogue.item_rows()}


def open_catalogue(library: LibraryAddress) -> Catalogue:
    catalogue = open_store(library).open_catalogue()
    assert catalogue is not None
    return catalogue


def test_a_writer_may_read_two_long_answers_at_once(own_library: LibraryAddress) -> None:
    store = open_store(own_library)
    with store.lock(), store.create_catalogue() as catalogue:
        pairs = list(zip(catalogue.item_rows(), catalogue.item_rows(), strict=True))
    assert len(pairs) > 1
    assert all(first == second for first, second in pairs)


@pytest.fixture
def followed(library: LibraryAddress, tmp_path: Path, network: Network) -> LibraryAddress:
    """A library of six pictures."""
    small_pictures(tmp_path / "photos", 6)
    run_build(library, network, tmp_path / "photos")
    return library


@pytest.mark.slow
def test_a_generation_stays_as_long_as_a_reader_has_it(
    followed: LibraryAddress, tmp_path: Path, network: Network
) -> None:
    photos = tmp_path / "photos"
    changed, gone, renamed = (photos / f"00{number}.png" for number in range(3))
    with LibraryReader(followed) as reader:
        before = by_path(reader, "image")
        answers = ask(reader, "image", random_query(1), 9, EVERYTHING)
        photo(changed, 90, (20, 16))
        gone.unlink()
        renamed.rename(photos / "new name.png")
        report = run_build(followed, network)
        assert (report.changed, report.removed, report.renamed) == (1, 1, 1)
        for seed in range(3):
            photo(changed, 100 + seed, (20 + seed, 16))
            run_build(followed, network)
        assert by_path(reader, "image") == before
        found = ask(reader, "image", random_query(1), 9, EVERYTHING)
        assert found[0] == answers[0]
        np.testing.assert_array_equal(found[1], answers[1])
        assert {str(gone), str(renamed)} <= {path for path, _ in rows_of(followed)}
        with LibraryReader(followed) as later:
            assert later.generation.id == reader.generation.id + 4
            assert set(by_path(later, "image")) == set(before) - {str(gone), str(renamed)} | {
                str(photos / "new name.png")
            }
    for seed in range(2):
        photo(changed, 110 + seed, (30 + seed, 16))
        run_build(followed, network)
    assert not {str(gone), str(renamed)} & {path for path, _ in rows_of(followed)}
    assert len(rows_of(followed)) == 6  # five files, and the last but one state of the changed one


def test_another_network_embeds_the_same_files(
    followed: LibraryAddress, network: Network, other_network: Network
) -> None:
    with LibraryReader(followed) as reader:
        before = by_path(reader, "image")
        vectors = reader.vectors(reader.ids("image").tolist())
        assert read_nothing(followed, other_network).re_embedded == 6
        with LibraryReader(followed) as later:
            assert later.generation.network == other_network.id
            found = ask(later, "image", random_query(2), 9, EVERYTHING)
            assert sorted(found[0]) == sorted(before)
            own = later.vectors(later.ids("image").tolist())
            np.testing.assert_allclose(found[1], sorted(own @ random_query(2), reverse=True), atol=1e-6)
        assert by_path(reader, "image") == before
        np.testing.assert_array_equal(reader.vectors(reader.ids("image").tolist()), vectors)
    assert read_nothing(followed, network).re_embedded in {0, 6}
