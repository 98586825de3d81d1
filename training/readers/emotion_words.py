"""Emotion words used as labels by data sets, and their polarities and quadrants."""

from __future__ import annotations

from pathlib import Path

from attune.core.errors import UsageError, escape_path
from attune.training.manifest import QUADRANT_POLARITY, LabelledRow

_POLARITY = {"positive": None, "neutral": None, "negative": None}

_QUADRANT = {
    # The eight emotions of Mikels et al. 2005, which label EmoSet and EMID's pictures. Awe is pleasant, but
    # may be calm or exciting: it has a polarity and no quadrant.
    "amusement": "Q1",
    "excitement": "Q1",
    "contentment": "Q4",
    "anger": "Q2",
    "disgust": "Q2",
    "fear": "Q2",
    "sadness": "Q3",
    # IMAC's tags (arXiv 1904.00150).
    "happy": "Q1",
    "joyous": "Q1",
    "energetic": "Q1",
    "soothing": "Q4",
    "relax": "Q4",
    "calm": "Q4",
    "sad": "Q3",
    "pain": "Q3",
    **{quadrant.lower(): quadrant for quadrant in QUADRANT_POLARITY},
}

EMOTION_WORDS = frozenset((*_POLARITY, *_QUADRANT, "awe"))
"""Words that `create_row` accepts, in lower case."""


def create_row(word: str, path: Path, *, source: Path, split: str, set_name: str, group: str) -> LabelledRow:
    """Return the row of a labelled file.

    Args:
        word: The label, in upper or lower case.
        path: The file.
        source: File or folder of the label, for error messages.
        split: The file's split, or an empty string.
        set_name: The data set.
        group: Artist, theme or song; if empty, the file is a group of its own.

    Raises:
        UsageError: The word is not known.
    """
    emotion = word.strip().lower()
    if emotion not in EMOTION_WORDS:
        raise UsageError(
            f"{escape_path(source)}: label {word!r} is not known ({', '.join(sorted(EMOTION_WORDS))})"
        )
    quadrant = _QUADRANT.get(emotion)
    polarity = QUADRANT_POLARITY[quadrant] if quadrant else "positive" if emotion == "awe" else emotion
    return LabelledRow(
        path=path,
        split=split,
        set=set_name,
        group=group or str(path),
        polarity=polarity,
        quadrant=quadrant,
        valence=None,
        arousal=None,
        label=word,
    )
