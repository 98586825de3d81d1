"""Tests that a command looks each file of a query up once and embeds it once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from attune import cli
from attune.embedding.network import Network
from attune.indexer.library import LibraryReader
from attune.retrieval.seeds import QueryResolver, Span


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Numbers of network runs and of look-ups in the library."""
    counted: Counter[str] = Counter()

    def count(owner: type, name: str) -> None:
        original: Callable[..., object] = getattr(owner, name)

        def counting(*args: object, **options: object) -> object:
            counted[name] += 1
            return original(*args, **options)

        monkeypatch.setattr(owner, name, counting)

    count(Network, "embed")
    for name in ("find", "find_copy", "items", "vectors", "features"):
        count(LibraryReader, name)
    return counted


def test_an_explained_page_of_pictures_looks_its_song_up_once(
    calls: Counter[str], built: Path, media: Path, tmp_path: Path
) -> None:
    arguments = ["find-images", str(media / "song 0.flac"), "-n", "6", "--why"]
    arguments += ["--html", str(tmp_path / "page.html"), "--library", str(built), "--quiet"]
    assert cli.run(arguments) == 0
    # One run for the moments of the song, and one for each picture and its variants.
    assert calls == {"embed": 7, "find": 1, "items": 1, "vectors": 1, "features": 1}


def test_an_explained_page_of_songs_looks_nothing_up_by_path_but_its_picture(
    calls: Counter[str], built: Path, media: Path, tmp_path: Path
) -> None:
    arguments = ["find-music", str(media / "photo 00.jpg"), "--why", "--html", str(tmp_path / "page.html")]
    assert cli.run([*arguments, "--library", str(built), "--quiet"]) == 0
    # One run for the picture and its variants; the library has the moments of its songs.
    assert calls == {"embed": 1, "find": 1, "items": 1, "vectors": 1, "features": 4}


def test_a_file_outside_the_library_is_decoded_once(
    monkeypatch: pytest.MonkeyPatch, network: Network, media: Path
) -> None:
    from attune.embedding import feature_extraction as module

    extract, extracted = module.extract, []
    monkeypatch.setattr(module, "extract", lambda *args: extracted.append(args[0]) or extract(*args))
    seeds = QueryResolver(None, network)
    song = str(media / "song 1.ogg")
    whole = seeds.seed(song)
    part = seeds.seed(song, Span(0.0, 4.0))
    assert seeds.seed(song) is whole and seeds.seed(song, Span(0.0, 4.0)) is part is not whole
    assert seeds.moments(song) is seeds.moments(song)
    assert extracted == [Path(song)]
