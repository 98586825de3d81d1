"""Tests of ranking against brute force over the same embeddings, with and without filters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune.core.library_address import LibraryAddress
from attune.core.paths import is_below
from attune.embedding.media_files import Kind
from attune.embedding.network import Network
from attune.embedding.segments import embed_segments, embed_track
from attune.indexer.library import LibraryReader
from attune.indexer.vector_index import FlatIndex
from attune.retrieval.queries import browse, find
from attune.retrieval.query_parameters import BrowseParameters
from attune.retrieval.search import Filters
from attune.retrieval.seeds import QueryResolver, Span, mean_vector


@pytest.fixture
def library(either_built: LibraryAddress) -> Iterator[LibraryReader]:
    with LibraryReader(either_built) as opened:
        yield opened


def brute_force(
    library: LibraryReader, network: Network, vector: np.ndarray, kind: Kind
) -> list[tuple[str, float]]:
    scored = []
    for item, path in library.paths(kind):
        inner = sum(float(a) * float(b) for a, b in zip(library.vectors([item])[0], vector, strict=True))
        scored.append((path, float(network.score(np.float64(inner)))))
    return sorted(scored, key=lambda pair: -pair[1])


@pytest.mark.parametrize("kind", ["image", "music"])
def test_order_and_scores_equal_brute_force(library: LibraryReader, network: Network, kind: Kind) -> None:
    other: Kind = "music" if kind == "image" else "image"
    seeds = QueryResolver(library, network)
    for _, path in library.paths(other):
        answer = find(library, network, seeds, [path], Filters(limit=100))
        expected = brute_force(library, network, seeds.seed(path).vector, kind)
        assert [result.path for result in answer.results] == [path for path, _ in expected]
        np.testing.assert_allclose([r.worth for r in answer.results], [s for _, s in expected], atol=1e-6)
        assert [result.rank for result in answer.results] == list(range(1, len(expected) + 1))


def test_filters_keep_the_exact_order(library: LibraryReader, network: Network, media: Path) -> None:
    seeds = QueryResolver(library, network)
    song = str(media / "song 0.flac")
    everything = find(library, network, seeds, [song], Filters(limit=100)).results
    below = str(media / "below")

    inside = find(library, network, seeds, [song], Filters(limit=3, below=(below,))).results
    assert [r.path for r in inside] == [r.path for r in everything if is_below(r.path, below)][:3]

    patterns = ("*.PNG", "photo 0[0-4]*")
    left = find(library, network, seeds, [song], Filters(limit=100, exclude=patterns)).results
    kept = [r.path for r in everything if not re.search(r"\.png$|/photo 0[0-4][^/]*$", r.path)]
    assert [r.path for r in left] == kept
    assert 0 < len(left) < len(everything)

    least = everything[4].worth
    good = find(library, network, seeds, [song], Filters(limit=100, min_score=least)).results
    assert [r.path for r in good] == [r.path for r in everything[:5]]


def test_several_seeds_are_their_normalised_mean(
    library: LibraryReader, network: Network, media: Path
) -> None:
    seeds = QueryResolver(library, network)
    songs = [str(media / "song 0.flac"), str(media / "song 1.ogg")]
    vector = mean_vector([seeds.seed(song) for song in songs])
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-6)
    answer = find(library, network, seeds, songs, Filters(limit=100))
    assert [r.path for r in answer.results] == [p for p, _ in brute_force(library, network, vector, "image")]
    assert [entry.path for entry in answer.query] == songs


def test_half_of_the_counter_seeds_is_taken_away(
    library: LibraryReader, network: Network, media: Path
) -> None:
    seeds = QueryResolver(library, network)
    song, unlike = str(media / "song 0.flac"), [str(media / "song 1.ogg"), str(media / "photo 00.jpg")]
    expected = seeds.seed(song).vector - 0.25 * (seeds.seed(unlike[0]).vector + seeds.seed(unlike[1]).vector)
    expected /= np.linalg.norm(expected)
    answer = find(library, network, seeds, [song], Filters(limit=100), against=unlike)
    ranked = [p for p, _ in brute_force(library, network, expected, "image")]
    assert [r.path for r in answer.results] == [path for path in ranked if path not in unlike]
    assert [entry.path for entry in answer.query] == [song]


def test_a_file_outside_the_library_is_embedded_alike(
    library: LibraryReader, network: Network, media: Path
) -> None:
    inside, outside = QueryResolver(library, network), QueryResolver(None, network)
    for name in ("song 3.mp3", "photo 00.jpg"):
        known, computed = inside.seed(str(media / name)), outside.seed(str(media / name))
        np.testing.assert_allclose(known.vector, computed.vector, atol=1e-4)
        assert known.affect.valence == pytest.approx(computed.affect.valence, abs=1e-4)


def test_a_copy_outside_the_library_is_known_by_its_content(
    library: LibraryReader, network: Network, media: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "renamed.mp3"
    copy.write_bytes((media / "song 3.mp3").read_bytes())
    seed = QueryResolver(library, network).seed(str(copy))
    np.testing.assert_array_equal(
        seed.vector, QueryResolver(library, network).seed(str(media / "song 3.mp3")).vector
    )


def test_the_best_moment_is_the_best(library: LibraryReader, network: Network, media: Path) -> None:
    seeds = QueryResolver(library, network)
    picture = seeds.seed(str(media / "photo 00.jpg"))
    for result in find(library, network, seeds, [picture.path], Filters()).results:
        moments = seeds.moments(result.path)
        inner = moments.embedded.vectors @ picture.vector
        assert result.moment is not None
        assert result.moment.start_s == pytest.approx(moments.starts_s[np.argmax(inner)], abs=1e-6)
        assert result.moment.score == pytest.approx(float(network.score(inner.max())), abs=2e-3)
        assert result.moment.start_s < result.moment.end_s


def test_a_part_of_a_song_is_the_mean_of_its_patches(
    library: LibraryReader, network: Network, media: Path
) -> None:
    path = str(media / "song 3.mp3")
    item = next(item for item, known in library.paths("music") if known == path)
    features = library.features(library.items([item])[item], network.backbones["music"])
    part = QueryResolver(library, network).seed(path, Span(6.0, 12.0))
    expected = embed_track(network, features[2:5]).vectors[0]
    np.testing.assert_allclose(part.vector, expected, atol=1e-6)


def test_moments_equal_plain_means(library: LibraryReader, network: Network) -> None:
    item, _ = library.paths("music")[-1]
    features = library.features(library.items([item])[item], network.backbones["music"])
    moments = embed_segments(network, features)
    assert len(moments.starts_s) == len(features) - 2
    for index in range(len(moments.starts_s)):
        mean = features[index : index + 3].astype(np.float32).mean(axis=0, keepdims=True)
        np.testing.assert_allclose(
            moments.embedded.vectors[index], network.embed("music", mean).vectors[0], atol=1e-4
        )


def test_browse_is_by_distance(library: LibraryReader, network: Network) -> None:
    answer = browse(
        library, network, BrowseParameters(kind="image", valence=0.2, arousal=-0.1), Filters(limit=100)
    )
    distances = [np.hypot(r.place[0] - 0.2, r.place[1] + 0.1) for r in answer.results]
    assert distances == sorted(distances)
    assert len(distances) == len(library.paths("image"))
    for result, distance in zip(answer.results, distances, strict=True):
        assert (result.score, result.fit, result.correspondence) == (None, None, None)
        assert result.closeness == pytest.approx(np.exp(-(distance**2) / 0.5))
    assert answer.query[0].place == (0.2, -0.1) and answer.query[0].mood == "neutral"


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(0, 60), limit=st.integers(1, 80), share=st.floats(0, 1))
def test_the_index_is_exact_whatever_was_added_and_removed(
    seed: int, count: int, limit: int, share: float
) -> None:
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(count, 128)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = random.permutation(1000)[:count].astype(np.int64)
    index = FlatIndex.empty()
    index.add(ids[: count // 2], vectors[: count // 2])
    index.add(ids[count // 2 :], vectors[count // 2 :])
    kept = random.random(count) < 0.7
    index.remove(ids[~kept])
    among = ids[random.random(count) < share]
    query = random.normal(size=128).astype(np.float32)

    found, inner = index.search(query, limit, among.tolist())

    wanted = kept & np.isin(ids, among)
    order = np.argsort(-(vectors[wanted] @ query))[:limit]
    np.testing.assert_array_equal(found, ids[wanted][order])
    np.testing.assert_allclose(inner, (vectors[wanted] @ query)[order], atol=1e-5)
