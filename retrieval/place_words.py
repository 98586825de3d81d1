"""Places of the plane in words and in numbers."""

from __future__ import annotations

from typing import Final

_NEUTRAL_RANGE: Final = (
    0.2  # a place nearer to 0, as a fifth of all files have, is called neither high nor low
)


def describe_place(place: tuple[float, float]) -> str:
    """Return two words for a place, such as `pleasant and quiet`."""
    valence, arousal = place
    pleasant = _level_word(valence, "pleasant", "unpleasant", "neither pleasant nor unpleasant")
    lively = _level_word(arousal, "lively", "quiet", "neither lively nor quiet")
    return f"{pleasant} and {lively}"


def format_place(place: tuple[float, float]) -> str:
    """Return the numbers of a place with signs, such as `+0.35 −0.45`."""
    # Adding 0.0 turns a negative zero into a positive one.
    return " ".join(f"{round(value, 2) + 0.0:+.2f}" for value in place).replace("-", "−")


def _level_word(value: float, high: str, low: str, middle: str) -> str:
    if abs(value) < _NEUTRAL_RANGE:
        return middle
    return high if value > 0 else low
