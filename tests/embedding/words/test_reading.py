"""What a sentence says, denies and concedes, in several languages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune.embedding.words.function_words import INTENSIFIERS, NEGATORS, PHRASES
from attune.embedding.words.reading import Reading, name_emoji, read_sentence

# A sentence, with what it says, what it denies, and both of what it concedes.
READINGS = [
    ("a calm evening by the sea", "a calm evening by the sea", "", "", ""),
    # negation
    ("not happy at all", "", "happy at all", "", ""),
    ("I can't sleep", "I", "sleep", "", ""),
    ("I don\u2019t feel sad", "I do", "feel sad", "", ""),
    ("neither sad nor happy", "", "sad happy", "", ""),
    ("joy I have not", "", "joy I have", "", ""),
    ("without a smile", "", "a smile", "", ""),
    ("never without a smile", "a smile", "", "", ""),
    ("anything but calm", "", "calm", "", ""),
    ("he is sad, not angry", "he is sad", "angry", "", ""),
    ("nicht traurig", "", "traurig", "", ""),
    ("kaum noch Hoffnung", "", "noch Hoffnung", "", ""),
    ("alles andere als ruhig", "", "ruhig", "", ""),
    ("ohne jede Freude", "", "jede Freude", "", ""),
    ("je ne suis pas triste", "je suis", "triste", "", ""),
    ("elle n'est plus calme", "elle est", "calme", "", ""),
    ("plus calme", "plus calme", "", "", ""),
    ("loin d'être triste", "", "triste", "", ""),
    ("au lieu d'une fête", "", "une fête", "", ""),
    ("no estoy triste", "", "estoy triste", "", ""),
    ("sin alegría", "", "alegría", "", ""),
    ("ni triste ni alegre", "", "triste alegre", "", ""),
    ("non sono felice", "", "sono felice", "", ""),
    ("não estou triste", "", "estou triste", "", ""),
    ("uma canção no mar", "uma canção no mar", "", "", ""),  # "in the"
    ("niet droevig", "", "droevig", "", ""),
    # contrast
    ("sad but hopeful", "hopeful", "", "sad", ""),
    ("not sad but hopeful", "hopeful", "", "", "sad"),
    ("it rained all day, but nobody was sad", "", "was sad", "it rained all day", ""),
    ("once wild, now silent", "silent", "", "once wild", ""),
    ("sad, but", "sad", "", "", ""),
    ("nothing but joy", "joy", "", "", ""),
    ("traurig, aber voller Hoffnung", "voller Hoffnung", "", "traurig", ""),
    ("nicht traurig, sondern froh", "froh", "", "", "traurig"),
    ("triste mais gai", "gai", "", "triste", ""),
    ("le but du match", "le but du match", "", "", ""),  # a goal
    ("no es triste, sino alegre", "alegre", "", "", "es triste"),
    ("triste y sin embargo alegre", "alegre", "", "triste y", ""),
    # concession
    ("although it rained, we danced", "we danced", "", "it rained", ""),
    ("we danced despite the rain", "we danced", "", "the rain", ""),
    ("although nobody cried, it was sad", "it was sad", "", "", "cried"),
    ("obwohl es regnet, tanzen wir", "tanzen wir", "", "es regnet", ""),
    ("malgré la pluie, on danse", "on danse", "", "la pluie", ""),
    ("bien qu'il pleuve, on danse", "on danse", "", "il pleuve", ""),
    ("bien que triste, elle danse", "elle danse", "", "triste", ""),
    ("aunque llueve, bailamos", "bailamos", "", "llueve", ""),
    ("a pesar de la lluvia, bailamos", "bailamos", "", "la lluvia", ""),
    # nothing but function words
    ("although", "", "", "", ""),
    ("but", "", "", "", ""),
    ("not but", "", "", "", ""),
    ("", "", "", "", ""),
    (" \n", "", "", "", ""),
]
DEGREES = [
    ("sad", 0),
    ("very sad", 1),
    ("Extremely loud", 1),
    ("a little sad", -1),
    ("A BIT sad", -1),
    ("kind of sad", -1),
    ("sehr traurig", 1),
    ("ein bisschen traurig", -1),
    ("etwas traurig", -1),
    ("très triste", 1),
    ("un peu triste", -1),
    ("muy triste", 1),
    ("un poco triste", -1),
    ("molto triste", 1),
    ("very little, somewhat", 0),
]
EMOJI = [
    ("😢", "crying face"),
    ("sad 😢", "sad crying face"),
    ("👍🏽", "thumbs up sign"),  # its colour says nothing
    ("👨‍👩‍👧", "man, woman, girl"),
    ("\u2764\ufe0f", "love"),
    ("💙", "love"),
    ("🖤", "black heart"),
    ("💔", "broken heart"),
    ("\u2600\ufe0f", "sun with rays"),  # black is how it is printed
]
FUNCTION_WORDS = sorted([*NEGATORS, *INTENSIFIERS, *PHRASES, "but", "aber", "although", "plus", "ne", "n't"])
TEXTS = st.text(st.characters(exclude_categories=())) | st.lists(
    st.sampled_from(
        [
            *FUNCTION_WORDS,
            "\u017fort of",
            "SPİTE",
            ",",
            ".",
            "'",
            "\u2019",
            "sad",
            "😢",
            "\ud800",
            "á",
            "ี",
            "a\u0301",
            "-",
        ]
    )
    | st.text(max_size=3)
).map(" ".join)


@pytest.mark.parametrize(("sentence", "said", "denied", "granted", "refused"), READINGS)
def test_what_is_said_denied_and_conceded(
    sentence: str, said: str, denied: str, granted: str, refused: str
) -> None:
    assert read_sentence(sentence).texts == (said, denied, granted, refused)


@pytest.mark.parametrize(("sentence", "degree"), DEGREES)
def test_degrees(sentence: str, degree: int) -> None:
    reading = read_sentence(sentence)
    assert reading.degree == degree
    if degree and "sad" in sentence:
        assert reading.main.said == "sad"


@pytest.mark.parametrize(("sentence", "said"), EMOJI)
def test_emoji_are_words(sentence: str, said: str) -> None:
    assert read_sentence(sentence).main.said == said


def test_an_emoji_can_be_denied_and_conceded() -> None:
    assert read_sentence("not 😢").texts == ("", "crying face", "", "")
    assert read_sentence("😢 but 🎉").texts == ("party popper", "", "crying face", "")


def test_accents_and_scripts_stay() -> None:
    for text in ("äöü ñ ç", "静かな夜", "صباح هادئ", "तूफ़ान", "e\u0301te\u0301"):
        assert name_emoji(text) == text
    for text in ("คืนที่เงียบสงบริมทะเล", "हर्षित", "صَبَاح"):
        assert read_sentence(text).texts == (text, "", "", "")
    assert read_sentence("e\u0301te\u0301").main.said == "été"


@given(TEXTS)
def test_any_text_can_be_read(text: str) -> None:
    reading = read_sentence(text)
    assert isinstance(reading, Reading)
    assert reading.degree in (-1, 0, 1)
    assert bool(reading.words) == any(reading.texts)
    assert not reading.conceded or reading.main  # what is conceded stands beside what counts


@given(TEXTS, st.data())
def test_a_word_left_out_adds_none(text: str, data: st.DataObject) -> None:
    reading = read_sentence(text)
    for word in [*reading.words, data.draw(st.text(max_size=5))]:
        rest = reading.without(word)
        assert set(rest.words) <= set(reading.words)
        assert len(rest.words) <= len(reading.words)
        if word in reading.words:
            assert len(rest.words) < len(reading.words)
        assert rest.degree == reading.degree


def test_a_word_is_left_out_as_a_whole_and_wherever_it_stands() -> None:
    reading = read_sentence("sad song, not sad, sadder")
    assert reading.texts == ("sad song, sadder", "sad", "", "")
    assert reading.without("sad").texts == ("song, sadder", "", "", "")
    assert reading.without(".").texts == reading.texts


def test_a_long_text_is_read() -> None:
    reading = read_sentence("very sad, not happy but calm; " * 5_000)
    assert len(reading.words) == 15_000
    assert reading.main.said == "calm"
