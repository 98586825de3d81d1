"""Function words that turn, weaken or strengthen what other words say, in seven languages.

The lists of `function_words.json` are short on purpose: closed classes of a grammar, not a lexicon of moods.
Words of all languages are looked up together, since a query does not say in which language it is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

_LISTS: Final[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "function_words.json").read_text(encoding="utf-8")
)


def _join_languages(name: str) -> frozenset[str]:
    return frozenset(word for words in _LISTS[name].values() for word in words)


NEGATORS: Final = _join_languages("negators")
"""Words that deny: from them to the end of a clause."""

NEGATORS_WITH_NE: Final = _join_languages("negators_with_ne")
"""French words that deny only beside `ne`: `plus calme` is calmer, `n'est plus calme` no longer calm."""

ABSENCES: Final = _join_languages("absences")
"""Words that deny what follows them, and after another denial turn it round: never without a smile."""

ASPECTS: Final = _join_languages("aspects")
"""Words that say nothing of their own after a word that denies: no longer, nicht mehr."""

CONTRASTS: Final = _join_languages("contrasts")
"""Words after which comes what counts: sad but hopeful."""

CONTRASTS_AFTER_STOP: Final = _join_languages("contrasts_after_stop")
"""Words that begin what counts where they begin a clause: once wild, now silent."""

NO_CONTRAST_AFTER: Final = _join_languages("no_contrast_after")
"""Words after which "but" is another word: a goal in French, or "except"."""

CONCESSIONS: Final = _join_languages("concessions")
"""Words before what counts less: although it rained."""

INTENSIFIERS: Final = _join_languages("intensifiers")
"""Words that strengthen."""

DIMINISHERS: Final = _join_languages("diminishers")
"""Words that weaken."""

PHRASES: Final[dict[str, str]] = {
    phrase: word for word, phrases in _LISTS["phrases"].items() for phrase in phrases
}
"""Several words, each with the one word that does the same."""
