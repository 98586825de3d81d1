"""What is made of words: aims with mood, meaning or both, and errors for words that say neither."""

from __future__ import annotations

import pytest

from attune.core.errors import UsageError
from attune.embedding.network import Network, open_network
from attune.retrieval.mood_words import MOODS
from attune.retrieval.words.places import place_words
from attune.retrieval.words.targets import (
    DEFAULT_MEANING,
    aim_at_words,
    describe_idle_weight,
    describe_words,
    make_target,
    read_words,
)
from attune.tests.networks import write_image_backbone, write_network

MOOD, THING, BOTH, NEITHER = (
    "deeply sad",
    "a table with a computer",
    "a calm evening by the sea",
    "which of them",
)


@pytest.fixture(scope="module")
def unnamed(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """A network of a backbone that has no content labels."""
    folder = tmp_path_factory.mktemp("unnamed")
    return open_network(str(write_network(folder, image_backbone=write_image_backbone(folder))))


def test_a_sentence_has_a_mood_a_meaning_or_both(network: Network) -> None:
    mood = aim_at_words(MOOD, network, "image")
    assert (mood.place, mood.meaning, mood.weight) == (place_words(MOOD), None, 0.0)
    thing = aim_at_words(THING, network, "image")
    assert (thing.place, thing.weight) == (None, 1.0)
    assert thing.meaning is not None and thing.meaning.named == ("table",)
    both = aim_at_words(BOTH, network, "image")
    assert both.weight == DEFAULT_MEANING
    assert both.place == place_words(BOTH)
    assert both.meaning is not None and both.meaning.named == ("sea",)
    assert both.name == f"“{BOTH}”" and both.text == BOTH


def test_the_weight_chooses_between_mood_and_meaning(network: Network) -> None:
    for weight, has_place, has_meaning in ((0.0, True, False), (0.3, True, True), (1.0, False, True)):
        aim = aim_at_words(BOTH, network, "image", weight)
        assert (aim.place is not None, aim.meaning is not None, aim.weight) == (
            has_place,
            has_meaning,
            weight,
        )


@pytest.mark.parametrize(
    ("text", "weight", "message"),
    [
        (NEITHER, None, "says nothing of mood, and names nothing by which pictures are known"),
        ("", None, "says nothing of mood"),
        (MOOD, 1.0, "names nothing by which pictures are known; lower"),
        (THING, 0.0, "says nothing of mood; raise"),
        ("which of them\x1b[31m\n", None, "says nothing of mood"),
    ],
)
def test_words_that_lack_what_is_asked_for(
    network: Network, text: str, weight: float | None, message: str
) -> None:
    with pytest.raises(UsageError) as error:
        aim_at_words(text, network, "image", weight)
    assert message in str(error.value)
    assert "\n" not in str(error.value) and "\x1b" not in str(error.value)


def test_what_is_denied_is_not_named(network: Network) -> None:
    aim = aim_at_words("a calm evening without the sea", network, "image")
    assert aim.meaning is None or "sea" not in aim.meaning.named


def test_without_content_labels_only_moods_can_be_asked_for(unnamed: Network) -> None:
    aim = aim_at_words(BOTH, unnamed, "image")
    assert (aim.place, aim.meaning, aim.weight) == (place_words(BOTH), None, 0.0)
    with pytest.raises(UsageError, match="names nothing by which pictures are known"):
        aim_at_words(THING, unnamed, "image")
    with pytest.raises(UsageError, match="names nothing by which pictures are known; lower"):
        aim_at_words(BOTH, unnamed, "image", 1.0)
    assert read_words(BOTH, unnamed).named["image"] == ()


def test_all_that_a_query_asks_for(network: Network) -> None:
    assert not make_target(network, "image")
    target = make_target(network, "image", BOTH, "sad", 0.3, "calm", (0.9, 0.9))
    assert [aim.name for aim in target.aims] == ["calm", f"“{BOTH}”"]  # a mood comes before a point
    assert [aim.place for aim in target.unwanted] == [MOODS["sad"]]
    assert target.aims[1].weight == 0.3
    (point,) = make_target(network, "image", point=(0.9, 0.9)).aims
    assert (point.name, point.place, point.text) == ("the point", (0.9, 0.9), None)
    unwanted = make_target(network, "image", not_words="sad")
    assert unwanted and not unwanted.aims


def test_words_are_described_with_what_was_read(network: Network) -> None:
    wanted, unwanted = describe_words(make_target(network, "image", BOTH, "sad", mood="calm"))
    assert (wanted.text, wanted.unwanted, wanted.named, wanted.meaning) == (
        BOTH,
        False,
        ("sea",),
        DEFAULT_MEANING,
    )
    assert wanted.place == place_words(BOTH) and wanted.mood == "calm"
    assert wanted.effects[0].word == "calm"
    assert (unwanted.text, unwanted.unwanted, unwanted.named, unwanted.meaning) == ("sad", True, (), 0.0)
    (thing,) = describe_words(make_target(network, "image", THING))
    assert (thing.place, thing.mood, thing.effects) == (None, None, ())


def test_reading_words_tells_both_kinds(network: Network) -> None:
    sentence = read_words("a sad piano by the sea", network)
    assert sentence.place is not None and sentence.place[0] < 0
    assert "sea" in sentence.named["image"] and "piano" in sentence.named["music"]
    empty = read_words(NEITHER, network)
    assert (empty.place, empty.mood, empty.effects) == (None, None, ())
    assert empty.named == {"image": (), "music": ()}


@pytest.mark.parametrize(
    ("words", "weight", "notes"),
    [
        ("very sad", 0.5, ["“very sad” names nothing"]),
        ("very sad", 0.0, []),
        ("very sad", None, []),
        ("a calm evening by the sea", 0.5, []),
    ],
)
def test_a_weight_without_effect_is_said(
    network: Network, words: str, weight: float | None, notes: list[str]
) -> None:
    entries = describe_words(make_target(network, "image", words, meaning=weight))
    found = describe_idle_weight(weight, entries)
    assert [note.partition(",")[0] for note in found] == notes
