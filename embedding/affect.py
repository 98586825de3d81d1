"""Affect of a file: what a network says of its emotion."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

Polarity = Literal["positive", "neutral", "negative"]
POLARITIES: Final[tuple[Polarity, ...]] = get_args(Polarity)


@dataclass(frozen=True, slots=True)
class Affect:
    """Affect of one item.

    Valence and arousal are estimates of what people would rate, and therefore lie close to the middle where
    the network is unsure. The place says where the item stands among others of its modality: it spreads over
    the whole plane, and names of moods, maps and searches by mood use it.

    Attributes:
        valence: From unpleasant to pleasant, in [-1, 1], calibrated on rated media.
        arousal: From calm to excited, in [-1, 1], calibrated on rated media.
        positive: Probability of positive polarity; the three probabilities sum to 1.
        neutral: Probability of neutral polarity.
        negative: Probability of negative polarity.
        q1: Probability of a pleasant, lively mood; the four probabilities sum to 1.
        q2: Probability of an unpleasant, lively mood.
        q3: Probability of an unpleasant, quiet mood.
        q4: Probability of a pleasant, quiet mood.
        place_valence: Quantile of its valence among the network's training items of its modality, in [-1, 1].
        place_arousal: Quantile of its arousal among these, in [-1, 1].
    """

    valence: float
    arousal: float
    positive: float
    neutral: float
    negative: float
    q1: float
    q2: float
    q3: float
    q4: float
    place_valence: float
    place_arousal: float

    @classmethod
    def from_row(cls, row: NDArray[np.float32]) -> Affect:
        """Build it from a row, float32 (11,), of a network's `affect` output."""
        return cls(*(float(value) for value in row))

    @property
    def polarity(self) -> Polarity:
        """The most probable polarity."""
        probabilities = dict(zip(POLARITIES, (self.positive, self.neutral, self.negative), strict=True))
        return max(POLARITIES, key=probabilities.__getitem__)

    @property
    def place(self) -> tuple[float, float]:
        """Its place on the plane: quantiles of valence and arousal, each in [-1, 1]."""
        return self.place_valence, self.place_arousal


AFFECT_COLUMNS: Final = tuple(field.name for field in fields(Affect))
"""Names of the columns of a network's `affect` output, in order."""
TOLD_COLUMNS: Final = slice(0, 2)
"""The columns of valence and arousal, as people are told them."""
POLARITY_COLUMNS: Final = slice(2, 5)
"""The columns of the probabilities of the three polarities."""
QUADRANT_COLUMNS: Final = slice(5, 9)
"""The columns of the probabilities of the four quadrants."""
PLACE_COLUMNS: Final = slice(9, 11)
"""The columns of the place."""
