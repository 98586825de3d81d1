"""Attune's own network: features, five learnt outputs, and the space that is built on them.

The space is the sum of two kernels: closeness of polarity posteriors, and closeness on the valence-arousal
plane. An inner product of two embeddings is

    share * <g(p), g(q)> + (1 - share) * exp(-|u - w|^2 / (2 width^2))

with p, q the posteriors and u, w the places of the two items among all items of their modality. The first
part decides the correspondence; the second keeps items of one polarity apart when their affect differs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from embedding.media import Kind
from embedding.network import DIM
from training.fit import CLIP, Heads

KNOTS = 33
"""Points of the distribution of valence and arousal that a tower remembers."""

_FREQUENCIES = (DIM - 4) // 2
_PLANE = ((0.5**0.5, 0.0, -(0.5**0.5)), (-(6**-0.5), 2 * 6**-0.5, -(6**-0.5)))


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of the space; chosen by cross-validation (docs/experiments.md).

    Attributes:
        share: Part of the polarity kernel in the inner product, in [0, 1].
        flatness: How much of a posterior's confidence is taken out of its length: 1 leaves the direction
            alone, 0 ranks the surest items first for every query, which makes hubs of them.
        width: Width of the affect kernel; places lie in [-1, 1].
    """

    share: float
    flatness: float
    width: float


SHAPE = Shape(share=0.8, flatness=0.97, width=0.2)


@dataclass(frozen=True, slots=True)
class Reading:
    """How the raw outputs of one modality are read; fitted on out-of-fold outputs.

    Attributes:
        temperature: Factor of the logits, above 0.
        bias: (3,) added to the logits.
        slope: (2,) factor from raw valence and arousal to the scale of the labels.
        offset: (2,) added to it.
        knots: (2, KNOTS) rising quantiles of raw valence and arousal.
    """

    temperature: float
    bias: NDArray[np.float32]
    slope: NDArray[np.float32]
    offset: NDArray[np.float32]
    knots: NDArray[np.float32]


class Space(nn.Module):
    """From raw outputs to embedding and affect.

    Args:
        reading: How the outputs are read.
        kind: The modality: which of the two padding coordinates is its own.
        shape: Shape of the space, the same for both modalities.
    """

    bias: Tensor
    slope: Tensor
    offset: Tensor
    low: Tensor
    gap: Tensor
    plane: Tensor
    waves: Tensor

    def __init__(self, reading: Reading, kind: Kind, shape: Shape = SHAPE) -> None:
        super().__init__()
        self._kind: Kind = kind
        self._shape = shape
        self._temperature = reading.temperature
        self.register_buffer("bias", torch.from_numpy(reading.bias))
        self.register_buffer("slope", torch.from_numpy(reading.slope))
        self.register_buffer("offset", torch.from_numpy(reading.offset))
        self.register_buffer("low", torch.from_numpy(reading.knots[:, :-1].copy()))
        self.register_buffer("gap", torch.from_numpy(np.diff(reading.knots, axis=1)))
        self.register_buffer("plane", torch.tensor(_PLANE).T.contiguous())
        # Random Fourier features of a Gaussian kernel (Rahimi, Recht 2007); both towers draw the same ones.
        waves = np.random.default_rng(0).standard_normal((2, _FREQUENCIES)) / shape.width
        self.register_buffer("waves", torch.from_numpy(waves.astype(np.float32)))

    def forward(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return embeddings (N, 128), unit length, and affect (N, 5) of raw outputs (N, 5)."""
        posterior = torch.softmax(raw[:, :3] * self._temperature + self.bias, dim=1)
        points = torch.clamp(raw[:, 3:] * self.slope + self.offset, -1.0, 1.0)
        centred = posterior @ self.plane
        length = (centred**2).sum(dim=1, keepdim=True) + 1e-8
        direction = centred * length ** (-0.5 * self._shape.flatness) * self._shape.share**0.5
        phase = self._place(raw[:, 3:]) @ self.waves
        amplitude = ((1.0 - self._shape.share) / _FREQUENCIES) ** 0.5
        body = torch.cat([direction, amplitude * torch.cos(phase), amplitude * torch.sin(phase)], dim=1)
        rest = torch.sqrt(torch.clamp(1.0 - (body**2).sum(dim=1, keepdim=True), min=0.0))
        pads = [rest, torch.zeros_like(rest)]
        vectors = torch.cat([body, *(pads if self._kind == "image" else reversed(pads))], dim=1)
        return vectors, torch.cat([points, posterior], dim=1)

    def _place(self, points: Tensor) -> Tensor:
        """Return where valence and arousal lie among all items, (N, 2): twice the quantile, less 1.

        Raw values of pictures and of music differ in spread; their places are evenly spread in both.
        """
        passed = torch.clamp((points[:, :, None] - self.low) / self.gap, 0.0, 1.0)
        return passed.sum(dim=2) * (2.0 / (KNOTS - 1)) - 1.0


class Tower(nn.Module):
    """From features to embedding and affect: what is exported.

    Args:
        heads: Standardisation and linear heads.
        space: The space over them.
    """

    mean: Tensor
    scale: Tensor
    weights: Tensor
    raw_bias: Tensor

    def __init__(self, heads: Heads, space: Space) -> None:
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(heads.mean))
        self.register_buffer("scale", torch.from_numpy(heads.scale))
        self.register_buffer("weights", torch.from_numpy(heads.weights))
        self.register_buffer("raw_bias", torch.from_numpy(heads.bias))
        self.space = space

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return embeddings (N, 128), unit length, and affect (N, 5) of features (N, D)."""
        standard = torch.clamp((features - self.mean) / self.scale, -CLIP, CLIP)
        vectors, affect = self.space(standard @ self.weights + self.raw_bias)
        return vectors, affect
