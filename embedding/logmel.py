"""Log-mel spectrograms as musicnn was trained on them, computed with numpy alone.

The result equals `log10(10000 * power + 1)`, where `power` is the transpose of librosa's `melspectrogram` for
`sr=16000, n_fft=512, hop_length=256, n_mels=96, pad_mode="reflect"`: a periodic Hann window, frames centred
on their time, 96 Slaney mel bands of equal area from 0 to 8000 Hz. Reflected edges are what librosa did when
musicnn was trained; newer versions pad with zeros, which changes the first and the last frame. musicnn's own
script also rounds the power to float16, where loud music overflows to infinity; here it stays float32.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
WINDOW = 512
HOP = 256
BANDS = 96
PATCH_FRAMES = 187
PATCH_SAMPLES = PATCH_FRAMES * HOP
PATCH_SECONDS = PATCH_SAMPLES / SAMPLE_RATE
"""Length of one patch: 2.992 s."""

_BLOCK_FRAMES = 1024
"""Frames transformed at a time, so that intermediate results take 15 MB whatever the length of the song."""


def compute_logmel(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute the log-mel spectrogram of a recording.

    Args:
        samples: Mono, 16 kHz, float32 `(S,)`, levelled; at least one sample.

    Returns:
        Float32 `(1 + S // 256, 96)`: `log10(1 + 10000 * power)`, not negative; frame i is centred on
        sample 256 i.

    Raises:
        ValueError: `samples` is empty.
    """
    if not len(samples):
        raise ValueError("no samples: an empty recording has no log-mel spectrogram")
    result = np.empty((1 + len(samples) // HOP, BANDS), dtype=np.float32)
    for first in range(0, len(result), _BLOCK_FRAMES):
        block = result[first : first + _BLOCK_FRAMES]
        start = first * HOP - WINDOW // 2
        stretch = _slice_mirrored(samples, start, start + (len(block) - 1) * HOP + WINDOW)
        frames = np.lib.stride_tricks.sliding_window_view(stretch, WINDOW)[::HOP]
        spectrum = np.fft.rfft(frames * _hann_window())
        power = spectrum.real**2 + spectrum.imag**2
        block[:] = np.log10(_sum_mel_bands(power) * np.float32(10_000) + np.float32(1))
    return result


def _sum_mel_bands(power: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Return the mel spectrum, float32 (frames, 96), of a power spectrum, float32 (frames, 257).

    This is `power @ _mel_filters()`, but a BLAS product rounds differently with another number of threads,
    and worker processes have fewer threads than the process that starts them. `np.einsum` without `optimize`
    never calls BLAS. One call per band, over the few bins where its filter is not zero, takes as long as
    the BLAS product on one thread; one call over all bins takes eight times as long.
    """
    by_bin = np.ascontiguousarray(power.T)
    bands = np.empty((BANDS, len(power)), np.float32)
    for band, (first, weights) in zip(bands, _band_weights(), strict=True):
        np.einsum("b,bf->f", weights, by_bin[first : first + len(weights)], out=band)
    return bands.T


def _slice_mirrored(samples: NDArray[np.float32], start: int, stop: int) -> NDArray[np.float32]:
    """Return samples `start` to `stop`, reflected at the recording's ends, without copying all of it."""
    if start >= 0 and stop <= len(samples):
        return samples[start:stop]
    last = len(samples) - 1
    mirrored: NDArray[np.float32] = samples[last - np.abs(last - np.arange(start, stop) % max(2 * last, 1))]
    return mirrored


def count_patches(samples: int) -> int:
    """Return how many patches a recording of so many samples, at least one, is cut into."""
    return max(1, (1 + samples // HOP) // PATCH_FRAMES)


def split_patches(spectrogram: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut a spectrogram into consecutive patches of `PATCH_FRAMES` frames.

    An incomplete patch at the end is dropped. A recording shorter than one patch is repeated until it fills
    one, as musicnn did in training.

    Args:
        spectrogram: Float32 `(frames, 96)`, at least one frame.

    Returns:
        Float32 `(n, 187, 96)` with n ≥ 1; patch i starts at i * `PATCH_SECONDS`.
    """
    if len(spectrogram) < PATCH_FRAMES:
        spectrogram = np.resize(spectrogram, (PATCH_FRAMES, spectrogram.shape[1]))
    count = len(spectrogram) // PATCH_FRAMES
    return spectrogram[: count * PATCH_FRAMES].reshape(count, PATCH_FRAMES, -1)


@cache
def _hann_window() -> NDArray[np.float32]:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)


@cache
def _mel_filters() -> NDArray[np.float32]:
    """Return float32 `(257, 96)`: triangular filters on Slaney's mel scale, each of unit area over hertz."""
    edges = _mel_to_hertz(np.linspace(0.0, _hertz_to_mel(SAMPLE_RATE / 2), BANDS + 2))
    bins = np.linspace(0.0, SAMPLE_RATE / 2, WINDOW // 2 + 1)[:, None]
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    triangles = np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)).clip(min=0.0)
    return (triangles * (2.0 / (high - low))).astype(np.float32)


@cache
def _band_weights() -> list[tuple[int, NDArray[np.float32]]]:
    """Return, for each of the 96 bands, its first bin and its non-zero weights, float32 (bins,)."""
    bins_per_band = [np.flatnonzero(weights) for weights in _mel_filters().T]
    return [
        (int(bins[0]), _mel_filters()[bins[0] : bins[-1] + 1, band].copy())
        for band, bins in enumerate(bins_per_band)
    ]


# Slaney's mel scale: linear up to 1000 Hz (mel 15), then logarithmic with 27 mels for each factor of 6.4.
_MELS_PER_HERTZ = 3 / 200
_BEND_HERTZ = 1000.0
_BEND_MEL = _BEND_HERTZ * _MELS_PER_HERTZ
_HERTZ_FACTOR_PER_MEL = np.log(6.4) / 27


def _hertz_to_mel(hertz: float) -> float:
    return float(_BEND_MEL + np.log(hertz / _BEND_HERTZ) / _HERTZ_FACTOR_PER_MEL)


def _mel_to_hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    above = _BEND_HERTZ * np.exp(_HERTZ_FACTOR_PER_MEL * (mel - _BEND_MEL))
    return np.where(mel < _BEND_MEL, mel / _MELS_PER_HERTZ, above)
