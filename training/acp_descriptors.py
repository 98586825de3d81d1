"""Hand-crafted music descriptors of ACP-Net.

Mel-frequency cepstral coefficients, chroma, mel spectrum, spectral contrast and tonal centroids, each
averaged over time (Verma, Dhekane, Guha: Learning Affective Correspondence between Music and Image, ICASSP
2019).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attune.embedding.feature_layout import FeatureLayout

RATE = 16_000

PARTS = FeatureLayout((("mfcc", 40), ("chroma", 12), ("mel", 128), ("contrast", 7), ("tonnetz", 6)))
"""Parts of the vector."""


def describe(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute the 193 descriptors of a sound.

    The mel spectrum is a power spectrum, not in decibels, as in the paper's source of these descriptors.
    Tonal centroids are computed from the chroma of the spectrum (Harte, Sandler, Gasser 2006).

    Args:
        samples: float32 (n,), mono, 16 kHz, levelled.

    Returns:
        float32 (193,), finite, with the parts that `PARTS` names.
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
        # The six octaves start at 100 Hz, so that the highest edge lies below half the sample rate.
        feature.spectral_contrast(S=magnitude, sr=RATE, fmin=100.0),
        feature.tonnetz(chroma=chroma),
    )
    descriptor: NDArray[np.float32] = np.concatenate([part.mean(axis=1) for part in parts]).astype(np.float32)
    return np.nan_to_num(descriptor)
