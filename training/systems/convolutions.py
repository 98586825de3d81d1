"""Small VGG-style networks on pixels and spectrograms, and the preparation of their inputs.

Width 1 has the channels of L3-Net (64 to 512). An eighth of that width, on pictures of 64 by 64 pixels and
spectrograms of 64 bands, is trained on two processor cores in a minute or two; full width needs a GPU.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attune.training.systems.base import LabelledFeatures

CHANNELS = (64, 128, 256, 512)
CROP_FRAMES = 128
"""Frames of a spectrogram in one training step: 8.2 s."""

_FLOOR_DB, _SPAN_DB = -50.0, 50.0


def build_vgg(channels_in: int, width: float, out: int) -> nn.Module:
    """Return four blocks of two 3 × 3 convolutions, global max pooling and a linear layer.

    Args:
        channels_in: Channels of the input (N, C, H, W); H and W are at least 16.
        width: Number of channels as a fraction of L3-Net's.
        out: Length of the output, (N, `out`).
    """
    layers: list[nn.Module] = []
    before = channels_in
    for full in CHANNELS:
        channels = max(1, int(full * width))
        for _ in range(2):
            layers += [nn.Conv2d(before, channels, 3, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(channels), nn.ReLU()]
            before = channels
        layers.append(nn.MaxPool2d(2))
    network = nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(before, out))
    # On a CPU, convolutions of few channels are faster with the channels last in memory.
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def prepare_pixels(data: LabelledFeatures, augment: bool) -> Tensor:
    """Return pictures as float32 (N, 3, 64, 64) in [-1, 1]; with `augment`, mirrored at random."""
    pixels = torch.from_numpy(np.asarray(data.raw["pixels"], np.float32)) / 127.5 - 1.0
    images = pixels.permute(0, 3, 1, 2)
    if not augment:
        return images
    mirrored = torch.rand(len(images)) < 0.5
    return torch.where(mirrored[:, None, None, None], images.flip(3), images)


def prepare_spectrograms(data: LabelledFeatures, augment: bool) -> Tensor:
    """Return spectrograms as float32 (N, 1, 64, T), about -1 to 1.

    With `augment`, each is cropped at random to `CROP_FRAMES`, and bands of time and frequency are masked
    (SpecAugment: Park et al., Interspeech 2019); without it, the whole excerpt is returned.
    """
    decibels: NDArray[np.float32] = np.asarray(data.raw["spectrogram"], np.float32)
    maps = (torch.from_numpy(decibels)[:, None] - _FLOOR_DB) / _SPAN_DB
    if not augment:
        return maps
    from torchaudio.transforms import FrequencyMasking, TimeMasking

    last = max(1, maps.shape[3] - CROP_FRAMES + 1)
    starts = torch.randint(last, (len(maps),)).tolist()
    cut = torch.stack(
        [
            spectrogram[:, :, start : start + CROP_FRAMES]
            for spectrogram, start in zip(maps, starts, strict=True)
        ]
    )
    masked: Tensor = TimeMasking(16, iid_masks=True)(FrequencyMasking(8, iid_masks=True)(cut))
    return masked
