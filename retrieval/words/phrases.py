"""Phrases of a sentence, each of which may name a thing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from attune.embedding.words.reading import MARKS

_WORD: Final = re.compile(rf"[^\W\d_](?:['\u2019\-]?[^\W\d_]|[{MARKS}])*")
_ELISION: Final = re.compile(r"^\w{1,2}['\u2019](?=\w)")  # l'herbe, d'hiver, qu'il
_MAX_WORDS: Final = 40


def split_phrases(text: str) -> list[str]:
    """Return the phrases of a text: each word, each two adjacent words, and the whole text.

    A sentence vector of a whole sentence blurs the things that the sentence names, and one word may mean
    something else in another language ("Meer" alone is read as Dutch for "more", "am Meer" as the sea).

    Args:
        text: The text, in any language. In one that is written without spaces, the whole text is the only
            phrase.

    Returns:
        Different phrases, the shorter ones first; of a text with more than 40 words, the words after them
        are not looked at on their own. Empty if the text is blank.
    """
    words = [_ELISION.sub("", word) for word in _WORD.findall(text)[:_MAX_WORDS]]
    return list(dict.fromkeys(phrase for phrase in _iter_phrases(text.strip(), words) if phrase))


def _iter_phrases(text: str, words: list[str]) -> Iterator[str]:
    yield from words
    yield from (" ".join(pair) for pair in pairwise(words))
    yield text
