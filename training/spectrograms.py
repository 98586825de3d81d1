"""The log-mel spectrogram by torchaudio, on any device of torch: on a GPU it costs next to nothing.

Equal to `embedding.logmel` but for the order of sums: less than `TOLERANCE` apart (a test holds it).
"""

from __future__ import annotations

import os

import numpy as np
import torch
from numpy.typing import NDArray

from attune.embedding.logmel import BANDS, HOP, SAMPLE_RATE, WINDOW, split_patches

TOLERANCE = 2e-3
"""Largest difference of a value; values lie in 0 … 6."""


class TorchSpectrogram:
    """Makes moments of samples.

    Args:
        device: Where, as torch names it.
    """

    def __init__(self, device: str) -> None:
        from torchaudio.transforms import MelSpectrogram

        self._device = device
        self._power = MelSpectrogram(
            sample_rate=SAMPLE_RATE,
            n_fft=WINDOW,
            hop_length=HOP,
            n_mels=BANDS,
            f_min=0.0,
            f_max=SAMPLE_RATE / 2,
            pad_mode="reflect",
            norm="slaney",
            mel_scale="slaney",
        ).to(device)

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return moments, float32 (n, 187, 96), of samples: mono, 16 kHz, at least half a second."""
        with torch.no_grad():
            power = self._power(torch.from_numpy(samples).to(self._device))
            spectrogram = torch.log10(10_000 * power + 1).T.cpu().numpy()
        return split_patches(np.ascontiguousarray(spectrogram, np.float32))


def create_spectrogram(device: str) -> TorchSpectrogram | None:
    """Return what makes moments on a GPU; None where that is not asked for, or torch has none."""
    if device != "cuda" or not torch.cuda.is_available():
        return None
    # A training holds torch to deterministic algorithms; cuBLAS, which applies the filters, then wants this.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    return TorchSpectrogram(device)
