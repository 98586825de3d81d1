"""Meaning by a text tower: how close a sentence's vector is to the features of a library's files.

    sentence ─ text tower ─ vector ┐
    file ─ stored features ────────┴─ cosine ─ standard deviations above the library's mean ─ worth

A cosine says little by itself: that of a picture with a sentence that describes it is hardly larger than
others, and where they lie depends on the model and on the sentence's wording. So a file is compared with the
other files of the library: its worth grows evenly from 0 at their mean cosine to 1 at four standard
deviations above it. Of a thousand normally distributed cosines, the largest one is expected at 3.2: chance
seldom reaches 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from attune.core.progress import Progress
from attune.embedding.backbones import Backbone
from attune.embedding.text_tower import TextTower, open_text_encoder
from attune.indexer.library import LibraryReader
from attune.retrieval.library_vectors import LibraryVectors, open_library_vectors
from attune.retrieval.words.meaning_match import MeaningMatch
from attune.retrieval.words.specificity import PhraseEncoder, compare_phrases

SPECIFIC: Final = 0.5
"""Specificity from which on a sentence counts as one that names something.

It is lower than for content labels: a text tower knows forests, crowds and weddings too, which no label names
and whose specificity is therefore lower, and it does no harm to a mood that is mistaken for a thing.
"""

_FULL_DEVIATIONS: Final = 4.0
_LEAST_SPREAD: Final = 1e-4  # of cosines; a smaller one is that of equal pictures, and of rounding
_NOUNS: Final = {"image": "pictures", "music": "songs"}


@dataclass(frozen=True, slots=True)
class TextMeaning:
    """What a sentence means by the text tower of a backbone.

    Attributes:
        text: The sentence.
        backbone: The backbone whose features are compared.
        tower: Its text tower.
        specificity: Probability in [0, 1] that some phrase of the sentence names a thing (of a picture), or a
            sound (of a song). The shipped sentence encoder decides that, not the text tower, to which the
            words of moods are words like any other; so a sentence about a mood alone is not a specific one.
        named: The shortest phrases of the sentence that name something.
    """

    text: str
    backbone: Backbone
    tower: TextTower
    specificity: float
    named: tuple[str, ...]

    @property
    def is_specific(self) -> bool:
        """Whether the sentence names something."""
        return self.specificity >= SPECIFIC

    def match(self, library: LibraryReader, progress: Progress | None = None) -> MeaningMatch:
        """Match all items of a library whose network has the same backbone.

        The first call in a library reads the features of all items of the kind, and keeps them in memory as
        long as the library is open: two bytes for each number.

        Args:
            library: The library.
            progress: Receives the number of items whose features are read; silent by default.

        Raises:
            AttuneError: The library `tokenizers` is not installed.
            ArtefactError: A file of the text tower is missing or damaged.
        """
        vectors = open_library_vectors(library, self.backbone, progress)
        return MeaningMatch(vectors.ids, self._recall_worth(library, vectors))

    def describe(self, library: LibraryReader, item: int) -> str:
        """Return what an item matches better than: `by the sea ↔ more than 98% of pictures`.

        Empty if the item does not match better than the mean, or if there is no such item.
        """
        vectors = open_library_vectors(library, self.backbone)
        place = vectors.find(item)
        if place is None:
            return ""
        worth = self._recall_worth(library, vectors)
        if worth[place] <= 0.0:
            return ""
        share = int(100 * np.mean(worth < worth[place]))
        return f"{self.text.strip()} ↔ more than {share}% of {_NOUNS[self.backbone.kind]}"

    def measure(self, vectors: LibraryVectors) -> NDArray[np.float64]:
        """Return the worth of n files among each other, float64 (n,), in [0, 1].

        Raises:
            AttuneError: The library `tokenizers` is not installed.
            ArtefactError: A file of the text tower is missing or damaged.
        """
        cosines = vectors.cosines(open_text_encoder(self.tower).encode(self.text))
        return compute_worth(cosines, vectors.is_known)

    def _recall_worth(self, library: LibraryReader, vectors: LibraryVectors) -> NDArray[np.float64]:
        """Return the worth of all items, float64 (n,); that of the last sentence is kept in the library."""
        name = f"text worth {self.backbone.id}"
        kept: tuple[TextMeaning, NDArray[np.float64]] | None = library.derived.get(name)
        if kept is not None and kept[0] == self:
            return kept[1]
        worth = self.measure(vectors)
        library.derived[name] = (self, worth)
        return worth


def compute_worth(cosines: NDArray[np.float32], is_known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return worths of items by their cosines with a sentence, float64 (n,), in [0, 1].

    Args:
        cosines: float32 (n,).
        is_known: Which of them are known, bool (n,); the worth of the others is 0.
    """
    known = cosines[is_known].astype(np.float64)
    worth = np.zeros(len(cosines))
    if len(known) and known.std() > _LEAST_SPREAD:
        deviations = (known - known.mean()) / known.std()
        worth[is_known] = np.clip(deviations / _FULL_DEVIATIONS, 0.0, 1.0)
    return worth


def read_text_meaning(
    text: str, phrases: Sequence[str], backbone: Backbone, tower: TextTower, encode: PhraseEncoder
) -> TextMeaning:
    """Find out what a sentence means by a text tower, which is loaded once items are matched.

    Args:
        text: The sentence.
        phrases: Its phrases, at least one.
        backbone: The backbone whose features are compared.
        tower: The text tower that belongs to it.
        encode: Computes sentence vectors, by which it is decided whether the sentence names something.

    Raises:
        ArtefactError: A shipped file is missing or damaged.
    """
    told = compare_phrases(phrases, backbone.kind, encode)
    naming = [
        phrase
        for phrase, specificity in zip(phrases, told.specificities, strict=True)
        if specificity >= SPECIFIC
    ]
    shortest = [phrase for phrase in naming if not any(_contains(phrase, other) for other in naming)]
    return TextMeaning(text, backbone, tower, told.specificity, tuple(shortest))


def _contains(phrase: str, other: str) -> bool:
    """Return whether a phrase has all words of another one, and more."""
    return set(other.split()) < set(phrase.split())
