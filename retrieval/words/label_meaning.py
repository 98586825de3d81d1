"""Meaning by content labels: which of them a sentence names, and how well files of a library match them.

    sentence ─ phrases ─ sentence vectors ─ cosines with the label texts ─ weights of labels ┐
    file ─ stored features ─ content labels ──────────────────────────── shares of labels ───┴─ worth

The weight of a label is the largest over the phrases of `specificity · exp(10 · cosine)`, scaled to 1 for
the best label; a file's worth is the sum of its shares times the weights. The method is a variant of ConSE
(Norouzi et al., Zero-Shot Learning by Convex Combination of Semantic Embeddings, ICLR 2014) that compares
with every class in place of their mean. All constants were chosen on train and val (docs/experiments.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from attune.core.progress import Progress
from attune.embedding.backbones import Backbone
from attune.embedding.content_labels import ContentLabels, label_names, tell_probabilities
from attune.indexer.library import LibraryReader
from attune.retrieval.library_labels import open_content_labels
from attune.retrieval.words.meaning_match import MeaningMatch
from attune.retrieval.words.specificity import PhraseEncoder, compare_phrases

SPECIFIC: Final = 0.9
"""Specificity from which on a sentence counts as one that names something that the labels know."""

_SHARPNESS: Final = 10.0  # of the weights over cosines
_AS_GOOD: Final = 0.5  # share of the best weight from which on a shorter phrase is named in its place
_CLEAR: Final = 0.5  # weight from which on a label counts as named
_CLEAR_LABELS: Final = 8  # that are looked at
_TOLD_WEIGHT: Final = 0.3  # labels of less weight are not what the words mean
_TOLD_PROBABILITY: Final = 0.01
_TOLD_LABELS: Final = 3


@dataclass(frozen=True, slots=True)
class LabelMeaning:
    """What a sentence means in the content labels of one backbone.

    Attributes:
        backbone: The backbone, and thereby the kind, whose labels are meant.
        specificity: Probability in [0, 1] that some phrase of the sentence names a thing (of a picture), or a
            sound (of a song); below `SPECIFIC`, the sentence tells a mood at most.
        weights: Weight of each label, float64 (labels,), in [0, 1]; 1 for the one that is meant most.
        phrases: For each label, the phrase that means it.
    """

    backbone: Backbone
    specificity: float
    weights: NDArray[np.float64]
    phrases: tuple[str, ...]

    @property
    def is_specific(self) -> bool:
        """Whether the sentence names something that the labels know."""
        return self.specificity >= SPECIFIC

    @property
    def named(self) -> tuple[str, ...]:
        """The phrases that mean some label clearly, the clearest first."""
        clear = [
            label
            for label in np.argsort(-self.weights).tolist()[:_CLEAR_LABELS]
            if self.weights[label] >= _CLEAR
        ]
        return tuple(dict.fromkeys(self.phrases[label] for label in clear))

    def measure(self, labels: ContentLabels) -> NDArray[np.float64]:
        """Return the worth of n files, float64 (n,), in [0, 1]."""
        worth = np.sum(labels.normalized_shares() * self.weights[labels.indices], axis=1, dtype=np.float64)
        return np.asarray(np.minimum(worth, 1.0))

    def match(self, library: LibraryReader, progress: Progress | None = None) -> MeaningMatch:
        """Match all items of a library whose network has the same backbone.

        The first call in a library reads the features of all items of the kind, and keeps their labels in the
        library's folder.

        Args:
            library: The library.
            progress: Receives the number of items whose features are read; silent by default.
        """
        found = open_content_labels(library, self.backbone, progress)
        return MeaningMatch(found.ids, self.measure(found.labels))

    def describe(self, library: LibraryReader, item: int) -> str:
        """Return which words meant which labels of an item: `sea ↔ seashore 34 %, sandbar 12 %`.

        The percentages are the classifier's probabilities. Empty if no label of the item is meant.
        """
        labels = open_content_labels(library, self.backbone).of(item)
        return "" if labels is None else self.explain(labels)

    def explain(self, labels: ContentLabels) -> str:
        """Return which words meant which of one file's labels, as `describe` does."""
        names = label_names(self.backbone.kind)
        probabilities = tell_probabilities(labels, self.backbone.kind)[0]
        told: dict[str, list[str]] = {}
        weights = self.weights[labels.indices[0]]
        for place in np.argsort(-weights * probabilities, kind="stable")[:_TOLD_LABELS].tolist():
            if weights[place] >= _TOLD_WEIGHT and probabilities[place] >= _TOLD_PROBABILITY:
                label = int(labels.indices[0, place])
                told.setdefault(self.phrases[label], []).append(f"{names[label]} {probabilities[place]:.0%}")
        return "; ".join(f"{phrase} ↔ {', '.join(found)}" for phrase, found in told.items())


def read_label_meaning(phrases: Sequence[str], backbone: Backbone, encode: PhraseEncoder) -> LabelMeaning:
    """Find out what phrases mean in the content labels of one backbone.

    Args:
        phrases: The phrases of a sentence, at least one; shorter ones first.
        backbone: A backbone with content labels.
        encode: Computes sentence vectors.

    Raises:
        ArtefactError: A shipped file is missing or damaged.
    """
    told = compare_phrases(phrases, backbone.kind, encode)
    by_phrase = told.specificities[:, None] * np.exp(_SHARPNESS * (told.cosines - 1.0))
    weights = by_phrase.max(axis=0)
    naming = np.argmax(by_phrase >= _AS_GOOD * weights, axis=0)  # shorter phrases come first
    return LabelMeaning(
        backbone,
        told.specificity,
        weights / max(float(weights.max()), 1e-300),
        tuple(phrases[place] for place in naming.tolist()),
    )
