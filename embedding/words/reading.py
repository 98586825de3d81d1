"""What a sentence says outright, what it denies, and what it concedes.

    "it rained all day, but nobody was sad"
        conceded  said "it rained all day"
        main      denied "was sad"

Sentence encoders place "not happy" next to "happy". So negation and contrast are read by rules, as methods
with a lexicon do (Hutto and Gilbert, VADER: A Parsimonious Rule-Based Model for Sentiment Analysis of Social
Media Text, ICWSM 2014): a denial reaches from its word to the end of the clause, and after a "but" comes what
counts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from attune.embedding.words.function_words import (
    ABSENCES,
    ASPECTS,
    CONCESSIONS,
    CONTRASTS,
    CONTRASTS_AFTER_STOP,
    DIMINISHERS,
    INTENSIFIERS,
    NEGATORS,
    NEGATORS_WITH_NE,
    NO_CONTRAST_AFTER,
    PHRASES,
)

MARKS: Final = "".join(
    chr(code) for code in range(0x300, 0xFE00) if unicodedata.category(chr(code)) in ("Mn", "Mc")
)
"""Vowel signs of Arabic, Thai and others, and accents: no letters to `re`, but parts of words."""

_TOKEN: Final = re.compile(rf"[^\W_](?:['-]?[^\W_]|[{MARKS}])*|[,;:.!?()–—]")
_STOPS: Final = frozenset(",;:.!?()–—")
_PHRASE: Final = re.compile(
    r"(?<!\w)(?:" + "|".join(map(re.escape, sorted(PHRASES, key=len, reverse=True))) + r")(?:(?<=')|(?!\w))",
    re.IGNORECASE,
)
_CONTRACTED: Final = re.compile(r"n't\b", re.IGNORECASE)
_SHORTENED: Final = re.compile(r"(?<!\w)(ca|wo)(?=n't\b)", re.IGNORECASE)  # can't, won't
_NE: Final = re.compile(r"(?<!\w)(?:ne |n')", re.IGNORECASE)
_PORTUGUESE: Final = re.compile(r"[ãõô]|(?<!\w)(?:uma|ao|com|em|pelo|pela)(?!\w)", re.IGNORECASE)
_HEARTS: Final = frozenset("\u2764\u2665💙💚💛💜🧡🤍")  # named by colour or print: heavy black heart
_INK: Final = re.compile(r"^(?:heavy |black |white )+(?!heart$)")  # filled or not: black sun with rays
_CONCEDED_WORDS: Final = 3  # of a concession that no comma ends: "despite the rain we danced"


@dataclass(frozen=True, slots=True)
class Statement:
    """Words that are said, and words that are denied.

    Attributes:
        said: Words that are meant as they stand; may be empty.
        denied: Words that a negation denies; may be empty.
    """

    said: str = ""
    denied: str = ""

    def __bool__(self) -> bool:
        return bool(self.said or self.denied)


@dataclass(frozen=True, slots=True)
class Reading:
    """A sentence as its function words divide it.

    Attributes:
        main: What counts.
        conceded: What stands before a "but", or after an "although".
        degree: 1 with "very" or its like, −1 with "a little" or its like, otherwise 0.
    """

    main: Statement
    conceded: Statement
    degree: int

    @property
    def texts(self) -> tuple[str, str, str, str]:
        """What is said, what is denied, and both of what is conceded; an empty text where there is none."""
        return self.main.said, self.main.denied, self.conceded.said, self.conceded.denied

    @property
    def words(self) -> list[str]:
        """Its words, without those that only turn, weaken or strengthen others."""
        return [token for text in self.texts for token in _TOKEN.findall(text) if token not in _STOPS]

    def without(self, word: str) -> Reading:
        """Return the same reading with one word left out wherever it stands."""
        pattern = re.compile(rf"(?<![\w'{MARKS}-]){re.escape(word)}(?![\w'{MARKS}-])")
        said, denied, granted, refused = (pattern.sub("", text).strip(" ,") for text in self.texts)
        return Reading(Statement(said, denied), Statement(granted, refused), self.degree)


def read_sentence(sentence: str) -> Reading:
    """Divide a sentence by its negations, contrasts and concessions."""
    tokens = _split_tokens(sentence)
    parts = _split_contrasts(tokens)
    conceded = [token for before in parts[:-1] for token in [*before, ","]]
    main, granted = _split_concession(parts[-1])
    words = {token.lower() for token in tokens}
    degree = int(bool(words & INTENSIFIERS)) - int(bool(words & DIMINISHERS))
    reading = Reading(_read_statement(main), _read_statement([*conceded, *granted]), degree)
    return reading if reading.main else Reading(reading.conceded, Statement(), degree)


def name_emoji(text: str) -> str:
    """Return a text in which emoji are replaced by their Unicode names, in lower case; hearts by "love"."""
    return "".join(_name_symbol(character) for character in text)


def _name_symbol(character: str) -> str:
    category = unicodedata.category(character)
    if category == "So":
        name = _INK.sub("", unicodedata.name(character, "").lower())
        return f" {'love' if character in _HEARTS else name}, "
    # What joins emoji, or gives them a colour, has no meaning of its own.
    is_joiner = category in ("Cf", "Sk") and not character.isascii()
    return "" if is_joiner or "\ufe00" <= character <= "\ufe0f" else character


def _split_tokens(sentence: str) -> list[str]:
    """Return words and punctuation marks, negations of all kinds spelt as in `NEGATORS`."""
    text = unicodedata.normalize("NFC", name_emoji(sentence)).replace("\u2019", "'")
    text = _CONTRACTED.sub(" not", _SHORTENED.sub("", text))
    # Some letters match others without being them, such as the long s.
    text = _PHRASE.sub(lambda found: f"{PHRASES.get(found[0].lower(), found[0])} ", text)
    is_french = _NE.search(text) is not None
    negators = NEGATORS | NEGATORS_WITH_NE if is_french else NEGATORS
    if _PORTUGUESE.search(text):
        negators -= {"no"}  # "in the"
    text = _NE.sub("", text)
    return ["not" if token.lower() in negators else token for token in _TOKEN.findall(text)]


def _split_contrasts(tokens: Sequence[str]) -> list[list[str]]:
    """Return the parts of a sentence between its words of contrast; at least one."""
    parts: list[list[str]] = [[]]
    before = ","
    for token in tokens:
        word = token.lower()
        is_contrast = word in CONTRASTS and before not in NO_CONTRAST_AFTER
        if is_contrast or (word in CONTRASTS_AFTER_STOP and before in _STOPS and len(parts[-1]) > 1):
            parts.append([])
        else:
            parts[-1].append(token)
        before = word
    return parts if any(map(_has_word, parts[-1])) else parts[:-1] or [[]]


def _split_concession(tokens: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return what counts of a part, and what it concedes."""
    start = next((at for at, token in enumerate(tokens) if token.lower() in CONCESSIONS), None)
    if start is None:
        return list(tokens), []
    end = next((at for at in range(start, len(tokens)) if tokens[at] in _STOPS), len(tokens))
    if end == len(tokens) and start == 0:
        end = min(start + 1 + _CONCEDED_WORDS, end)
    return [*tokens[:start], *tokens[end:]], list(tokens[start + 1 : end])


def _read_statement(tokens: Sequence[str]) -> Statement:
    said: list[str] = []
    denied: list[str] = []
    for segment in _split_stops(tokens):
        plain, negated = _split_denial(segment)
        said += [*plain, ","] if plain else []
        denied += [*negated, ","] if negated else []
    return Statement(_join(said), _join(denied))


def _split_stops(tokens: Sequence[str]) -> Iterator[list[str]]:
    segment: list[str] = []
    for token in [*tokens, "."]:
        if token not in _STOPS:
            segment.append(token)
        elif segment:
            yield segment
            segment = []


def _split_denial(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the words of a segment that are said, and those that are denied."""
    first = next(
        (at for at, word in enumerate(words) if _denies(word) and at + _is_absence(word) < len(words)), None
    )
    if first is None:
        return _drop_degrees(words), []
    after = words[first + 1 :]
    is_turned_back = words[first] == "not" and any(map(_is_absence, after))  # never without a smile
    before, rest = _drop_degrees(words[:first]), _drop_degrees([word for word in after if not _denies(word)])
    if not any(word.lower() not in ASPECTS for word in rest):
        # The denial stands behind what it denies: "Angst habe ich nicht".
        before, rest = [], [*before, *rest]
    return ([*before, *rest], []) if is_turned_back else (before, rest)


def _denies(word: str) -> bool:
    return word == "not" or _is_absence(word)


def _is_absence(word: str) -> bool:
    return word.lower() in ABSENCES


def _drop_degrees(words: Sequence[str]) -> list[str]:
    return [word for word in words if word.lower() not in INTENSIFIERS | DIMINISHERS]


def _has_word(token: str) -> bool:
    return token not in _STOPS


def _join(tokens: Sequence[str]) -> str:
    return re.sub(r" ,", ",", " ".join(tokens)).strip(" ,")
