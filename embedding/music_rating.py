"""Ratings in the tags of music, each player's scale converted to stars."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

# Where the next star begins: Windows writes 1, 64, 128, 196 and 255; in WMA 1, 25, 50, 75 and 99.
_POPM_STEPS: Final = (1, 32, 96, 160, 224)
_ASF_STEPS: Final = (1, 13, 38, 63, 87)


def find_rating(tags: Mapping[str, Any]) -> int | None:
    """Return the first rating of a file's tags in stars, 1 to 5; None if there is none.

    Args:
        tags: As mutagen reads them.
    """
    for stars in _iter_stars(tags):
        if 1 <= stars <= 5:
            return stars
    return None


def _iter_stars(tags: Mapping[str, Any]) -> Iterator[int]:
    for key in list(tags.keys()):
        name = key.lower().removeprefix("txxx:").removeprefix("----:com.apple.itunes:")
        if name.startswith("popm:"):
            yield bisect(_POPM_STEPS, tags[key].rating)
        elif name in _SCALES:
            try:
                yield _SCALES[name](float(_to_text(tags[key])))
            except (ValueError, OverflowError):  # not a number, or none that can be rounded
                continue


def _scale_fraction(value: float) -> int:
    return round(5 * value)


def _scale_asf(value: float) -> int:
    return bisect(_ASF_STEPS, value)


def _scale_number(value: float) -> int:
    """Convert a fraction below 1, stars from 1 to 5 or per cent."""
    if value < 1:
        return round(5 * value)
    return int(value) if value <= 5 else max(1, round(value / 20))


_SCALES: Final[Mapping[str, Callable[[float], int]]] = {
    "fmps_rating": _scale_fraction,
    "wm/shareduserrating": _scale_asf,
    "rating": _scale_number,
    "rate": _scale_number,
}


def _to_text(value: Any) -> str:
    """Return the first value of a tag as text."""
    values = getattr(value, "text", value)
    first = values[0] if isinstance(values, list) and values else values
    return first.decode("latin-1") if isinstance(first, bytes) else str(first)
