"""Log-mel spectrograms by torchaudio, on any device of torch; on a GPU they take almost no time.

Values differ from those of `attune.embedding.logmel` by less than `TOLERANCE`, since sums are taken in
another order; a test checks this.
"""

from __future__ import annotations

import os

import numpy as np
import torch
from numpy.typing import NDArray

from attune.embedding.logmel import BANDS, HOP, SAMPLE_RATE, WINDOW, split_patches
from attune.embedding.silent_patches import mark_silence

TOLERANCE = 2e-3
"""Largest difference of a value; values lie between 0 and 6."""


class TorchSpectrogram:
    """Function from samples to log-mel patches.

    Args:
        device: Torch's name of the device.
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
        """Return log-mel patches, float32 (n, 187, 96), of samples: mono, 16 kHz, at least half a second.

        Silent patches are NaN, as those of `attune.embedding.backbones.compute_patches` are.
        """
        with torch.no_grad():
            power = self._power(torch.from_numpy(samples).to(self._device))
            spectrogram = torch.log10(10_000 * power + 1).T.cpu().numpy()
        return mark_silence(split_patches(np.ascontiguousarray(spectrogram, np.float32)), samples)


def create_spectrogram(device: str) -> TorchSpectrogram | None:
    """Return the function that computes patches on a GPU; None if `device` is another or torch has no GPU."""
    if device != "cuda" or not torch.cuda.is_available():
        return None
    # Training sets torch to deterministic algorithms; cuBLAS, which applies the filters, then requires this.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    return TorchSpectrogram(device)
