"""Recognition of steady hiss: noise whose level and spectrum do not move, as of a blank tape or an open line.

The power of Gaussian noise in one bin of a spectrum is distributed exponentially from frame to frame: its
variance is the square of its mean. Steady tones vary far less, and music, speech or rain with drops far more.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

FRAME_SAMPLES: Final = 1024
"""Length of a frame, 64 ms at 16 kHz; frames do not overlap."""

MIN_FRAMES: Final = 32
"""Number of frames, 2 s, below which nothing is called hiss: it cannot be told."""

_STRETCH_FRAMES: Final = 128
_BAND_EDGES: Final = (4, 8, 16, 32, 64, 128, 256, 512)  # bins of 15.6 Hz: octaves from 62 Hz on
_EMPTY_SHARE: Final = 1e-6  # a band so much weaker than the strongest was cut off by a codec
# Variance over squared mean. Of noise, stretch by stretch and band by band, between 0.6 and 1.7; of each
# labelled clip of music, somewhere below 0.31 or above 3.2.
_RELATIVE_VARIANCE: Final = (0.55, 1.8)
_TONE_VARIANCE: Final = 0.25  # a bin below this holds a tone, 8 dB above the noise in it
_MAX_DRIFT: Final = 10**0.2  # of a band's power from one stretch to another: 2 dB


def is_steady_noise(samples: NDArray[np.float32]) -> bool:
    """Return whether a recording is nothing but steady noise; of music, only the beginning is looked at.

    Args:
        samples: Mono, 16 kHz, float32 (S,), of any level.
    """
    count = len(samples) // FRAME_SAMPLES
    if count < MIN_FRAMES:
        return False
    frames = samples[: count * FRAME_SAMPLES].reshape(count, FRAME_SAMPLES)
    first: NDArray[np.float64] | None = None
    for stretch in np.array_split(frames, max(1, count // _STRETCH_FRAMES)):
        powers = _steady_band_powers(stretch)
        if powers is None:
            return False
        first = powers if first is None else first
        if (np.maximum(powers, first) > _MAX_DRIFT * np.minimum(powers, first)).any():
            return False
    return True


def _steady_band_powers(frames: NDArray[np.float32]) -> NDArray[np.float64] | None:
    """Return the mean power of each band, 0 for an empty one; None if the frames are no steady noise."""
    spectra = np.fft.rfft(frames * np.hanning(FRAME_SAMPLES).astype(np.float32))
    powers = (spectra.real**2 + spectra.imag**2).astype(np.float64)
    mean, variance = powers.mean(axis=0), powers.var(axis=0, ddof=1)
    bands = [slice(*edges) for edges in pairwise(_BAND_EDGES)]
    band_powers = np.array([mean[band].mean() for band in bands])
    band_powers[band_powers <= _EMPTY_SHARE * band_powers.max()] = 0.0
    for band, power in zip(bands, band_powers, strict=True):
        if power and not _is_noise(mean[band], variance[band]):
            return None
    return band_powers if band_powers.any() else None


def _is_noise(mean: NDArray[np.float64], variance: NDArray[np.float64]) -> bool:
    """Return whether a band's bins, given the mean and variance of each, hold noise and no tone."""
    lowest, highest = _RELATIVE_VARIANCE
    relative = variance.sum() / np.square(mean).sum()
    has_tone = (variance < _TONE_VARIANCE * np.square(mean)).any()
    return bool(lowest <= relative <= highest and not has_tone)
