"""Place of words on the plane, as commands, pages and journeys use it."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from attune.embedding.words.reading import Statement, read_sentence
from attune.embedding.words.sentence_affect import WordEffect, intensify, measure_word_effects, read_affect
from attune.retrieval.mood_words import MOODS

_KEPT: Final = 256  # sentences: one query asks for the place of its words more than once, and so do its pages


@lru_cache(maxsize=_KEPT)
def place_words(text: str) -> tuple[float, float] | None:
    """Return the place of words, valence and arousal, each in [-1, 1]; None if they say nothing of mood.

    The name of a mood of `MOODS`, also with a word such as "very", lies where that mood lies.

    Raises:
        ArtefactError: A file of the encoder is missing or damaged.
    """
    named = _place_named_mood(text)
    if named is not None:
        return named.valence, named.arousal
    affect = read_affect(text)
    return affect.place if affect.says_mood else None


@lru_cache(maxsize=_KEPT)
def explain_place(text: str) -> tuple[WordEffect, ...]:
    """Return what single words add to the place of words that say a mood, the strongest first.

    Raises:
        ArtefactError: A file of the encoder is missing or damaged.
    """
    named = _place_named_mood(text)
    return tuple(measure_word_effects(text)) if named is None else (named,)


def _place_named_mood(text: str) -> WordEffect | None:
    """Return the name of a mood with its place, which is all its effect; None of other words."""
    reading = read_sentence(text)
    mood = MOODS.get(reading.main.said.lower())
    if mood is None or reading.main != Statement(reading.main.said) or reading.conceded:
        return None
    return WordEffect(reading.main.said, *intensify(mood, reading.degree))
