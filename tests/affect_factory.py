"""Affect of made-up files."""

from __future__ import annotations

from attune.embedding.affect import Affect


def make_affect(
    place_valence: float = 0.0,
    place_arousal: float = 0.0,
    polarity: tuple[float, ...] = (0.3, 0.4, 0.3),
    quadrants: tuple[float, ...] = (0.25, 0.25, 0.25, 0.25),
) -> Affect:
    """Return the affect of a file at a place; what is told of it is half as far from the middle."""
    return Affect(place_valence / 2, place_arousal / 2, *polarity, *quadrants, place_valence, place_arousal)
