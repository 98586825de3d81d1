"""The common two-stage baseline: classify the polarity of each modality, then multiply the posteriors.

The score of a pair is the probability that independent draws from both posteriors agree, Σ p_image · p_music.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attune.embedding.media_files import Kind
from attune.training.linear_heads import Heads, Recipe, fit_heads
from attune.training.systems.base import Embeddings, InputName, LabelledFeatures


@dataclass(frozen=True, slots=True)
class FittedPosteriorProduct:
    """Two polarity classifiers.

    Attributes:
        heads: The heads of each modality; their outputs of valence and arousal are not used.
    """

    heads: Mapping[Kind, Heads]

    @property
    def parameters(self) -> int:
        """Number of learnt parameters."""
        return sum(heads.weights[:, :3].size + 3 for heads in self.heads.values())

    def scores(self, images: LabelledFeatures, music: LabelledFeatures) -> NDArray[np.float32]:
        """Return the probability that draws from both posteriors agree, (I, M)."""
        return self._posteriors(images) @ self._posteriors(music).T

    def embed(self, data: LabelledFeatures) -> Embeddings:
        """Return the posteriors of polarity, (N, 3)."""
        return Embeddings(self._posteriors(data))

    def _posteriors(self, data: LabelledFeatures) -> NDArray[np.float32]:
        features = np.asarray(data.inputs["features"], np.float32)
        logits = self.heads[data.kind].raw(features)[:, :3]
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float32)


@dataclass(frozen=True, slots=True)
class PosteriorProduct:
    """Regularised multinomial logistic regression for each modality, on Attune's features.

    Attributes:
        name: Name of the system in tables.
        image_l2: Weight of the squared norm of the image classifier.
        music_l2: Weight of the squared norm of the music classifier.
        steps: Number of steps of the solver.
    """

    name: str = "Polarity, Σ p·p"
    image_l2: float = 1.0
    music_l2: float = 0.1
    steps: int = 40

    @property
    def needs(self) -> Mapping[Kind, tuple[InputName, ...]]:
        """Inputs that the system reads, by modality."""
        return {"image": ("features",), "music": ("features",)}

    def fit(self, images: LabelledFeatures, music: LabelledFeatures, seed: int) -> FittedPosteriorProduct:  # noqa: ARG002 - convex, so no seed is needed
        """Train both classifiers; valence and arousal are not part of the loss."""
        recipes = {"image": Recipe(self.image_l2, 0.0), "music": Recipe(self.music_l2, 0.0)}
        return FittedPosteriorProduct(
            {
                side.kind: fit_heads(
                    np.asarray(side.inputs["features"], np.float32),
                    side.targets,
                    recipes[side.kind],
                    self.steps,
                )
                for side in (images, music)
            }
        )
