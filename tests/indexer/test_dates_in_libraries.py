"""Capture dates in the catalogue, and the search by them."""

from __future__ import annotations

from pathlib import Path

from attune.embedding.network import Network
from attune.indexer.library import LibraryReader
from attune.tests.conftest import run_build
from attune.tests.media_factory import dated_photo, photo, song

TAKEN = {
    "old.jpg": "1999-12-31T23:59:59",
    "winter.jpg": "2023-01-01T00:00:00",
    "summer.jpg": "2023-07-14T18:20:05",
    "plain.jpg": None,
}


def make_album(folder: Path) -> Path:
    folder.mkdir()
    for seed, (name, taken) in enumerate(TAKEN.items()):
        if taken is None:
            photo(folder / name, seed)
        else:
            dated_photo(folder / name, seed, taken.replace("-", ":").replace("T", " "))
    song(folder / "song.flac", 0, seconds=8.0)
    return folder


def dates(library: Path) -> dict[str, str | None]:
    with LibraryReader(library) as opened:
        items = opened.items([item for item, _ in opened.paths("image")])
        return {Path(item.path).name: item.taken for item in items.values()}


def test_a_build_keeps_dates_and_readers_find_by_them(tmp_path: Path, network: Network) -> None:
    library = tmp_path / "library"
    run_build(library, network, make_album(tmp_path / "album"))
    assert dates(library) == TAKEN
    with LibraryReader(library) as opened:
        names = {item: Path(path).name for item, path in opened.paths("image")}

        def taken(first: str | None, after: str | None) -> set[str]:
            return {names[item] for item in opened.ids_by_capture_date(first, after)}

        assert taken(None, None) == {"old.jpg", "winter.jpg", "summer.jpg"}
        assert taken("2023", None) == {"winter.jpg", "summer.jpg"}
        assert taken("2023", "2023-07-14") == {"winter.jpg"}
        assert taken(None, "2023") == {"old.jpg"}
