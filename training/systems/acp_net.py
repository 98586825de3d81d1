"""ACP-Net: Verma, Dhekane, Guha, Learning Affective Correspondence between Music and Image, ICASSP 2019.

Image features through 2048 to 1024, a music vector through 512 and 2048 to 1024, both concatenated through
512 and 32 to a decision; learnt from true and false pairs alone. The paper leaves the image features and the
optimiser open: here the backbone's pooled features, or all of Attune's, and AdamW.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from attune.embedding.media_files import Kind
from attune.training.systems.base import InputName, LabelledFeatures
from attune.training.systems.pair_trainer import (
    FittedPairNetwork,
    InputTransform,
    PairNetwork,
    PairRecipe,
    fit_standardiser,
    train_pair_network,
)

WIDTH = 1024
JOINT = (512, 32)
POOLED_DIM = 1280
"""The image backbone's pooled features come first."""

RECIPE = PairRecipe(learning_rate=1e-4, weight_decay=1.0, dropout=0.5)


@dataclass(frozen=True, slots=True)
class AcpNet:
    """ACP-Net, on its own inputs or on Attune's.

    Attributes:
        name: What tables call it.
        image_width: How many of the backbone's image features it reads.
        music_input: `descriptors` for the paper's 193-d vector, `features` for Attune's.
        recipe: How it is trained.
    """

    name: str = "ACP-Net"
    image_width: int = POOLED_DIM
    music_input: InputName = "descriptors"
    recipe: PairRecipe = RECIPE

    @property
    def needs(self) -> Mapping[Kind, tuple[InputName, ...]]:
        """Inputs that it reads, by modality."""
        return {"image": ("features",), "music": (self.music_input,)}

    def fit(self, images: LabelledFeatures, music: LabelledFeatures, seed: int) -> FittedPairNetwork:
        """Learn from labelled images and music; see `train_pair_network`."""
        torch.manual_seed(seed)
        image_features = images.inputs["features"][:, : self.image_width]
        music_features = music.inputs[self.music_input]
        standardise_image, standardise_music = (
            fit_standardiser(image_features),
            fit_standardiser(music_features),
        )

        def image_input(material: LabelledFeatures, _augment: bool) -> Tensor:
            return standardise_image(material.inputs["features"][:, : self.image_width])

        def music_input(material: LabelledFeatures, _augment: bool) -> Tensor:
            return standardise_music(material.inputs[self.music_input])

        dropout = self.recipe.dropout
        towers: dict[Kind, nn.Module] = {
            "image": build_image_tower(image_features.shape[1], dropout),
            "music": nn.Sequential(
                *_build_layer(music_features.shape[1], 512, dropout),
                *_build_layer(512, 2048, dropout),
                nn.Linear(2048, WIDTH),
            ),
        }
        prepare: dict[Kind, InputTransform] = {"image": image_input, "music": music_input}
        network = PairNetwork(towers, WIDTH, JOINT, dropout)
        return train_pair_network(network, prepare, images, music, self.recipe, seed)


ACP_NET_ON_ATTUNE_FEATURES = AcpNet(
    "ACP-Net on Attune's features",
    image_width=2912,
    music_input="features",
    recipe=PairRecipe(learning_rate=1e-4, weight_decay=0.01, dropout=0.2),
)
"""Separates what the features give from what the method gives."""


def build_image_tower(features: int, dropout: float) -> nn.Module:
    """Return ACP-Net's image side, from (N, features) to (N, 1024)."""
    return nn.Sequential(*_build_layer(features, 2048, dropout), nn.Linear(2048, WIDTH))


def _build_layer(before: int, after: int, dropout: float) -> list[nn.Module]:
    return [nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout)]
