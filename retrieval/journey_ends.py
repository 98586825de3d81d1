"""Ends and bends of a journey: files, named moods, places or words, each with its place on the plane."""

from __future__ import annotations

import re
from dataclasses import dataclass

from attune.core.errors import UsageError, escape_text
from attune.embedding.media_files import Kind, kind_of
from attune.indexer.records import Item
from attune.retrieval.answers import QueryEntry
from attune.retrieval.mood_words import MOODS
from attune.retrieval.query_parameters import MAX_TEXT
from attune.retrieval.seeds import NoReference, QuerySource
from attune.retrieval.words.places import place_words

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)"
_PATH_BEGINNINGS = ("/", "./", "../", "~/")
_PLACE = re.compile(rf"\s*({_NUMBER})\s*,\s*({_NUMBER})\s*")


@dataclass(frozen=True, slots=True)
class JourneyEnd:
    """An end or a bend of a journey.

    Attributes:
        text: What was written for it: a path or an id, the name of a mood, two numbers, or words.
        entry: Its place, and the file if it is one.
        item: The library's item of the file; None if the library has none, or if it is no file.
    """

    text: str
    entry: QueryEntry
    item: Item | None = None


def resolve_end(text: str, seeds: QuerySource, kind: Kind) -> JourneyEnd:
    """Return the place that a text stands for.

    A text is the name of a mood of `MOODS`, or else a place (`valence,arousal`), or else a file, or words.

    Args:
        text: The text.
        seeds: Finds and embeds files: the text as a reference.
        kind: Kind of the journey's files, which the entry of a mood or place has.

    Raises:
        UsageError: The text is none of them, or a file that is not there or is no media.
        MediaError: The file cannot be used.
    """
    if text in MOODS:
        return JourneyEnd(text, QueryEntry.from_place(kind, *MOODS[text]))
    if (place := _parse_place(text)) is not None:
        return JourneyEnd(text, QueryEntry.from_place(kind, *place))
    try:
        seed = seeds.seed(text)
    except NoReference:
        if not text.strip():
            raise UsageError("an empty text is no end of a journey") from None
        if _looks_like_path(text):
            raise
        return JourneyEnd(text, _place_words(text, kind))
    return JourneyEnd(text, seed.entry, seeds.file(text).item)


def _place_words(text: str, kind: Kind) -> QueryEntry:
    if len(text) > MAX_TEXT:
        raise UsageError(f"{escape_text(text[:40])}…: too long; describe it in at most {MAX_TEXT} characters")
    place = place_words(text)
    if place is None:
        raise UsageError(
            f"{escape_text(text)}: no file, and as words it says nothing of mood; name a file, a mood "
            "such as calm, a place such as 0.5,-0.3, or describe a feeling"
        )
    return QueryEntry.from_place(kind, *place, words=text)


def _parse_place(text: str) -> tuple[float, float] | None:
    """Return the place that two numbers with a comma between them name; None for any other text.

    Raises:
        UsageError: A number is outside of the plane.
    """
    match = _PLACE.fullmatch(text)
    if match is None:
        return None
    valence, arousal = float(match[1]), float(match[2])
    if max(abs(valence), abs(arousal)) > 1:
        raise UsageError(f"{text}: outside of the plane; valence and arousal are numbers from -1 to 1")
    return valence, arousal


def _looks_like_path(text: str) -> bool:
    """Return whether a text that names no file was meant to: it begins as a path or ends as a media file."""
    return text.startswith(_PATH_BEGINNINGS) or kind_of(text) is not None
