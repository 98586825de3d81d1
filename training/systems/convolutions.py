"""Small VGG-style networks on pixels and spectrograms, and the preparation of their inputs.

Width 1 has the channels of L3-Net (64 to 512). An eighth of that width, on pictures of 64 by 64 pixels and
spectrograms of 64 bands, is trained on two processor cores in a minute or two; full width needs a GPU.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from attune.training.systems.base import LabelledFeatures, RawInput
from attune.training.systems.pair_trainer import TowerInput

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


def prepare_pixels(given: Tensor, augment: bool) -> Tensor:
    """Return pictures, uint8 (N, 64, 64, 3), as float32 (N, 3, 64, 64) in [-1, 1].

    With `augment`, they are mirrored at random.
    """
    images = (given.float() / 127.5 - 1.0).permute(0, 3, 1, 2)
    if not augment:
        return images
    mirrored = (torch.rand(len(images)) < 0.5).to(images.device)
    return torch.where(mirrored[:, None, None, None], images.flip(3), images)


def prepare_spectrograms(given: Tensor, augment: bool) -> Tensor:
    """Return spectrograms in decibels, float16 (N, 64, T), as float32 (N, 1, 64, T), about -1 to 1.

    With `augment`, each is cropped at random to `CROP_FRAMES`, and bands of time and frequency are masked
    (SpecAugment: Park et al., Interspeech 2019); without it, the whole excerpt is returned.
    """
    maps = (given.float()[:, None] - _FLOOR_DB) / _SPAN_DB
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


def _load_raw(name: RawInput, data: LabelledFeatures) -> Tensor:
    return torch.from_numpy(data.raw[name])


PIXELS = TowerInput(partial(_load_raw, "pixels"), prepare_pixels)
"""Input of a tower that reads pictures."""

SPECTROGRAMS = TowerInput(partial(_load_raw, "spectrogram"), prepare_spectrograms)
"""Input of a tower that reads spectrograms."""
