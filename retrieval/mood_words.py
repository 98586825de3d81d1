"""Named moods: everyday words as points of the valence–arousal plane."""

from __future__ import annotations

import math

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


def mood_word(place: tuple[float, float]) -> str:
    """Return the name of the mood that is nearest to a place on the plane.

    Args:
        place: Quantiles of valence and arousal, each in [-1, 1], as in `Affect.place`.
    """
    return min(MOODS, key=lambda mood: math.dist(MOODS[mood], place))
