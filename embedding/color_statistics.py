"""How a picture looks, in numbers and words: brightness, warmth, saturation. And how to even each of them."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

ColorQuality = Literal["brightness", "warmth", "saturation"]

# Borders between the words: the 10th, 30th, 70th and 90th percentile of 605 labelled photos, but for the
# border of cool and neutral: there is more blue than red in a cool picture.
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
_MAX_GAIN: Final = 4.0  # colours of a nearly grey picture are not blown up beyond this


@dataclass(frozen=True, slots=True)
class ColorStatistics:
    """Means over a picture's pixels.

    Attributes:
        brightness: Rec. 709 luma, in [0, 1].
        warmth: Red less blue, in [-1, 1].
        saturation: Largest less smallest of a pixel's channels, in [0, 1].
    """

    brightness: float
    warmth: float
    saturation: float

    def word(self, quality: ColorQuality) -> str:
        """Return the word for one quality."""
        borders, words = _WORDS[quality]
        return words[bisect_right(borders, getattr(self, quality))]

    @property
    def words(self) -> dict[ColorQuality, str]:
        """The words that say something; a colourless picture is neither warm nor cool."""
        colourless = self.word("saturation") == _WORDS["saturation"][1][0]
        return {quality: self.word(quality) for quality in _WORDS if not (colourless and quality == "warmth")}

    @property
    def unusual(self) -> list[ColorQuality]:
        """The qualities that are not middling, and have a word."""
        return [quality for quality, word in self.words.items() if word != _WORDS[quality][1][2]]


def measure_colors(pixels: NDArray[np.uint8]) -> ColorStatistics:
    """Measure a picture, uint8 (h, w, 3), RGB."""
    shares = pixels.astype(np.float32) / 255.0
    return ColorStatistics(
        brightness=float((shares @ _LUMA).mean()),
        warmth=float((shares[..., 0] - shares[..., 2]).mean()),
        saturation=float((shares.max(axis=-1) - shares.min(axis=-1)).mean()),
    )


def normalize_quality(pixels: NDArray[np.uint8], quality: ColorQuality) -> NDArray[np.uint8]:
    """Return a picture with one quality brought to, or towards, the median of photos, all else as it is.

    Args:
        pixels: uint8 (h, w, 3), RGB.
        quality: Brightness by a gamma curve, warmth by shifting red against blue, saturation by mixing with
            grey or moving away from it.
    """
    shares = pixels.astype(np.float32) / 255.0
    statistics = measure_colors(pixels)
    median = _MEDIANS[quality]
    if quality == "brightness":
        brightness = min(max(statistics.brightness, 0.02), 0.98)
        shares = shares ** (np.log(median) / np.log(brightness))
    elif quality == "warmth":
        half = (median - statistics.warmth) / 2.0
        shares = shares + np.array([half, 0.0, -half], np.float32)
    else:
        grey = (shares @ _LUMA)[..., None]
        shares = grey + (shares - grey) * min(median / max(statistics.saturation, 1e-3), _MAX_GAIN)
    return np.asarray(np.clip(shares, 0.0, 1.0) * 255.0 + 0.5, np.uint8)
