"""Spectrogram-ACP: ACP-Net with convolutions on the spectrogram in place of the hand-made music vector.

Verma, Dhekane, Guha, ICASSP 2019. Spectrograms, random cuts and masks are torchaudio's; the size of the
convolutions is reduced by `width`: see `training.systems.convolutions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from attune.embedding.media import Kind
from attune.training.systems.acp_net import JOINT, POOLED, WIDTH, image_tower
from attune.training.systems.convolutions import spectrogram_input, vgg
from attune.training.systems.pair_learning import (
    FittedPairs,
    PairNetwork,
    PairRecipe,
    Prepare,
    digest,
    learn_pairs,
    standardiser,
)
from attune.training.systems.system import Input, Material

RECIPE = PairRecipe(
    learning_rate=3e-4, weight_decay=0.01, dropout=0.2, batch=24, steps=600, patience=5, check_every=40
)


@dataclass(frozen=True, slots=True)
class SpectrogramAcp:
    """Spectrogram-ACP at a share of L3-Net's width.

    Attributes:
        name: What tables call it.
        width: Share of the channels of the convolutions.
        recipe: How it is trained.
    """

    name: str = "Spectrogram-ACP"
    width: float = 0.125
    recipe: PairRecipe = RECIPE

    @property
    def needs(self) -> Mapping[Kind, tuple[Input, ...]]:
        """Inputs that it reads, by modality."""
        return {"image": ("features",), "music": ("spectrogram",)}

    @property
    def version(self) -> str:
        """Short digest of everything that decides what is learnt."""
        return digest(self, 1)

    def fit(self, images: Material, music: Material, seed: int) -> FittedPairs:
        """Learn from labelled images and music; see `learn_pairs`."""
        torch.manual_seed(seed)
        seen = images.inputs["features"][:, :POOLED]
        of_image = standardiser(seen)

        def image_input(material: Material, _augment: bool) -> Tensor:
            return of_image(material.inputs["features"][:, :POOLED])

        dropout = self.recipe.dropout
        towers: dict[Kind, nn.Module] = {
            "image": image_tower(seen.shape[1], dropout),
            "music": vgg(1, self.width, WIDTH),
        }
        prepare: dict[Kind, Prepare] = {"image": image_input, "music": spectrogram_input}
        network = PairNetwork(towers, WIDTH, JOINT, dropout)
        return learn_pairs(network, prepare, images, music, self.recipe, seed)
