"""Spectrogram-ACP: ACP-Net with convolutions on the spectrogram instead of hand-crafted descriptors.

Verma, Dhekane, Guha, ICASSP 2019. Spectrograms and masks are computed by torchaudio; the size of the
convolutions is reduced by `width`: see `attune.training.systems.convolutions`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from attune.embedding.backbones import EFFICIENTNET_LITE0
from attune.embedding.media_files import Kind
from attune.embedding.onnx_session import Device
from attune.training.systems.acp_net import JOINT, POOLED, WIDTH, build_image_tower, select_blocks
from attune.training.systems.base import LabelledFeatures, Needs
from attune.training.systems.convolutions import SPECTROGRAMS, build_vgg
from attune.training.systems.pair_trainer import (
    FittedPairNetwork,
    PairNetwork,
    PairRecipe,
    TowerInput,
    fit_standardiser,
    train_pair_network,
)

RECIPE = PairRecipe(
    learning_rate=3e-4, weight_decay=0.01, dropout=0.2, batch=24, steps=600, patience=5, check_every=40
)


@dataclass(frozen=True, slots=True)
class SpectrogramAcp:
    """Spectrogram-ACP of reduced width.

    Attributes:
        name: Name of the system in tables.
        width: Number of channels of the convolutions, as a fraction of L3-Net's.
        recipe: Training hyperparameters.
        device: Device on which the networks are trained and run; not part of the `repr`.
    """

    name: str = "Spectrogram-ACP"
    width: float = 0.125
    recipe: PairRecipe = RECIPE
    device: Device = field(default="cpu", repr=False)

    @property
    def needs(self) -> Needs:
        """Inputs that the system reads, by modality."""
        return {"image": (EFFICIENTNET_LITE0,), "music": ("spectrogram",)}

    def with_device(self, device: Device) -> SpectrogramAcp:
        """Return the system that trains and runs its networks on another device."""
        return replace(self, device=device)

    def fit(self, images: LabelledFeatures, music: LabelledFeatures, seed: int) -> FittedPairNetwork:
        """Train on labelled images and music; see `train_pair_network`."""
        torch.manual_seed(seed)
        image_features = select_blocks(images, POOLED)
        standardise_image = fit_standardiser(image_features)

        def load_images(data: LabelledFeatures) -> Tensor:
            return standardise_image(select_blocks(data, POOLED))

        dropout = self.recipe.dropout
        towers: dict[Kind, nn.Module] = {
            "image": build_image_tower(image_features.shape[1], dropout),
            "music": build_vgg(1, self.width, WIDTH),
        }
        inputs: dict[Kind, TowerInput] = {"image": TowerInput(load_images), "music": SPECTROGRAMS}
        network = PairNetwork(towers, WIDTH, JOINT, dropout)
        return train_pair_network(network, inputs, images, music, self.recipe, seed, self.device)
