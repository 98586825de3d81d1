"""Place of a sentence on the valence–arousal plane.

    sentence ─ reading ─ four texts ─ encoder ─ 4 × 512 ─ linear ─ valence, arousal, strength

What a sentence says, what it denies, and both again of what it concedes have linear functions of their own,
learnt together by ridge regression from sentences in fourteen languages (`attune.training.sentence_ridge`).
So "not happy" is no mirror image of "happy", but lies where people mean it who deny happiness.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from attune.embedding.backbones import WEIGHTS
from attune.embedding.checked_arrays import read_checked_arrays
from attune.embedding.words.reading import Reading, read_sentence
from attune.embedding.words.sentence_encoder import SENTENCE_DIM, open_sentence_encoder

ROLES: Final = 4
"""Texts of a sentence that are encoded: said, denied, and both of what is conceded."""

AFFECT_WEIGHTS: Final = WEIGHTS / "sentence_affect.npz"
_AFFECT_SHA256: Final = "852878b41538b40c740e797409fbe16db0379c9f39580955ac666e68ea51cdad"
_LEAST_STRENGTH: Final = 0.55  # 3 in 100 sentences with a mood lie below it, 95 in 100 without
# Ridge regression shrinks: on either axis, files beyond the middle third of the plane lie so many times
# farther out than sentences about a mood would (docs/experiments.md).
_SPREAD: Final = 1.6
_DEGREE: Final = 1.3  # a place moves so far from the middle with "very", and back with "a little"
_LEAST_EFFECT: Final = 0.08  # of a word on the place; smaller ones are not mentioned
_MAX_WORDS: Final = 40  # whose effects are measured


@dataclass(frozen=True, slots=True)
class WordEffect:
    """What a word adds to the place of its sentence.

    Attributes:
        word: The word.
        valence: Valence of the sentence less that of the sentence without the word.
        arousal: The same of arousal.
    """

    word: str
    valence: float
    arousal: float


@dataclass(frozen=True, slots=True)
class SentenceAffect:
    """What a sentence says about mood.

    Attributes:
        place: Valence and arousal, each in [-1, 1], on the scale of `attune.embedding.affect.Affect.place`.
        says_mood: Whether it says anything about mood; if not, the place is a guess.
    """

    place: tuple[float, float]
    says_mood: bool


def read_affect(sentence: str) -> SentenceAffect:
    """Read the mood of a sentence; one without words says nothing.

    Raises:
        ArtefactError: A file of the encoder is missing or damaged.
    """
    return _apply_head([read_sentence(sentence)])[0]


def measure_word_effects(sentence: str) -> list[WordEffect]:
    """Return the words of a sentence that change its place, the strongest first.

    A word's effect is measured by leaving it out. Words that deny or concede are read with the words that
    they belong to, and are not left out.

    Raises:
        ArtefactError: A file of the encoder is missing or damaged.
    """
    reading = read_sentence(sentence)
    words = [word for word in dict.fromkeys(reading.words) if _may_matter(word)][:_MAX_WORDS]
    whole, *others = _apply_head([reading, *(reading.without(word) for word in words)])
    effects = [
        WordEffect(word, whole.place[0] - other.place[0], whole.place[1] - other.place[1])
        for word, other in zip(words, others, strict=True)
    ]
    strong = [effect for effect in effects if _size(effect) >= _LEAST_EFFECT]
    return sorted(strong, key=_size, reverse=True)


def intensify(place: tuple[float, float], degree: int) -> tuple[float, float]:
    """Return a place moved away from the middle, or towards it, but not out of the plane.

    Args:
        place: Valence and arousal.
        degree: 1 for "very", −1 for "a little", 0 for neither.
    """
    valence, arousal = (min(max(value * _DEGREE**degree, -1.0), 1.0) for value in place)
    return valence, arousal


def encode_readings(readings: Sequence[Reading]) -> NDArray[np.float32]:
    """Return the vectors of n sentences, float32 (n, 4 · 512): one for each of their texts.

    That of an empty text is zero.

    Raises:
        ArtefactError: A file of the encoder is missing or damaged.
    """
    texts = [text for reading in readings for text in reading.texts]
    vectors = np.zeros((len(texts), SENTENCE_DIM), np.float32)
    present = [row for row, text in enumerate(texts) if text]
    if present:
        vectors[present] = open_sentence_encoder().encode([texts[row] for row in present])
    return vectors.reshape(len(readings), -1)


def _apply_head(readings: Sequence[Reading]) -> list[SentenceAffect]:
    slopes, shifts = _load_head()
    found = []
    for reading, row in zip(readings, (encode_readings(readings) @ slopes + shifts).tolist(), strict=True):
        says_mood = bool(reading.words) and row[2] >= _LEAST_STRENGTH
        place = intensify((_SPREAD * row[0], _SPREAD * row[1]), reading.degree)
        found.append(SentenceAffect(place, says_mood))
    return found


def _may_matter(word: str) -> bool:
    """Return whether a word is more than an article or a preposition of one or two Latin letters."""
    return len(word) > 2 or not word.isascii()


def _size(effect: WordEffect) -> float:
    return max(abs(effect.valence), abs(effect.arousal))


@cache
def _load_head() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return slopes (4 · 512, 3) and shifts (3,) of valence, arousal and strength."""
    stored = read_checked_arrays(AFFECT_WEIGHTS, _AFFECT_SHA256)
    return stored["slopes"], stored["shifts"]
