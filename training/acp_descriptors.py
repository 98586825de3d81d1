"""The hand-made music vector of ACP-Net.

Verma, Dhekane, Guha: Learning Affective Correspondence between Music and Image, ICASSP 2019: mel cepstrum,
chroma, mel spectrum, spectral contrast and tonal centroids, each averaged over time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 16_000

PARTS = {
    "mfcc": slice(0, 40),
    "chroma": slice(40, 52),
    "mel": slice(52, 180),
    "contrast": slice(180, 187),
    "tonnetz": slice(187, 193),
}
"""Where each part of the vector lies."""


def describe(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute the 193 numbers of a sound.

    The mel spectrum is a power, not in decibels, as in the paper's source of these features; tonal centroids
    come from the chroma of the spectrum (Harte, Sandler, Gasser 2006).

    Args:
        samples: float32 (n,), mono, 16 kHz, in [-1, 1].

    Returns:
        float32 (193,), finite, laid out as `PARTS` says.
    """
    from librosa import feature, power_to_db, stft

    magnitude = np.abs(stft(np.pad(samples, (0, max(0, 2048 - len(samples))))))
    power = magnitude**2
    mel = feature.melspectrogram(S=power, sr=RATE, n_mels=128)
    chroma = feature.chroma_stft(S=power, sr=RATE, tuning=0.0)
    parts = (
        feature.mfcc(S=power_to_db(mel), sr=RATE, n_mfcc=40),
        chroma,
        mel,
        # Six octaves above 100 Hz: the highest edge lies below half the rate.
        feature.spectral_contrast(S=magnitude, sr=RATE, fmin=100.0),
        feature.tonnetz(chroma=chroma),
    )
    descriptor: NDArray[np.float32] = np.concatenate([part.mean(axis=1) for part in parts]).astype(np.float32)
    return np.nan_to_num(descriptor)
