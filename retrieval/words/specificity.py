"""Specificity: whether a phrase names a thing or a sound, rather than a mood, a quality or grammar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from attune.embedding.label_sentences import load_label_sentences
from attune.embedding.media_files import Kind

PhraseEncoder = Callable[[Sequence[str]], NDArray[np.float32]]
"""Function from n texts to their sentence vectors, float32 (n, 512), of unit length."""

# Logistic regression that tells phrases with a thing from moods and grammar by the largest cosines with any
# label text and with any background word.
_LABEL_SLOPE: Final = 25.0
_BACKGROUND_SLOPE: Final = 16.0
_INTERCEPT: Final = 1.0


@dataclass(frozen=True, slots=True)
class PhraseComparison:
    """Phrases beside the content labels of one kind.

    Attributes:
        specificities: Probability that a phrase names a thing (of a picture), or a sound (of a song), float64
            (n,), in [0, 1].
        cosines: Cosines of the phrases with the texts of the labels, float64 (n, labels); −inf for a label
            that no phrase shall find.
    """

    specificities: NDArray[np.float64]
    cosines: NDArray[np.float64]

    @property
    def specificity(self) -> float:
        """Probability that some of the phrases names something, in [0, 1]."""
        return float(self.specificities.max())


def compare_phrases(phrases: Sequence[str], kind: Kind, encode: PhraseEncoder) -> PhraseComparison:
    """Compare phrases with the texts of content labels and with background words.

    Args:
        phrases: At least one.
        kind: The kind of files whose labels are meant.
        encode: Computes sentence vectors.

    Raises:
        ArtefactError: A shipped file is missing or damaged.
    """
    vectors, sentences = encode(phrases), load_label_sentences(kind)
    cosines = (vectors @ sentences.labels.T).astype(np.float64)
    background = (vectors @ sentences.background.T).max(axis=1)
    logits = _LABEL_SLOPE * cosines.max(axis=1) - _BACKGROUND_SLOPE * background + _INTERCEPT
    has_text = sentences.labels.any(axis=1)
    return PhraseComparison(1.0 / (1.0 + np.exp(-logits)), np.where(has_text, cosines, -np.inf))
