"""Tests of filters, moods, `--not` files and folding on a real library, against brute force."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from attune.embedding.network import Network
from attune.indexer.library import LibraryReader
from attune.retrieval import near_duplicates
from attune.retrieval.answers import Answers
from attune.retrieval.date_range import parse_date_range
from attune.retrieval.diversify import Curation
from attune.retrieval.mood_words import MOODS
from attune.retrieval.near_duplicates import Fingerprints
from attune.retrieval.queries import browse, find
from attune.retrieval.query_parameters import BrowseParameters
from attune.retrieval.search import Filters
from attune.retrieval.seeds import QueryResolver
from attune.retrieval.words.aims import Aim, Target
from attune.tests.conftest import run_build
from attune.tests.media_factory import dated_photo, photo, song, xmp


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with twelve photos of three years, three of them also as smaller copies, and three songs."""
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
    for seed in range(3):
        song(folder / f"song {seed}.flac", seed, seconds=10.0)
    for name, stars in (("one/01", 3), ("one/04", 5), ("one/05", -1), ("two/00", 4), ("song 1", 4)):
        (folder / f"{name}.xmp").write_bytes(xmp({"xmp:Rating": str(stars)}))
    return folder


@pytest.fixture(scope="module")
def library(
    album: Path, network: Network, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LibraryReader]:
    path = tmp_path_factory.mktemp("curated") / "library"
    run_build(path, network, album)
    with LibraryReader(path) as opened:
        yield opened


ALL = Filters(limit=100, curation=Curation(fold=False))


def mood_target(mood: str) -> Target:
    return Target((Aim(mood, MOODS[mood]),))


def ask(library: LibraryReader, network: Network, album: Path, filters: Filters, **more: object) -> Answers:
    seeds = QueryResolver(library, network)
    return find(library, network, seeds, [str(album / "song 0.flac")], filters, **more)  # type: ignore[arg-type]


def paths(answer: Answers) -> list[str]:
    return [result.path for result in answer.results]


def test_dates_narrow_the_exact_order(library: LibraryReader, network: Network, album: Path) -> None:
    everything = ask(library, network, album, ALL)
    assert {r.taken for r in everything.results if r.path.endswith("undated.jpg")} == {None}
    for text in ("2022", "2021..2022", "2021-07-05..", "..2020"):
        period = parse_date_range(text)
        expected = [r.path for r in everything.results if period.contains(r.taken)]
        assert paths(ask(library, network, album, replace(ALL, taken=period))) == expected
        below = (str(album / "one"),)
        inside = ask(library, network, album, replace(ALL, limit=3, taken=period, below=below))
        assert paths(inside) == [path for path in expected if path.startswith(below[0] + "/")][:3]


def test_ratings_narrow_the_exact_order(library: LibraryReader, network: Network, album: Path) -> None:
    everything = ask(library, network, album, ALL).results
    assert sorted(str(r.rating) for r in everything if r.rating is not None) == ["-1", "3", "4", "5"]
    for least, number in ((1, 3), (4, 2), (5, 1)):
        expected = [r.path for r in everything if r.rating is not None and r.rating >= least]
        assert len(expected) == number
        assert paths(ask(library, network, album, replace(ALL, rating=least))) == expected
    below, period = (str(album / "one"),), parse_date_range("2022")
    both = ask(library, network, album, replace(ALL, rating=3, below=below, taken=period))
    assert [Path(path).name for path in paths(both)] == [
        Path(r.path).name for r in everything if r.path.endswith(("01.jpg", "04.jpg"))
    ]
    rated = replace(ALL, rating=4)
    point = BrowseParameters(kind="music", valence=0.1, arousal=0.1)
    assert [Path(r.path).name for r in browse(library, network, point, rated).results] == ["song 1.flac"]
    assert browse(library, network, point, replace(ALL, rating=5)).results == []


def test_a_mood_is_half_of_what_counts(library: LibraryReader, network: Network, album: Path) -> None:
    everything = ask(library, network, album, ALL).results
    for name, mood in MOODS.items():
        scores = {r.path: (r.worth + math.exp(-2 * math.dist(r.place, mood) ** 2)) / 2 for r in everything}
        found = ask(library, network, album, ALL, target=mood_target(name)).results
        assert {r.path: r.score for r in found} == {
            path: pytest.approx(score, abs=1e-6) for path, score in scores.items()
        }
        assert [r.worth for r in found] == sorted((r.worth for r in found), reverse=True)
        least = found[5].worth
        good = ask(library, network, album, replace(ALL, limit=4, min_score=least), target=mood_target(name))
        assert paths(good) == [r.path for r in found][:4]
        few = ask(library, network, album, replace(ALL, min_score=least), target=mood_target(name))
        assert paths(few) == [r.path for r in found if r.worth >= least]


def test_a_mood_brings_answers_nearer_to_it(library: LibraryReader, network: Network, album: Path) -> None:
    def distance(answer: Answers) -> float:
        return float(np.mean([math.dist(r.place, MOODS["calm"]) for r in answer.results]))

    plain = ask(library, network, album, replace(ALL, limit=4))
    assert distance(
        ask(library, network, album, replace(ALL, limit=4), target=mood_target("calm"))
    ) <= distance(plain)


def test_counter_seeds_take_half_of_their_mean_away(
    library: LibraryReader, network: Network, album: Path
) -> None:
    seeds = QueryResolver(library, network)
    against = [str(album / "song 1.flac"), str(album / "one" / "01.jpg")]
    vectors = [seeds.seed(path).vector.astype(np.float64) for path in against]
    query = seeds.seed(str(album / "song 0.flac")).vector.astype(np.float64) - np.mean(vectors, axis=0) / 2
    ids = [item for item, _ in library.paths("image")]
    scores = library.vectors(ids).astype(np.float64) @ (query / np.linalg.norm(query))
    names = dict(library.paths("image"))
    ranked = [names[ids[place]] for place in np.argsort(-scores, kind="stable")]
    expected = [path for path in ranked if path not in against]
    assert paths(ask(library, network, album, ALL, against=against)) == expected


def test_copies_fold_into_the_better_ranked_one(
    library: LibraryReader, network: Network, album: Path
) -> None:
    everything = ask(library, network, album, ALL).results
    folded = ask(library, network, album, Filters(limit=100)).results
    made = Fingerprints(library, network.backbones["image"])
    items = [r.item for r in everything]
    prints = dict(zip([item.path for item in items], made(items), strict=True))
    expected: dict[str, list[str]] = {}
    for r in everything:
        duplicate_of = next((a for a in expected if prints[a] @ prints[r.path] >= 0.97), None)
        expected.setdefault(
            r.path if duplicate_of is None else duplicate_of,
            [] if duplicate_of is None else expected[duplicate_of],
        )
        if duplicate_of is not None:
            expected[duplicate_of].append(r.path)
    assert {r.path: list(r.alike) for r in folded} == expected
    copies = [r for r in folded if any("small" in name for name in (r.path, *r.alike))]
    assert len(copies) == 3 and all(r.alike for r in copies)
    assert [r.rank for r in folded] == list(range(1, len(folded) + 1))


def test_a_query_needs_no_features(
    library: LibraryReader, network: Network, album: Path, tmp_path: Path
) -> None:
    """A picture whose features are lost is an answer as before, and nobody's duplicate."""
    whole = ask(library, network, album, Filters(limit=100)).results
    folded = next(r for r in whole if r.alike)
    copy = Path(shutil.copytree(library.path, tmp_path / "library"))
    backbone = network.backbones["image"]
    with (copy / "features" / f"{backbone.id}.f16").open("r+b") as file:
        file.seek(folded.item.feature_row * backbone.width * 2)
        file.write(bytes(backbone.width * 2))
    with LibraryReader(copy) as damaged:
        found = ask(damaged, network, album, Filters(limit=100)).results
    assert {r.path for r in found} == {r.path for r in whole} | set(folded.alike)
    assert [r.alike for r in found if r.path == folded.path] == [()]


def test_caps_hold_and_leave_the_order(library: LibraryReader, network: Network, album: Path) -> None:
    everything = ask(library, network, album, ALL).results
    capped = ask(library, network, album, replace(ALL, curation=Curation(fold=False, per_folder=2))).results
    seen: dict[Path, int] = {}
    expected = []
    for r in everything:
        folder = Path(r.path).parent
        seen[folder] = seen.get(folder, 0) + 1
        if seen[folder] <= 2:
            expected.append(r.path)
    assert [r.path for r in capped] == expected


def test_a_point_of_the_plane_is_curated_too(library: LibraryReader, network: Network, album: Path) -> None:
    point = BrowseParameters(kind="image", valence=0.1, arousal=0.1)
    everything = browse(library, network, point, ALL).results
    period = parse_date_range("2021")
    curated = browse(library, network, point, replace(ALL, limit=2, taken=period)).results
    assert [r.path for r in curated] == [r.path for r in everything if period.contains(r.taken)][:2]
    fold = browse(library, network, point, Filters(limit=100)).results
    assert len(fold) == len(everything) - sum(len(r.alike) for r in fold)


def test_the_scale_of_any_other_backbone_is_measured_on_the_library(
    library: LibraryReader, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Fingerprints(library, network.backbones["image"])
    assert (made.scale.random, made.scale.same) == (0.74, pytest.approx(0.9675))
    monkeypatch.setattr(near_duplicates, "_MEASURED", {})
    other = Fingerprints(library, network.backbones["image"]).scale
    items = library.items([item for item, _ in library.paths("image")]).values()
    prints = made(list(items))
    pairs = (prints @ prints.T)[np.triu_indices(len(prints), 1)]
    assert other.random == pytest.approx(np.mean(pairs), abs=1e-5)
    assert other.random < other.same < 1.0
