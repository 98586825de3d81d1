"""Capture dates in the catalogue, and the search by them."""

from __future__ import annotations

from pathlib import Path

from attune.core.library_address import LibraryAddress
from attune.embedding.network import Network
from attune.indexer.library import LibraryReader
from attune.indexer.records import Selection
from attune.tests.conftest import run_build
from attune.tests.media_factory import dated_photo, photo, song, xmp

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


def dates(library: LibraryAddress) -> dict[str, str | None]:
    with LibraryReader(library) as opened:
        items = opened.items([item for item, _ in opened.paths("image")])
        return {Path(item.path).name: item.taken for item in items.values()}


def test_a_build_keeps_dates_and_readers_find_by_them(
    tmp_path: Path, library: LibraryAddress, network: Network
) -> None:
    run_build(library, network, make_album(tmp_path / "album"))
    assert dates(library) == TAKEN
    with LibraryReader(library) as opened:
        names = {item: Path(path).name for item, path in opened.paths("image")}

        def taken(first: str | None, after: str | None) -> set[str]:
            return {names[item] for item in opened.ids("image", Selection(taken=(first, after)))}

        assert taken(None, None) == {"old.jpg", "winter.jpg", "summer.jpg"}
        assert taken("2023", None) == {"winter.jpg", "summer.jpg"}
        assert taken("2023", "2023-07-14") == {"winter.jpg"}
        assert taken(None, "2023") == {"old.jpg"}


def read_rows(library: LibraryAddress) -> dict[str, tuple[int, str | None, int | None]]:
    """Return id, date and rating of each picture, by name."""
    with LibraryReader(library) as opened:
        items = opened.items([item for item, _ in opened.paths("image")])
        return {Path(item.path).name: (item.id, item.taken, item.rating) for item in items.values()}


def test_a_new_a_changed_and_a_lost_sidecar_are_noticed(
    tmp_path: Path, library: LibraryAddress, network: Network
) -> None:
    album = make_album(tmp_path / "album")
    run_build(library, network, album)
    sidecar, day = album / "plain.xmp", "2019-07-04T12:30:00"
    for properties, expected in (
        ({"xmp:Rating": "3"}, (None, 3)),
        ({"xmp:Rating": "5", "exif:DateTimeOriginal": day}, (day, 5)),
        ({}, (None, None)),
    ):
        sidecar.write_bytes(xmp(properties)) if properties else sidecar.unlink()
        report = run_build(library, network)
        assert (report.unchanged, report.added, report.changed) == (5, 0, 0)
        assert read_rows(library)["plain.jpg"][1:] == expected


def test_what_only_looks_like_a_sidecar_is_not_news_in_every_build(
    tmp_path: Path, library: LibraryAddress, network: Network
) -> None:
    """A scan does not see a link, nor what is excluded; a reader of the file does."""
    album = make_album(tmp_path / "album")
    (tmp_path / "shared.xmp").write_bytes(xmp({"xmp:Rating": "4"}))
    (album / "old.xmp").symlink_to(tmp_path / "shared.xmp")
    (album / "winter.xmp").write_bytes(xmp({"xmp:Rating": "5"}))
    (album / "summer.xmp").mkdir()
    run_build(library, network, album, exclude=("*.xmp",))
    run_build(library, network)
    settled = read_rows(library)
    run_build(library, network)
    assert read_rows(library) == settled
