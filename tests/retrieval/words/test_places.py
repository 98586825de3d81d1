"""Places of words: names of moods lie where the moods lie, other words where they are read."""

from __future__ import annotations

import pytest

from attune.embedding.words.sentence_affect import measure_word_effects, read_affect
from attune.retrieval.mood_words import MOODS
from attune.retrieval.words.places import explain_place, place_words


@pytest.mark.parametrize("mood", MOODS)
def test_a_named_mood_lies_where_it_lies(mood: str) -> None:
    for text in (mood, f" {mood.upper()}! "):
        assert place_words(text) == MOODS[mood]
    (effect,) = explain_place(mood)
    assert (effect.word, effect.valence, effect.arousal) == (mood, *MOODS[mood])


def test_degrees_move_a_named_mood() -> None:
    assert place_words("very calm") == pytest.approx((0.35 * 1.3, -0.45 * 1.3))
    assert place_words("a little calm") == pytest.approx((0.35 / 1.3, -0.45 / 1.3))
    (effect,) = explain_place("very calm")
    assert (effect.word, effect.valence) == ("calm", pytest.approx(0.35 * 1.3))


@pytest.mark.parametrize("text", ["not calm", "sad but calm", "calm, not sad", "calm evening"])
def test_other_words_are_read(text: str) -> None:
    assert place_words(text) == read_affect(text).place
    assert explain_place(text) == tuple(measure_word_effects(text))


@pytest.mark.parametrize("text", ["", "  ", "IMG 4032", "not", "blue car"])
def test_words_without_a_mood_have_no_place(text: str) -> None:
    assert place_words(text) is None
