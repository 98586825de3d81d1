"""ACP-Net: Verma, Dhekane, Guha, Learning Affective Correspondence between Music and Image, ICASSP 2019.

The image tower has layers of 2048 and 1024 units, the music tower of 512, 2048 and 1024; their outputs are
concatenated and passed through 512 and 32 units to a decision. It is trained on true and false pairs only.
The paper does not specify the image features and the optimiser: here they are the backbone's pooled features,
or all of Attune's features, and AdamW.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attune.embedding.backbones import EFFICIENTNET_LITE0, MUSICNN_MSD
from attune.embedding.media_files import Kind
from attune.embedding.onnx_session import Device
from attune.training.systems.base import Input, LabelledFeatures, Needs
from attune.training.systems.pair_trainer import (
    FittedPairNetwork,
    PairNetwork,
    PairRecipe,
    TowerInput,
    fit_standardiser,
    train_pair_network,
)

WIDTH = 1024
JOINT = (512, 32)
POOLED = ("pooled",)
"""Blocks of image features that the networks of the paper read."""

RECIPE = PairRecipe(learning_rate=1e-4, weight_decay=1.0, dropout=0.5)


@dataclass(frozen=True, slots=True)
class AcpNet:
    """ACP-Net, on its own inputs or on Attune's.

    Attributes:
        name: Name of the system in tables.
        image_blocks: Blocks of image features that it reads; None for all.
        music_input: `descriptors` for the paper's 193 descriptors, or a backbone for its features.
        recipe: Training hyperparameters.
        device: Device on which the networks are trained and run; not part of the `repr`.
    """

    name: str = "ACP-Net"
    image_blocks: tuple[str, ...] | None = POOLED
    music_input: Input = "descriptors"
    recipe: PairRecipe = RECIPE
    device: Device = field(default="cpu", repr=False)

    @property
    def needs(self) -> Needs:
        """Inputs that the system reads, by modality."""
        return {"image": (EFFICIENTNET_LITE0,), "music": (self.music_input,)}

    def with_device(self, device: Device) -> AcpNet:
        """Return the system that trains and runs its networks on another device."""
        return replace(self, device=device)

    def fit(self, images: LabelledFeatures, music: LabelledFeatures, seed: int) -> FittedPairNetwork:
        """Train on labelled images and music; see `train_pair_network`."""
        torch.manual_seed(seed)
        image_features = select_blocks(images, self.image_blocks)
        music_features = music.values(self.music_input)
        standardise_image, standardise_music = (
            fit_standardiser(image_features),
            fit_standardiser(music_features),
        )

        def load_images(data: LabelledFeatures) -> Tensor:
            return standardise_image(select_blocks(data, self.image_blocks))

        def load_music(data: LabelledFeatures) -> Tensor:
            return standardise_music(data.values(self.music_input))

        dropout = self.recipe.dropout
        towers: dict[Kind, nn.Module] = {
            "image": build_image_tower(image_features.shape[1], dropout),
            "music": nn.Sequential(
                *_build_layer(music_features.shape[1], 512, dropout),
                *_build_layer(512, 2048, dropout),
                nn.Linear(2048, WIDTH),
            ),
        }
        inputs: dict[Kind, TowerInput] = {"image": TowerInput(load_images), "music": TowerInput(load_music)}
        network = PairNetwork(towers, WIDTH, JOINT, dropout)
        return train_pair_network(network, inputs, images, music, self.recipe, seed, self.device)


ACP_NET_ON_ATTUNE_FEATURES = AcpNet(
    "ACP-Net on Attune's features",
    image_blocks=None,
    music_input=MUSICNN_MSD,
    recipe=PairRecipe(learning_rate=1e-4, weight_decay=0.01, dropout=0.2),
)
"""ACP-Net on Attune's features, to separate the effect of the features from that of the method."""


def select_blocks(images: LabelledFeatures, blocks: Collection[str] | None) -> NDArray[np.float32]:
    """Return some blocks of the features of pictures, or all if `blocks` is None."""
    features = images.features[EFFICIENTNET_LITE0]
    return features.values if blocks is None else features.layout.select(features.values, blocks)


def build_image_tower(features: int, dropout: float) -> nn.Module:
    """Return ACP-Net's image tower, from (N, `features`) to (N, 1024)."""
    return nn.Sequential(*_build_layer(features, 2048, dropout), nn.Linear(2048, WIDTH))


def _build_layer(before: int, after: int, dropout: float) -> list[nn.Module]:
    return [nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout)]
