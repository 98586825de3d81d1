"""Sentence vectors of the content labels, and of words that name none of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from attune.embedding.backbones import WEIGHTS
from attune.embedding.checked_arrays import read_checked_arrays
from attune.embedding.media_files import Kind

SENTENCES_SHA256: Final = "1fd53cb0c911f0d3c25ce9cdf396fa6d060f0945c49eaa50bab597a33b618651"
SENTENCES_FILE: Final = WEIGHTS / "label_sentences.npz"


@dataclass(frozen=True, slots=True)
class LabelSentences:
    """Sentence vectors for the labels of one kind.

    Attributes:
        labels: float32 (labels, 512), of unit length, in the order of `label_names`; zeros for a label that
            no word shall find, such as a tag that names a mood.
        background: float32 (m, 512), of unit length: words of moods, qualities and grammar.
    """

    labels: NDArray[np.float32]
    background: NDArray[np.float32]


@cache
def load_label_sentences(kind: Kind) -> LabelSentences:
    """Return the sentence vectors of one kind.

    Raises:
        ArtefactError: The shipped file is missing or damaged.
    """
    stored = read_checked_arrays(SENTENCES_FILE, SENTENCES_SHA256)
    labels, background = stored[f"{kind}.labels"], stored[f"{kind}.background"]
    return LabelSentences(labels.astype(np.float32), background.astype(np.float32))
