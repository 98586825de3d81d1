"""What a system tells of all pairs: an order of answers, and up to two probabilities."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class PairScores:
    """Scores of all pairs of N pictures and M pieces of music.

    Attributes:
        ranked_by: (N, M) scores that galleries are ranked by, on any scale.
        mood: (N, M) chance that both sides have the same mood, in [0, 1]; None if the system tells no chance.
        correspondence: (N, M) chance that both sides have the same polarity, in [0, 1]; None if the system
            tells no chance, so that only its order can be judged.
    """

    ranked_by: NDArray[np.floating]
    mood: NDArray[np.floating] | None
    correspondence: NDArray[np.floating] | None

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that tell the order's scores from others."""
        return hashlib.sha256(np.asarray(self.ranked_by, "<f8").tobytes()).hexdigest()[:16]

    @classmethod
    def single(
        cls, probabilities: NDArray[np.floating], ranked_by: NDArray[np.floating] | None = None
    ) -> PairScores:
        """Return the scores of a system that gives one probability, which then answers both questions.

        Args:
            probabilities: (N, M) probabilities in [0, 1].
            ranked_by: (N, M) scores that galleries are ranked by; the probabilities if not given, which may
                have more ties.
        """
        order = probabilities if ranked_by is None else ranked_by
        return cls(order, probabilities, probabilities)
