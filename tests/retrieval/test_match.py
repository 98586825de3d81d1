"""Tests of the sentence that explains a match, and of the named moods."""

from __future__ import annotations

import numpy as np
import pytest

from attune.embedding.affect import Affect
from attune.embedding.media_files import Kind
from attune.retrieval.match import explain_match
from attune.retrieval.mood_words import MOODS, mood_word
from attune.retrieval.seeds import QueryItem
from attune.tests.affect_factory import make_affect


def make_query_item(kind: Kind, affect: Affect) -> QueryItem:
    return QueryItem(f"/{kind}", kind, np.zeros(128, np.float32), affect)


CASES = [
    (
        (0.6, 0.5, 0.8, 0.1, 0.1),
        (0.5, 0.55, 0.7, 0.2, 0.1),
        "both feel festive; for a song, the music is as pleasant and as lively",
    ),
    ((-0.5, -0.4, 0.1, 0.2, 0.7), (0.6, 0.5, 0.8, 0.1, 0.1), "the picture feels sad, the music festive"),
    (
        (-0.5, -0.4, 0.1, 0.2, 0.7),
        (0.6, 0.5, 0.8, 0.1, 0.1),
        "the music is more pleasant and more lively",
    ),
    (
        (0.6, 0.5, 0.8, 0.1, 0.1),
        (0.3, -0.5, 0.2, 0.7, 0.1),
        "the music is less pleasant and less lively",
    ),
    ((0.6, 0.5, 0.8, 0.1, 0.1), (0.3, -0.5, 0.2, 0.7, 0.1), "picture most likely positive, music neutral"),
]


@pytest.mark.parametrize(("picture", "song", "phrase"), CASES)
def test_the_sentence_is_true_of_both(
    picture: tuple[float, float, float, float, float],
    song: tuple[float, float, float, float, float],
    phrase: str,
) -> None:
    assert phrase in explain_match(
        make_query_item("image", make_affect(*picture[:2], picture[2:])),
        make_query_item("music", make_affect(*song[:2], song[2:])),
    )


def test_every_named_mood_is_found_at_its_own_place() -> None:
    for mood, (valence, arousal) in MOODS.items():
        assert mood_word((valence, arousal)) == mood
