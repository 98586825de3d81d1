"""Raw inputs of the compared systems: what they read of a file without a backbone.

This module and what it imports are the key under which the inputs are stored, with the version of the
preprocessing of their kind, so that a change of any of them computes the inputs again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PIXELS = 64
MELS = 64
EXCERPT_S = 30.0

_RATE = 16_000
_HOP = 1024
_FRAMES = int(EXCERPT_S * _RATE) // _HOP + 1
_WINDOW = 2048
_QUIET_DB = -100.0


def load_pixels(path: Path) -> NDArray[np.uint8]:
    """Return a picture as uint8 (64, 64, 3)."""
    from PIL import Image

    from attune.embedding.image_decoding import decode_image

    small = Image.fromarray(decode_image(path).pixels).resize((PIXELS, PIXELS), Image.Resampling.BOX)
    return np.asarray(small)


def compute_descriptors(path: Path) -> NDArray[np.float32]:
    """Return ACP-Net's music vector of a file's first 30 s of sound, float32 (193,)."""
    from attune.training.acp_descriptors import describe

    return describe(_load_excerpt(path))


def compute_spectrogram(path: Path) -> NDArray[np.float16]:
    """Return a file's log-mel spectrogram, float16 (64, 469), in dB: the first 30 s of sound, padded."""
    import torch
    from torchaudio.transforms import AmplitudeToDB, MelSpectrogram

    samples = torch.from_numpy(_load_excerpt(path))
    power = MelSpectrogram(_RATE, n_fft=_WINDOW, hop_length=_HOP, n_mels=MELS)(samples)
    decibels = AmplitudeToDB(top_db=None)(power).numpy()[:, :_FRAMES]
    padded = np.full((MELS, _FRAMES), _QUIET_DB, np.float16)
    padded[:, : decibels.shape[1]] = decibels
    return padded


def _load_excerpt(path: Path) -> NDArray[np.float32]:
    """Return a file's first 30 s of sound, levelled as for backbones: mono, 16 kHz, float32 (n,)."""
    from attune.embedding.audio_decoding import read_audio
    from attune.embedding.levelled_sound import level_sound
    from attune.embedding.silent_patches import remove_silence

    levelled = level_sound(path, read_audio(path).samples)
    return remove_silence(levelled)[: int(EXCERPT_S * _RATE)]


COMPUTE: Mapping[str, Callable[[Path], NDArray[np.generic]]] = {
    "pixels": load_pixels,
    "descriptors": compute_descriptors,
    "spectrogram": compute_spectrogram,
}
"""The function that computes each raw input of a file, by its name."""
