"""The common two-stage baseline: classify the polarity of each modality, then multiply the posteriors.

The score of a pair is the probability that independent draws from both posteriors agree, Σ p_image · p_music.
That is an inner product, so the system can be shipped: `PosteriorMap` pads the posteriors to unit length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attune.embedding.backbones import DEFAULT_BACKBONES, Backbone
from attune.embedding.media_files import Kind
from attune.embedding.network import EMBEDDING_DIM
from attune.training.conse import build_feature_expansion
from attune.training.linear_heads import HeadRecipe, Heads, Recipe, Tower, fit_heads
from attune.training.losses import POLARITY_VALENCE
from attune.training.systems.base import Embeddings, LabelledFeatures, LossCheck, Needs


class PosteriorMap(nn.Module):
    """Module from raw outputs to the posterior of polarity, padded to an embedding, and affect.

    Valence is that of the polarities, weighted by the posterior, and the place is twice that far out. Arousal
    is 0: polarity does not tell it.

    Args:
        kind: The modality, which decides which of two dimensions takes the rest of the unit length; so the
            inner product of an image and a song is that of their posteriors.
    """

    valence: Tensor

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self._kind: Kind = kind
        self.register_buffer("valence", torch.tensor(POLARITY_VALENCE)[:, None])

    def forward(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return embeddings (N, 128), unit length, and affect (N, 11) of raw outputs (N, 9)."""
        posterior = torch.softmax(raw[:, :3], dim=1)
        positive, neutral, negative = torch.split(posterior, 1, dim=1)
        quadrants = [positive, negative / 2, negative / 2, neutral]  # as polarity follows from the quadrant
        rest = torch.sqrt(torch.clamp(1.0 - (posterior**2).sum(dim=1, keepdim=True), min=0.0))
        zero = torch.zeros_like(rest)
        pads = [rest, zero] if self._kind == "image" else [zero, rest]
        vectors = torch.cat([posterior, *pads, zero.expand(-1, EMBEDDING_DIM - 5)], dim=1)
        valence = posterior @ self.valence
        affect = [valence, zero, posterior, *quadrants, 2.0 * valence, zero]
        return vectors, torch.cat(affect, dim=1)


@dataclass(frozen=True, slots=True)
class FittedPosteriorProduct:
    """Two polarity classifiers.

    Attributes:
        heads: The heads of each modality; their outputs of valence and arousal are not used.
        backbones: The backbone of each modality, whose features are read.
        curve: Empty: no losses are measured.
    """

    heads: Mapping[Kind, Heads]
    backbones: Mapping[Kind, Backbone]
    curve: Sequence[LossCheck] = ()

    @property
    def parameters(self) -> int:
        """Number of learnt parameters."""
        return sum(heads.weights[:, :3].size + 3 for heads in self.heads.values())

    def tower(self, kind: Kind) -> Tower:
        """Return one modality's tower for export, in evaluation mode."""
        widen = build_feature_expansion(self.backbones[kind])
        return Tower(widen, self.heads[kind], PosteriorMap(kind)).eval()

    def scores(self, images: LabelledFeatures, music: LabelledFeatures) -> NDArray[np.float32]:
        """Return the probability that draws from both posteriors agree, (I, M)."""
        return self._posteriors(images) @ self._posteriors(music).T

    def embed(self, data: LabelledFeatures) -> Embeddings:
        """Return the posteriors of polarity, (N, 3)."""
        return Embeddings(self._posteriors(data))

    def _posteriors(self, data: LabelledFeatures) -> NDArray[np.float32]:
        features = data.features[self.backbones[data.kind]].values
        logits = self.heads[data.kind].raw(features)[:, :3]
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float32)


@dataclass(frozen=True, slots=True)
class PosteriorProduct:
    """Regularised multinomial logistic regression for each modality, on Attune's features.

    Attributes:
        name: Name of the system in tables.
        backbones: The backbone of each modality, whose features are read.
        image_l2: Weight of the squared norm of the image classifier.
        music_l2: Weight of the squared norm of the music classifier.
        steps: Number of steps of the solver.
    """

    name: str = "Polarity, Σ p·p"
    backbones: Mapping[Kind, Backbone] = field(default_factory=lambda: DEFAULT_BACKBONES)
    image_l2: float = 1.0
    music_l2: float = 0.1
    steps: int = 40

    @property
    def needs(self) -> Needs:
        """Inputs that the system reads, by modality."""
        return {kind: (backbone,) for kind, backbone in self.backbones.items()}

    @property
    def hyperparameters(self) -> Mapping[str, Any]:
        """Hyperparameters as `network.json` records them."""
        return {name: value for name, value in asdict(self).items() if name not in ("name", "backbones")}

    def with_backbones(self, backbones: Mapping[Kind, Backbone]) -> PosteriorProduct:
        """Return the system with another backbone for each given modality."""
        return replace(self, backbones={**self.backbones, **backbones})

    def fit(self, images: LabelledFeatures, music: LabelledFeatures, seed: int) -> FittedPosteriorProduct:  # noqa: ARG002 - convex, so no seed is needed
        """Train both classifiers; valence and arousal are not learnt."""
        recipes = {"image": Recipe(HeadRecipe(self.image_l2)), "music": Recipe(HeadRecipe(self.music_l2))}
        heads = {
            side.kind: fit_heads(
                side.features[self.backbones[side.kind]], side.targets, recipes[side.kind], self.steps
            )
            for side in (images, music)
        }
        return FittedPosteriorProduct(heads, self.backbones)
