"""Named moods: everyday words as points of the valence–arousal plane."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attune.embedding.network import Affect

# Places of everyday words on Russell's circumplex (A circumplex model of affect, 1980), on our scale.
MOODS: dict[str, tuple[float, float]] = {
    "festive": (0.55, 0.5),
    "bright": (0.6, 0.1),
    "calm": (0.35, -0.45),
    "wistful": (-0.1, -0.4),
    "sad": (-0.5, -0.35),
    "dark": (-0.55, 0.05),
    "tense": (-0.45, 0.5),
    "stirring": (0.1, 0.5),
    "neutral": (0.0, 0.0),
}


def mood_word(affect: Affect) -> str:
    """Return the name of the mood that is nearest on the plane."""
    return min(MOODS, key=lambda mood: math.dist(MOODS[mood], (affect.valence, affect.arousal)))
