"""Paths, tags and reasons that no database likes: each kind of library takes them, and gives them back."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

import mutagen
import mutagen.id3
import pytest
from mutagen.id3 import TIT2, TPE1

from attune import cli
from attune.core.errors import MediaError
from attune.core.library_address import LibraryAddress
from attune.core.progress import SilentProgress
from attune.embedding import decode_pool
from attune.embedding.network import Network, open_network
from attune.indexer import build as build_module
from attune.indexer.library import LibraryReader, read_status
from attune.indexer.library_store import open_store
from attune.indexer.records import Selection, Stamp
from attune.indexer.verify import verify
from attune.tests.conftest import folder_of, run_build
from attune.tests.indexer.test_unreachable_roots import paths_in, read_nothing, small_pictures
from attune.tests.media_factory import song

NAMES: Final = (
    b"not utf-8 \xff\xfe.png",
    b"100% %s %(name)s %%.png",
    b":path :among ::text :1.png",
    b'it\'s "quoted" `twice` $1 $$.png',
    b"back\\slash \\x00 \\' E'.png",
    b"line\nbreak\ttab\x01.png",
    b";DROP TABLE items;--.png",
    "Große Straße 写真 🌅.png".encode(),
)


def odd_files(folder: Path) -> list[str]:
    pictures = small_pictures(folder, len(NAMES))
    return [
        str(picture.rename(folder / os.fsdecode(name))) for picture, name in zip(pictures, NAMES, strict=True)
    ]


def test_names_of_files_come_back_as_they_are(
    library: LibraryAddress, tmp_path: Path, network: Network
) -> None:
    paths = odd_files(tmp_path / os.fsdecode(b"it's 100% \xff :odd"))
    run_build(library, network, Path(paths[0]).parent)
    assert paths_in(library) == set(paths)
    with LibraryReader(library) as reader:
        for path in paths:
            found = reader.item_at(path)
            assert found is not None
            status = Path(path).stat()
            assert reader.find(Stamp(path, status.st_size, status.st_mtime_ns)) == found
            assert reader.ids("image", Selection(below=(path,))).tolist() == [found.id]
    report = read_nothing(library, network)
    assert (report.unchanged, report.skipped) == (len(NAMES), [])
    assert verify(library, SilentProgress()).damage == []
    for path in paths:
        Path(path).rename(f"{path}.png")
    assert read_nothing(library, network).renamed == len(NAMES)
    assert paths_in(library) == {f"{path}.png" for path in paths}


def make_deep_folder(folder: Path, length: int) -> Path:
    """Make a folder with a path of so many bytes, or a few more."""
    while len(os.fsencode(folder)) < length:
        folder /= "d" * min(200, max(1, length - len(os.fsencode(folder)) - 1))
    folder.mkdir(parents=True)
    return folder


def test_long_paths_that_begin_alike_are_kept_apart(
    library: LibraryAddress, tmp_path: Path, network: Network
) -> None:
    deep = make_deep_folder(tmp_path, 3_500)
    for number, name in enumerate(("a", "a0", "a~", "b")):
        small_pictures(deep / name, 2, seed=number)
    small_pictures(tmp_path / "short", 1, seed=9)
    run_build(library, network, tmp_path)
    with LibraryReader(library) as reader:
        by_path = {path: item for item, path in reader.paths("image")}
        assert len(by_path) == 9
        for path, item in by_path.items():
            found = reader.item_at(path)
            assert found is not None
            assert (found.id, found.path) == (item, path)
        for name in ("a", "a0", "a~", "b"):
            expected = sorted(by_path[str(deep / name / f"00{number}.png")] for number in range(2))
            assert reader.ids("image", Selection(below=(str(deep / name),))).tolist() == expected
        assert len(reader.ids("image", Selection(below=(str(deep),)))) == 8
        assert len(reader.ids("image", Selection(below=(str(deep.parents[8]),)))) == 8
        assert reader.item_at(str(deep / "a" / "nothing.png")) is None
    (deep / "b" / "000.png").unlink()
    assert read_nothing(library, network).removed == 1


def tag(path: Path, encoding: int, title: str, artist: list[str]) -> None:
    file = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    file.tags.add(TIT2(encoding=encoding, text=[title]))
    file.tags.add(TPE1(encoding=encoding, text=artist))
    file.save()


def test_tags_hold_nothing_that_is_no_text(library: LibraryAddress, tmp_path: Path, network: Network) -> None:
    folder = tmp_path / "songs"
    folder.mkdir()
    for number, (title, artist) in enumerate(
        [("A\0B", ["\0", "C\0"]), ("\0", ["\0\0"]), ("%s :title 'x'", ["\x1b[0m"]), ("🌅 " * 400, ["é"])]
    ):
        tag(song(folder / f"{number}.mp3", number, 4.0), 3, title, artist)
    vorbis = mutagen.File(song(folder / "vorbis.flac", 9, 4.0))
    vorbis["title"], vorbis["artist"] = ["nul \0 and \ud7ff"], ["\uffff"]
    vorbis.save()
    run_build(library, network, folder)
    with LibraryReader(library) as reader:
        items = reader.items(reader.ids("music").tolist()).values()
    found = {Path(item.path).name: (item.title, item.artist) for item in items}
    assert len(found) == 5
    assert found["2.mp3"][0] == "%s :title 'x'"
    for texts in found.values():
        assert all(text is None or (text.isprintable() and len(text) <= 300) for text in texts)
    assert verify(library, SilentProgress()).damage == []


REASON: Final = "broken\0 at \udcff\ud800\x1b[31m: 100% :reason 'quoted'"


def test_a_reason_may_be_any_text(
    library: LibraryAddress,
    tmp_path: Path,
    network: Network,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(jobs: list[decode_pool.ExtractionJob], *_: object) -> object:
        for job in jobs:
            yield MediaError(job.path, REASON)

    small_pictures(tmp_path / "photos", 2)
    (tmp_path / "photos" / "film.mp4").write_bytes(b"no film")
    monkeypatch.setattr(build_module, "extract_all", fail)
    report = run_build(library, network, tmp_path / "photos")
    assert len(report.skipped) == 3
    assert read_status(library).skipped == report.skipped
    again = read_nothing(library, network)
    assert (again.skipped, again.new_skips) == (report.skipped, [])
    assert cli.run(["status", "--skipped", "--library", str(library)]) == 0
    assert "broken\\x00 at " in capsys.readouterr().out


def test_a_network_may_lie_anywhere(
    library: LibraryAddress, tmp_path: Path, network_folder: Path, network: Network
) -> None:
    odd = Path(shutil.copytree(network_folder, tmp_path / "100% 'odd' :network é"))
    small_pictures(tmp_path / "photos", 2)
    run_build(library, open_network(str(odd)), tmp_path / "photos")
    generation = read_status(library).generation
    assert generation is not None
    assert open_network(generation.network_source).id == network.id


def test_features_may_lie_anywhere(
    library: LibraryAddress, tmp_path: Path, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / os.fsdecode(b"odd \xff %s features")
    monkeypatch.setenv("ATTUNE_FEATURES", str(place))
    small_pictures(tmp_path / "photos", 2)
    run_build(library, network, tmp_path / "photos")
    assert verify(library, SilentProgress()).damage == []
    folder = folder_of(library)
    assert (folder / "features").is_dir()
    if not isinstance(library, Path):
        assert folder.is_relative_to(place)
        store = open_store(library)
        monkeypatch.setenv("ATTUNE_FEATURES", str(tmp_path / "elsewhere"))
        catalogue = store.open_catalogue()
        assert catalogue is not None
        catalogue.close()
        assert "odd \\xff %s features" in store.explain_lost_features()
