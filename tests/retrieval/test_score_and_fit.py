"""Tests of the numbers of an answer: they never disagree with its rank, and equal their definitions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune.embedding.media_files import Kind
from attune.embedding.network import Network
from attune.indexer.library import LibraryReader
from attune.indexer.records import Item
from attune.retrieval.answers import Answer, QueryEntry
from attune.retrieval.diversify import Curation
from attune.retrieval.fit import Peers, measure_fits, sample_peers
from attune.retrieval.match import match
from attune.retrieval.mood_words import MOODS
from attune.retrieval.poor_match import describe_poor_match
from attune.retrieval.queries import browse, find
from attune.retrieval.query_parameters import BrowseParameters
from attune.retrieval.search import Filters
from attune.retrieval.seeds import QueryResolver, mean_vector
from attune.retrieval.words.aims import ANYTHING, Aim, Target
from attune.tests.affect_factory import make_affect

SONGS = ["song 0.flac", "song 1.ogg", "song 2.m4a"]
PHOTOS = ["photo 00.jpg", "photo 06.jpg"]
CURATIONS = st.builds(
    Curation,
    fold=st.booleans(),
    diverse=st.sampled_from([0.0, 0.3, 0.7, 1.0]),
    per_artist=st.sampled_from([None, 1]),
    per_folder=st.sampled_from([None, 2]),
)
FILTERS = st.builds(
    Filters,
    limit=st.integers(1, 12),
    min_score=st.sampled_from([0.0, 0.4, 0.55]),
    exclude=st.sampled_from([(), ("*1*",)]),
    curation=CURATIONS,
    offset=st.integers(0, 6),
)


@pytest.fixture(scope="module")
def library(built: Path) -> Iterator[LibraryReader]:
    with LibraryReader(built) as opened:
        yield opened


@pytest.fixture(scope="module")
def seeds(library: LibraryReader, network: Network) -> QueryResolver:
    return QueryResolver(library, network)


def define_scores(
    library: LibraryReader, network: Network, kind: Kind, vector: np.ndarray, mood: str | None
) -> dict[str, float]:
    """Return the score of every file of a kind, by its path, as the documentation defines it."""
    scores = {}
    for item, path in library.paths(kind):
        chance = float(network.score(library.vectors([item])[0] @ vector))
        place = library.items([item])[item].affect.place
        near = 0.0 if mood is None else math.exp(-2 * math.dist(place, MOODS[mood]) ** 2)
        scores[path] = chance if mood is None else (chance + near) / 2
    return scores


@given(
    st.sampled_from(["image", "music"]),
    st.integers(1, 2),
    st.booleans(),
    st.sampled_from([None, "calm", "tense"]),
    FILTERS,
)
@settings(max_examples=60, deadline=None)
def test_no_option_makes_order_and_numbers_disagree(
    library: LibraryReader,
    network: Network,
    seeds: QueryResolver,
    media: Path,
    kind: Kind,
    count: int,
    unlike: bool,
    mood: str | None,
    filters: Filters,
) -> None:
    query = [str(media / name) for name in (PHOTOS if kind == "music" else SONGS)[:count]]
    against = [str(media / SONGS[-1])] if unlike else []
    found = find(library, network, seeds, query, filters, against=against, target=mood_target(mood)).results
    scores = [answer.worth for answer in found]
    fits = [answer.fit for answer in found]
    assert scores == sorted(scores, reverse=True)
    assert fits == sorted(fits, key=lambda fit: fit or 0.0, reverse=True)
    first = filters.offset + 1
    assert [answer.rank for answer in found] == list(range(first, first + len(found)))
    assert all(score >= filters.min_score for score in scores)

    vector = mean_vector([seeds.seed(path) for path in query], [seeds.seed(path) for path in against])
    expected = define_scores(library, network, kind, vector, mood)
    for answer in found:
        assert answer.score == pytest.approx(expected[answer.path], abs=1e-6)
        others = [score for path, score in expected.items() if path not in (answer.path, *against)]
        below = sum(score < expected[answer.path] - 1e-7 for score in others)
        equal = sum(abs(score - expected[answer.path]) <= 1e-7 for score in others)
        assert answer.fit == pytest.approx((below + equal / 2) / len(others))


@given(st.sampled_from(["image", "music"]), st.floats(-1, 1), st.floats(-1, 1), FILTERS)
@settings(max_examples=30, deadline=None)
def test_answers_to_a_point_come_nearest_first(
    library: LibraryReader, network: Network, kind: Kind, valence: float, arousal: float, filters: Filters
) -> None:
    found = browse(
        library, network, BrowseParameters(kind=kind, valence=valence, arousal=arousal), filters
    ).results
    near = [answer.closeness for answer in found]
    assert near == [answer.worth for answer in found] == sorted((a.worth for a in found), reverse=True)
    assert {(answer.score, answer.fit, answer.correspondence) for answer in found} <= {(None, None, None)}


@pytest.mark.parametrize("name", ["song 0.flac", "photo 00.jpg"])
def test_numbers_are_those_of_match(
    library: LibraryReader, network: Network, seeds: QueryResolver, media: Path, name: str
) -> None:
    query = str(media / name)
    for answer in find(library, network, seeds, [query], Filters(limit=100)).results:
        pair = (answer.path, query) if answer.item.kind == "image" else (query, answer.path)
        verdict = match(seeds, network, *pair)
        assert answer.score == pytest.approx(verdict.score, abs=1e-6)
        assert answer.correspondence == pytest.approx(verdict.correspondence)
        assert verdict.corresponds == (verdict.correspondence >= 0.5)


def test_the_correspondence_with_several_files_is_that_with_their_mean(
    library: LibraryReader, network: Network, seeds: QueryResolver, media: Path
) -> None:
    query = [str(media / name) for name in SONGS]

    def posterior(affect: object) -> np.ndarray:
        return np.array([getattr(affect, name) for name in ("positive", "neutral", "negative")])

    mean = np.mean([posterior(seeds.seed(path).affect) for path in query], axis=0)
    for answer in find(library, network, seeds, query, Filters(limit=100)).results:
        expected = network.correspondence(posterior(answer.affect)[None], mean[None])
        assert answer.correspondence == pytest.approx(float(expected[0, 0]))


@given(st.lists(st.sampled_from([0.1, 0.2, 0.5, 0.9]), max_size=30), st.integers(0, 20), st.data())
def test_the_fit_is_the_share_of_others_below_with_half_of_the_equal_ones(
    better_or_equal: list[float], worse: int, data: st.DataObject
) -> None:
    """The peers are those down to the worst answer; `worse` more are only counted."""
    scores = np.array(better_or_equal)
    among = bool(better_or_equal) and data.draw(st.booleans())
    own = data.draw(st.sampled_from(better_or_equal if among else [0.1, 0.2, 0.95]))
    place = better_or_equal.index(own) if among else len(scores) + 1
    others = [score for index, score in enumerate(better_or_equal) if index != place]
    less = worse + sum(1.0 if score < own else 0.5 if score == own else 0.0 for score in others)
    total = worse + len(scores)
    (fit,) = measure_fits([an_answer("image", own, rank=place)], Peers(np.arange(len(scores)), scores, total))
    assert fit == pytest.approx(less / (worse + len(others)) if worse + len(others) else 1.0)


@pytest.mark.parametrize("kind", ["image", "music"])
def test_a_sample_of_all_gives_the_same_fits(
    library: LibraryReader, network: Network, seeds: QueryResolver, media: Path, kind: Kind
) -> None:
    """In a library smaller than the sample, the way of the largest libraries agrees with the exact one."""
    query = str(media / ("song 0.flac" if kind == "image" else "photo 00.jpg"))
    answers = find(library, network, seeds, [query], Filters(limit=5)).results
    ids, inner = sample_peers(library, kind, seeds.seed(query).vector)
    assert ids.tolist() == [item for item, _ in library.paths(kind)]
    sampled = measure_fits(answers, Peers(ids, network.score(inner), len(ids)))
    assert sampled == pytest.approx([answer.fit for answer in answers])


def test_the_query_itself_is_no_peer(
    library: LibraryReader, network: Network, seeds: QueryResolver, media: Path
) -> None:
    query = str(media / "photo 00.jpg")
    own = next(item for item, path in library.paths("image") if path == query)
    song = library.paths("music")[0][0]
    filters = Filters(limit=100, without=frozenset({own, song}), curation=Curation(fold=False))
    for mood in (None, "calm"):
        found = find(
            library, network, seeds, [query], filters, target=mood_target(mood), wanted="image"
        ).results
        assert len(found) == len(library.paths("image")) - 1
        assert (found[0].fit, found[-1].fit) == (1.0, 0.0)


def mood_target(mood: str | None) -> Target:
    return ANYTHING if mood is None else Target((Aim(mood, MOODS[mood]),))


def an_answer(kind: Kind, score: float, rank: int = 1) -> Answer:
    item = Item(
        id=rank,
        kind=kind,
        path=f"/{rank}",
        affect=make_affect(),
        content=b"",
        feature_row=0,
        feature_rows=1,
        features_crc=0,
    )
    return Answer(item, rank, score)


def entry_of(kind: Kind) -> QueryEntry:
    return QueryEntry.from_affect(f"/{kind}", kind, make_affect())


def test_a_poor_best_match_is_said_to_be_poor() -> None:
    song, picture = entry_of("music"), entry_of("image")
    assert describe_poor_match("image", [song], [an_answer("image", 0.412)], ANYTHING) == (
        "even the best picture is a poor match: the chance that it shares the song's mood is 41.2%, "
        "so more likely it does not",
    )
    (note,) = describe_poor_match("music", [picture, picture], [an_answer("music", 0.2)], ANYTHING)
    assert "the best song" in note and "the pictures' mood is 20.0%" in note
    (note,) = describe_poor_match("music", [picture], [an_answer("music", 0.45)], mood_target("calm"))
    assert "its score is 45.0%, the mean of" in note and "closeness to calm" in note


def test_answers_say_that_the_best_is_poor_when_it_is(
    library: LibraryReader, network: Network, seeds: QueryResolver, media: Path
) -> None:
    """Filters leave ever poorer answers, of which the last is poor in the reckoning of any network."""
    query = str(media / "song 0.flac")
    everything = find(library, network, seeds, [query], Filters(limit=100)).results
    for left in (everything, everything[-1:]):
        kept = {answer.path for answer in left} | {path for answer in left for path in answer.alike}
        others = frozenset(item for item, path in library.paths("image") if path not in kept)
        answers = find(library, network, seeds, [query], Filters(limit=100, without=others))
        assert answers.results[0].score == pytest.approx(left[0].score)
        said = any(note.startswith("even the best picture is a poor match") for note in answers.notes)
        assert said == (left[0].worth < 0.4995)


@pytest.mark.parametrize(
    ("query", "answers"),
    [
        (entry_of("music"), []),
        (entry_of("music"), [an_answer("image", 0.5)]),
        (entry_of("music"), [an_answer("image", 0.4, rank=11)]),  # a later page
        (entry_of("image"), [an_answer("image", 0.4)]),  # scores of one kind only give an order
    ],
)
def test_no_other_match_is_said_to_be_poor(query: QueryEntry, answers: list[Answer]) -> None:
    assert describe_poor_match("image", [query], answers, ANYTHING) == ()
