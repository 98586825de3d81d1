"""Place of a sentence: intensity, negation, emoji, and which words did what."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune.core.errors import ArtefactError
from attune.embedding.words import sentence_affect
from attune.embedding.words.reading import read_sentence
from attune.embedding.words.sentence_affect import (
    ROLES,
    encode_readings,
    intensify,
    measure_word_effects,
    read_affect,
)
from attune.embedding.words.sentence_encoder import SENTENCE_DIM, open_sentence_encoder


def distance(sentence: str) -> float:
    return math.hypot(*read_affect(sentence).place)


@pytest.mark.parametrize(
    ("more", "plain", "less"),
    [
        ("very sad", "sad", "a little sad"),
        ("extremely angry", "angry", "slightly angry"),
        ("sehr traurig", "traurig", "ein bisschen traurig"),
        ("extrem wütend", "wütend", "etwas wütend"),
        ("très joyeux", "joyeux", "un peu joyeux"),
        ("muy tranquilo", "tranquilo", "un poco tranquilo"),
        ("molto triste", "triste", "leggermente triste"),
    ],
)
def test_degrees_move_away_from_the_middle_and_back(more: str, plain: str, less: str) -> None:
    assert distance(less) < distance(plain) - 0.05 < distance(more) - 0.1


@given(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), st.sampled_from([-1, 0, 1]))
def test_no_degree_leaves_the_plane(place: tuple[float, float], degree: int) -> None:
    moved = intensify(place, degree)
    assert all(-1 <= value <= 1 for value in moved)
    assert all(
        math.copysign(1, value) == math.copysign(1, was) for value, was in zip(moved, place, strict=True)
    )
    if degree == 0:
        assert moved == place


@pytest.mark.parametrize(
    ("sentence", "pleasant"),
    [
        ("happy", True),
        ("not happy at all", False),
        ("sad but hopeful", True),
        ("hopeful but sad", False),
        ("nobody is sad any more", True),
        ("nicht mehr traurig, sondern fröhlich", True),
        ("überhaupt nicht glücklich", False),
        ("pas du tout heureux", False),
        ("nada feliz", False),
        ("😀", True),
        ("\u2764\ufe0f", True),
        ("💙", True),
        ("🎉", True),
        ("😢", False),
        ("😡", False),
        ("💔", False),
    ],
)
def test_what_is_pleasant(sentence: str, pleasant: bool) -> None:
    affect = read_affect(sentence)
    assert affect.says_mood
    assert (affect.place[0] > 0.1) if pleasant else (affect.place[0] < -0.1)


@pytest.mark.parametrize(
    "sentence",
    [
        "",
        "  \n",
        "...",
        "not",
        "but",
        "\ud800",
        "IMG 4032",
        "blue car",
        "no table",
        "not blue",
        "keine Autos",
        "sans voiture",
        "sin mesa",
    ],
)
def test_what_says_nothing(sentence: str) -> None:
    assert not read_affect(sentence).says_mood


@given(st.text(st.characters(exclude_categories=())))
@settings(max_examples=40, deadline=None)
def test_any_text_has_a_place_on_the_plane(text: str) -> None:
    assert all(-1 <= value <= 1 for value in read_affect(text).place)


def test_each_text_of_a_reading_has_its_vector() -> None:
    rows = encode_readings([read_sentence("not sad but calm"), read_sentence("")]).reshape(
        2, ROLES, SENTENCE_DIM
    )
    assert not rows[1].any()
    assert not rows[0, [1, 2]].any()  # nothing is denied outright, and nothing conceded is said
    np.testing.assert_array_equal(rows[0, [0, 3]], open_sentence_encoder().encode(["calm", "sad"]))


def test_effects_are_those_of_leaving_words_out() -> None:
    text = "a very sad song by the sea"
    effects = measure_word_effects(text)
    assert effects[0].word == "sad" and effects[0].valence < -0.2
    sizes = [max(abs(one.valence), abs(one.arousal)) for one in effects]
    assert sizes == sorted(sizes, reverse=True) and sizes[-1] >= 0.05
    whole, without = read_affect(text).place, read_affect("a very song by the sea").place
    assert effects[0].valence == pytest.approx(whole[0] - without[0], abs=1e-5)
    assert effects[0].arousal == pytest.approx(whole[1] - without[1], abs=1e-5)
    assert {"a", "very", "by"}.isdisjoint(one.word for one in effects)
    assert measure_word_effects("") == []


def test_effects_of_a_long_text_are_of_its_first_words() -> None:
    text = " ".join(f"joy{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(60))
    words = text.split()
    assert {one.word for one in measure_word_effects(text)} <= set(words[:40])


def test_a_damaged_file_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "sentence_affect.npz"
    monkeypatch.setattr(sentence_affect, "AFFECT_WEIGHTS", path)
    for data in (None, b"no weights"):
        if data is not None:
            path.write_bytes(data)
        sentence_affect._load_head.cache_clear()
        with pytest.raises(ArtefactError, match=r"^[^\n]*sentence_affect\.npz: it is [^\n]*$"):
            read_affect("sad")
    monkeypatch.undo()
    assert read_affect("sad").says_mood
