"""The target of a query, from what people type: a point, a mood, words, and words that are not wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, get_args

from attune.core.errors import UsageError, escape_text
from attune.embedding.media_files import Kind
from attune.embedding.network import Network
from attune.embedding.words.reading import read_sentence
from attune.embedding.words.sentence_affect import WordEffect
from attune.retrieval.answers import WordsEntry
from attune.retrieval.mood_words import MOODS, mood_word
from attune.retrieval.words.aims import Aim, Target
from attune.retrieval.words.meaning import Meaning, read_meaning
from attune.retrieval.words.places import explain_place, place_words

DEFAULT_MEANING: Final = 0.8
"""Weight of what a sentence names beside its mood (docs/experiments.md)."""

_KINDS: Final[dict[Kind, str]] = {"image": "pictures", "music": "songs"}


@dataclass(frozen=True, slots=True)
class Sentence:
    """What a sentence says.

    Attributes:
        text: The sentence.
        place: Its place on the plane; None if it says nothing of mood.
        named: By kind, its phrases that name something by which files of that kind are known.
        effects: What single words add to its place, the strongest first.
    """

    text: str
    place: tuple[float, float] | None
    named: Mapping[Kind, tuple[str, ...]]
    effects: tuple[WordEffect, ...]

    @property
    def mood(self) -> str | None:
        """The named mood that is nearest to its place; None if it says nothing of mood."""
        return None if self.place is None else mood_word(self.place)


def make_target(
    network: Network,
    kind: Kind,
    words: str | None = None,
    not_words: str | None = None,
    meaning: float | None = None,
    mood: str | None = None,
    point: tuple[float, float] | None = None,
) -> Target:
    """Return what answers should be near to, and far from.

    Args:
        network: The network of the library that will be searched.
        kind: Kind of the answers.
        words: A sentence that describes them.
        not_words: A sentence that describes what they should be far from.
        meaning: Weight of what the sentences name beside their mood, in [0, 1]; None: the default.
        mood: A named mood.
        point: A place on the plane; unused with a mood.

    Raises:
        UsageError: A sentence says nothing of mood and names nothing by which files of this kind are known,
            or it lacks what the weight asks for.
    """
    aims = []
    if mood is not None:
        aims.append(Aim(mood, MOODS[mood]))
    elif point is not None:
        aims.append(Aim("the point", point))
    if words is not None:
        aims.append(aim_at_words(words, network, kind, meaning))
    unwanted = () if not_words is None else (aim_at_words(not_words, network, kind, meaning),)
    return Target(tuple(aims), unwanted)


def aim_at_words(text: str, network: Network, kind: Kind, weight: float | None = None) -> Aim:
    """Return the aim of a sentence.

    Args:
        text: The sentence, in any language that the encoder knows.
        network: The network of the library that will be searched.
        kind: The kind of the answers.
        weight: Weight of what it names beside its mood, in [0, 1]; None: the default, or all of it for a
            sentence that says nothing of mood.

    Raises:
        UsageError: As for `make_target`.
    """
    place = place_words(text)
    meaning = _read_specific_meaning(text, network, kind)
    shown = f"“{escape_text(text.strip())}”"
    if place is None and meaning is None:
        raise UsageError(
            f"{shown} says nothing of mood, and names nothing by which {_KINDS[kind]} are known; "
            "describe a feeling, or a thing"
        )
    if weight == 1 and meaning is None:
        raise UsageError(
            f"{shown} names nothing by which {_KINDS[kind]} are known; lower the weight of meaning"
        )
    if weight == 0 and place is None:
        raise UsageError(f"{shown} says nothing of mood; raise the weight of meaning")
    if meaning is None or weight == 0:
        return Aim(shown, place, text=text)
    if place is None or weight == 1:
        return Aim(shown, None, meaning, 1.0, text)
    return Aim(shown, place, meaning, DEFAULT_MEANING if weight is None else weight, text)


def read_words(text: str, network: Network) -> Sentence:
    """Return how a sentence feels, and what it names that pictures or songs are known by."""
    place = place_words(text)
    meanings = {kind: _read_specific_meaning(text, network, kind) for kind in get_args(Kind)}
    named = {kind: () if meaning is None else meaning.named for kind, meaning in meanings.items()}
    return Sentence(text, place, named, () if place is None else explain_place(text))


def _read_specific_meaning(text: str, network: Network, kind: Kind) -> Meaning | None:
    """Return what a sentence names outright, without what it denies; None if that is nothing."""
    said = read_sentence(text).main.said
    meaning = read_meaning(said, network, kind) if said else None
    return meaning if meaning is not None and meaning.is_specific else None


def describe_words(target: Target) -> tuple[WordsEntry, ...]:
    """Return the sentences of a target, with what was read in them."""
    return tuple(
        _describe_sentence(aim, aim.text, unwanted)
        for unwanted, aims in ((False, target.aims), (True, target.unwanted))
        for aim in aims
        if aim.text is not None
    )


def describe_idle_weight(weight: float | None, words: Sequence[WordsEntry]) -> tuple[str, ...]:
    """Return a sentence for each sentence of a query on which the given weight of meaning has no effect.

    Args:
        weight: The weight that was given; None: none was.
        words: The sentences.
    """
    if weight is None:
        return ()
    lacking = [(entry, "names nothing") for entry in words if not entry.named and weight > 0]
    lacking += [(entry, "says nothing of mood") for entry in words if entry.place is None and weight < 1]
    return tuple(
        f"“{escape_text(entry.text.strip())}” {lack}, so the weight of meaning has no effect on it"
        for entry, lack in lacking
    )


def _describe_sentence(aim: Aim, text: str, unwanted: bool) -> WordsEntry:
    place = place_words(text)
    effects = () if place is None else explain_place(text)
    return WordsEntry(
        text, unwanted, place, () if aim.meaning is None else aim.meaning.named, aim.weight, effects
    )
