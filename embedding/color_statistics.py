"""Brightness, warmth and saturation of a picture, words for them, and their normalisation."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

ColorQuality = Literal["brightness", "warmth", "saturation"]

# Thresholds between the words: the 10th, 30th, 70th and 90th percentile of 605 labelled photos, except that
# cool ends and neutral begins where a picture has as much red as blue.
_WORDS: Final[dict[ColorQuality, tuple[tuple[float, ...], tuple[str, ...]]]] = {
    "brightness": ((0.25, 0.36, 0.53, 0.69), ("very dark", "dark", "evenly lit", "bright", "very bright")),
    "warmth": ((-0.05, 0.0, 0.1, 0.2), ("cold", "cool", "neutral in tone", "warm", "very warm")),
    "saturation": (
        (0.03, 0.08, 0.165, 0.26),
        ("colourless", "muted", "moderately coloured", "colourful", "vivid"),
    ),
}
_MEDIANS: Final[dict[ColorQuality, float]] = {"brightness": 0.445, "warmth": 0.054, "saturation": 0.121}
_LUMA: Final = np.array([0.2126, 0.7152, 0.0722], np.float32)
_MAX_GAIN: Final = 4.0  # limits the amplification of colours in a nearly grey picture


@dataclass(frozen=True, slots=True)
class ColorStatistics:
    """Means over a picture's pixels.

    Attributes:
        brightness: Rec. 709 luma, in [0, 1].
        warmth: Red minus blue, in [-1, 1].
        saturation: Largest minus smallest of a pixel's channels, in [0, 1].
    """

    brightness: float
    warmth: float
    saturation: float

    def word(self, quality: ColorQuality) -> str:
        """Return the word for the value of one quality."""
        borders, words = _WORDS[quality]
        return words[bisect_right(borders, getattr(self, quality))]

    @property
    def words(self) -> dict[ColorQuality, str]:
        """The word for each quality, without warmth where the picture is colourless."""
        colourless = self.word("saturation") == _WORDS["saturation"][1][0]
        return {quality: self.word(quality) for quality in _WORDS if not (colourless and quality == "warmth")}

    @property
    def unusual(self) -> list[ColorQuality]:
        """The qualities in `words` whose word is not the middle one."""
        return [quality for quality, word in self.words.items() if word != _WORDS[quality][1][2]]


def measure_colors(pixels: NDArray[np.uint8]) -> ColorStatistics:
    """Return the colour statistics of a picture, uint8 (h, w, 3), RGB."""
    values = pixels.astype(np.float32) / 255.0
    return ColorStatistics(
        brightness=float((values @ _LUMA).mean()),
        warmth=float((values[..., 0] - values[..., 2]).mean()),
        saturation=float((values.max(axis=-1) - values.min(axis=-1)).mean()),
    )


def normalize_quality(pixels: NDArray[np.uint8], quality: ColorQuality) -> NDArray[np.uint8]:
    """Return a picture with one quality moved to, or towards, the median of photos.

    Brightness is changed by a gamma curve, warmth by shifting red against blue, and saturation by moving
    colours towards grey or away from it.

    Args:
        pixels: uint8 (h, w, 3), RGB.
        quality: The quality to change.

    Returns:
        uint8 (h, w, 3), RGB.
    """
    values = pixels.astype(np.float32) / 255.0
    statistics = measure_colors(pixels)
    median = _MEDIANS[quality]
    if quality == "brightness":
        brightness = min(max(statistics.brightness, 0.02), 0.98)
        values = values ** (np.log(median) / np.log(brightness))
    elif quality == "warmth":
        half = (median - statistics.warmth) / 2.0
        values = values + np.array([half, 0.0, -half], np.float32)
    else:
        grey = (values @ _LUMA)[..., None]
        values = grey + (values - grey) * min(median / max(statistics.saturation, 1e-3), _MAX_GAIN)
    return np.asarray(np.clip(values, 0.0, 1.0) * 255.0 + 0.5, np.uint8)
