"""Tests of curation against a slow implementation of its definition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune.indexer.records import Item
from attune.retrieval.diversify import Curation, RankedItem, curate, select_diverse
from attune.retrieval.near_duplicates import SimilarityScale
from attune.tests.affect_factory import make_affect

NEUTRAL = make_affect()
DUPLICATE_COSINE = 0.97


def item(place: int, artist: str | None = None, folder: str = "/a") -> Item:
    return Item(
        id=place,
        kind="image",
        path=f"{folder}/{place}.jpg",
        affect=NEUTRAL,
        content=b"",
        artist=artist,
        width=4,
        height=3,
        feature_row=place,
        feature_rows=1,
        features_crc=0,
    )


class FingerprintTable:
    """Fingerprints by item id, on the scale of the shipped picture backbone."""

    scale = SimilarityScale(0.76)

    def __init__(self, vectors: np.ndarray) -> None:
        self._vectors = vectors

    def __call__(self, items: Sequence[Item]) -> np.ndarray:
        return self._vectors[[item.id for item in items]]


def ranking_of(items: list[Item]) -> list[RankedItem]:
    return [RankedItem(one, 1.0 - place / 1000) for place, one in enumerate(items)]


@st.composite
def albums(draw: st.DrawFn) -> tuple[list[Item], np.ndarray]:
    """Items of a few artists and folders, and unit vectors around a few centres, so that many are alike."""
    count = draw(st.integers(0, 40))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    centres = rng.normal(size=(6, 8))
    vectors = centres[rng.integers(0, 6, count)] + rng.normal(scale=0.12, size=(count, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    artists = [None, "Ann", "ANN", "Bo"]
    items = [item(place, artists[rng.integers(4)], f"/{'abc'[rng.integers(3)]}") for place in range(count)]
    return items, vectors.astype(np.float32)


def curate_slowly(
    items: list[Item], vectors: np.ndarray, size: int, curation: Curation
) -> list[tuple[int, list[int]]]:
    """Return each answer's id and the near-duplicates folded into it, as `curate` documents it."""
    answers: list[tuple[int, list[int]]] = []
    for one in items:
        if curation.fold:
            twins = [a for a, _ in answers if float(vectors[a] @ vectors[one.id]) >= DUPLICATE_COSINE]
            if twins:
                next(alike for a, alike in answers if a == twins[0]).append(one.id)
                continue
        of = [items[a] for a, _ in answers]
        same_artist = sum(
            bool(one.artist and o.artist and o.artist.lower() == one.artist.lower()) for o in of
        )
        same_folder = sum(o.path.rsplit("/", 1)[0] == one.path.rsplit("/", 1)[0] for o in of)
        if curation.per_artist is not None and same_artist >= curation.per_artist:
            continue
        if curation.per_folder is not None and same_folder >= curation.per_folder:
            continue
        if len(answers) == size:
            break
        answers.append((one.id, []))
    return answers


caps = st.one_of(st.none(), st.integers(1, 3))


@given(albums(), st.integers(1, 12), st.builds(Curation, st.booleans(), st.just(0.0), caps, caps))
@settings(deadline=None)
def test_folds_and_caps_equal_their_definition(
    album: tuple[list[Item], np.ndarray], limit: int, curation: Curation
) -> None:
    items, vectors = album
    chosen = curate(ranking_of(items), limit, curation, FingerprintTable(vectors))
    found = [(choice.ranked.item.id, [twin.id for twin in choice.alike]) for choice in chosen]
    expected = curate_slowly(items, vectors, limit, curation)
    if curation.fold:
        assert found == expected
    else:  # nothing is folded: only the answers themselves are compared
        assert [one for one, _ in found] == [one for one, _ in expected]


@given(albums(), st.integers(1, 8), st.floats(0.01, 1.0))
@settings(deadline=None)
def test_variety_equals_its_definition(
    album: tuple[list[Item], np.ndarray], limit: int, diverse: float
) -> None:
    items, vectors = album
    curation = Curation(fold=True, diverse=diverse)
    prints = FingerprintTable(vectors)
    answers = [choice.ranked.item.id for choice in curate(ranking_of(items), limit, curation, prints)]
    pool = [one for one, _ in curate_slowly(items, vectors, max(30, 3 * limit), Curation(fold=True))]
    worth = {one: 1.0 - one / 1000 for one in pool}
    similarity = prints.scale.rescale(vectors[pool] @ vectors[pool].T)
    order = select_diverse(np.array([worth[one] for one in pool]), similarity, diverse, limit)
    found = [pool[index] for index in order]
    assert answers == sorted(found)
    low, high = min(worth.values(), default=0.0), max(worth.values(), default=0.0)
    taken: list[int] = []
    while pool and len(taken) < limit:
        values = {}
        for one in pool:
            r = (worth[one] - low) / (high - low) if high > low else 0.0
            cosines = [float(vectors[one] @ vectors[t]) for t in taken]
            s = max((max((c - 0.76) / (DUPLICATE_COSINE - 0.76), 0.0) for c in cosines), default=0.0)
            values[one] = (1 - diverse) * r - diverse * s
        best = max(values.values())
        # Values that are equal up to rounding may be in either order.
        assert values[found[len(taken)]] == pytest.approx(best, abs=1e-5)
        taken.append(found[len(taken)])
        pool.remove(taken[-1])
    assert found == taken


def test_no_weight_of_variety_is_the_ranking() -> None:
    worth = np.linspace(0.8, 0.3, 20)
    similarity = np.random.default_rng(0).uniform(0, 1, (20, 20))
    assert select_diverse(worth, similarity, 0.0, 10) == list(range(10))
    assert select_diverse(worth, similarity, 1.0, 1) == [0]
    assert select_diverse(np.empty(0), np.empty((0, 0)), 0.5, 3) == []


@pytest.mark.parametrize(
    ("curation", "read"),
    [(Curation(fold=False), 5), (Curation(fold=False, per_folder=3), 5), (Curation(), 6)],
)
def test_the_ranking_is_read_no_deeper_than_needed(curation: Curation, read: int) -> None:
    pulled = []

    def ranking() -> Iterator[RankedItem]:
        for ranked in ranking_of([item(place, folder=f"/{place % 3}") for place in range(100)]):
            pulled.append(ranked.item.id)
            yield ranked

    assert len(curate(ranking(), 5, curation, FingerprintTable(np.zeros((100, 1), np.float32)))) == 5
    assert len(pulled) == read
