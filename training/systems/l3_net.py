"""L3-Net: Arandjelović, Zisserman, Look, Listen and Learn, ICCV 2017, trained on affective pairs.

Convolutions on pixels and on the log-spectrogram give 512 numbers each, which are concatenated and passed
through 128 units to a decision. It is trained on true and false pairs only. Its size is reduced by `width`
and by smaller inputs: see `attune.training.systems.convolutions`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import nn

from attune.embedding.media_files import Kind
from attune.embedding.onnx_session import Device
from attune.training.systems.base import LabelledFeatures, Needs
from attune.training.systems.convolutions import PIXELS, SPECTROGRAMS, build_vgg
from attune.training.systems.pair_trainer import (
    FittedPairNetwork,
    PairNetwork,
    PairRecipe,
    TowerInput,
    train_pair_network,
)

OUT = 512
JOINT = (128,)
RECIPE = PairRecipe(
    learning_rate=1e-3, weight_decay=0.01, dropout=0.5, batch=24, steps=400, patience=3, check_every=40
)


@dataclass(frozen=True, slots=True)
class L3Net:
    """L3-Net of reduced width.

    Attributes:
        name: Name of the system in tables.
        width: Number of channels and outputs, as a fraction of the original's.
        recipe: Training hyperparameters.
        device: Device on which the networks are trained and run; not part of the `repr`.
    """

    name: str = "L3-Net"
    width: float = 0.125
    recipe: PairRecipe = RECIPE
    device: Device = field(default="cpu", repr=False)

    @property
    def needs(self) -> Needs:
        """Inputs that the system reads, by modality."""
        return {"image": ("pixels",), "music": ("spectrogram",)}

    def with_device(self, device: Device) -> L3Net:
        """Return the system that trains and runs its networks on another device."""
        return replace(self, device=device)

    def fit(self, images: LabelledFeatures, music: LabelledFeatures, seed: int) -> FittedPairNetwork:
        """Train on labelled images and music; see `train_pair_network`."""
        torch.manual_seed(seed)
        out = int(OUT * self.width)
        towers: dict[Kind, nn.Module] = {
            "image": build_vgg(3, self.width, out),
            "music": build_vgg(1, self.width, out),
        }
        inputs: dict[Kind, TowerInput] = {"image": PIXELS, "music": SPECTROGRAMS}
        network = PairNetwork(towers, out, JOINT, self.recipe.dropout)
        return train_pair_network(network, inputs, images, music, self.recipe, seed, self.device)
