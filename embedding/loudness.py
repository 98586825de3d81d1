"""Loudness of a recording by ITU-R BS.1770-4, and the gain that brings it to one level.

The level at which a recording was mastered or copied says nothing of its mood, but backbones hear it.
K-weighting is applied to the power spectra of steps of 100 ms rather than by filters, which numpy alone would
run too slowly.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from attune.embedding.logmel import SAMPLE_RATE

TARGET_LUFS: Final = -14.0
"""Loudness to which every recording is brought."""

ABSOLUTE_GATE_LUFS: Final = -70.0
"""What is softer than this counts as silence, by BS.1770."""

STEP_SAMPLES: Final = SAMPLE_RATE // 10
"""Length of the steps at which power is measured: 100 ms."""

_RELATIVE_GATE_LU: Final = -10.0
_BLOCK_STEPS: Final = 4  # a gated block lasts 400 ms, and a new one begins with each step
_OFFSET_LUFS: Final = -0.691
_BATCH_STEPS: Final = 512  # steps transformed at a time, so that intermediate results stay small

# Filters of BS.1770 as analogue prototypes, from which those of any sample rate follow.
_SHELF_HERTZ: Final = 1681.974450955533
_SHELF_Q: Final = 0.7071752369554196
_SHELF_GAIN: Final = 10 ** (3.999843853973347 / 20)
_SHELF_BAND_GAIN: Final = _SHELF_GAIN**0.4996667741545416
_HIGH_PASS_HERTZ: Final = 38.13547087602444
_HIGH_PASS_Q: Final = 0.5003270373238773


def measure_power(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the K-weighted mean square of each complete step of 100 ms, float64 (S // 1600,).

    Args:
        samples: Mono, 16 kHz, float32 (S,), full scale ±1; finite.
    """
    count = len(samples) // STEP_SAMPLES
    steps = samples[: count * STEP_SAMPLES].reshape(count, STEP_SAMPLES)
    power = np.empty(count)
    for first in range(0, count, _BATCH_STEPS):
        spectra = np.fft.rfft(steps[first : first + _BATCH_STEPS])
        squares = spectra.real**2 + spectra.imag**2
        power[first : first + _BATCH_STEPS] = np.einsum("sf,f->s", squares, _power_weights())
    return power


def to_lufs(power: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Convert K-weighted mean squares to loudness in LUFS; −∞ for 0."""
    with np.errstate(divide="ignore"):
        return np.asarray(_OFFSET_LUFS + 10 * np.log10(power))


def integrate_loudness(power: NDArray[np.float64]) -> float:
    """Return the gated loudness of a recording in LUFS; −∞ if all of it is below the absolute gate.

    Args:
        power: K-weighted mean square of each step, from `measure_power`; less than a block counts as one.
    """
    length = min(_BLOCK_STEPS, len(power))
    if not length:
        return -np.inf
    blocks = np.convolve(power, np.full(length, 1 / length), mode="valid")
    audible = blocks[to_lufs(blocks) > ABSOLUTE_GATE_LUFS]
    if not len(audible):
        return -np.inf
    loud = audible[to_lufs(audible) > to_lufs(float(audible.mean())) + _RELATIVE_GATE_LU]
    return float(to_lufs(float(loud.mean())))


def gain_to_target(loudness: float) -> float:
    """Return the factor that brings samples of a loudness, in LUFS, to `TARGET_LUFS`."""
    return float(10 ** ((TARGET_LUFS - loudness) / 20))


@cache
def _power_weights() -> NDArray[np.float32]:
    """Return the weight of each bin of a step's spectrum in its mean square, float32 (801,)."""
    delay = np.exp(-2j * np.pi * np.fft.rfftfreq(STEP_SAMPLES))
    response = _shelf_response(delay) * _high_pass_response(delay)
    both_sides = np.full(len(delay), 2.0)
    both_sides[[0, -1]] = 1.0
    weights = both_sides * (response.real**2 + response.imag**2) / STEP_SAMPLES**2
    return np.asarray(weights, np.float32)


def _shelf_response(delay: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Return the response of the high shelf, given exp(−iω) of each bin."""
    k = np.tan(np.pi * _SHELF_HERTZ / SAMPLE_RATE)
    band = _SHELF_BAND_GAIN * k / _SHELF_Q
    zeros = (_SHELF_GAIN + band + k**2, 2 * (k**2 - _SHELF_GAIN), _SHELF_GAIN - band + k**2)
    return _polynomial(zeros, delay) / _polynomial(_poles(k, _SHELF_Q), delay)


def _high_pass_response(delay: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Return the response of the high-pass, given exp(−iω) of each bin."""
    k = np.tan(np.pi * _HIGH_PASS_HERTZ / SAMPLE_RATE)
    scale = 1 + k / _HIGH_PASS_Q + k**2  # the recommendation leaves the zeros unscaled
    return _polynomial((scale, -2 * scale, scale), delay) / _polynomial(_poles(k, _HIGH_PASS_Q), delay)


def _poles(k: float, q: float) -> tuple[float, float, float]:
    return 1 + k / q + k**2, 2 * (k**2 - 1), 1 - k / q + k**2


def _polynomial(
    coefficients: tuple[float, float, float], delay: NDArray[np.complex128]
) -> NDArray[np.complex128]:
    constant, linear, square = coefficients
    return constant + linear * delay + square * delay**2
