"""The affective space: what five learnt outputs of either modality become.

The space is the sum of two kernels: closeness of polarity posteriors, and closeness on the valence-arousal
plane. An inner product of two embeddings is

    share * <g(p), g(q)> + (1 - share) * (k(v - v') + k(a - a')) / 2

with p, q the posteriors, and v, a the places of an item's valence and arousal among all items of its
modality. k(x) is the Gaussian exp(-x^2 / (2 width^2)), repeated with a period that places never reach, less
its mean and scaled to k(0) = 1: inner products of sines and cosines, exactly. g centres a posterior and gives
it the length min(1, its length / full length): what is surer than that gains nothing, or the surest few
pictures would be the first answer to every song. The second part decides among items that are equally sure,
and keeps items of one polarity apart when their affect differs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attune.embedding.media_files import Kind
from attune.embedding.network import EMBEDDING_DIM
from attune.training.linear_heads import CLIP, Heads
from attune.training.losses import merge_quadrant_logits

KNOTS = 33
"""Points of the distribution of valence and arousal that a tower remembers."""

_FREQUENCIES = (
    EMBEDDING_DIM - 4
) // 4  # of either axis: a cosine and a sine each; 2 for the posterior, 2 for padding
_HEADROOM = 0.98  # the padding is a root: near zero it would magnify what is only rounding
_PERIOD = 2.5  # places span 2: beyond half of this, the kernel would rise again
_PLANE = ((0.5**0.5, 0.0, -(0.5**0.5)), (-(6**-0.5), 2 * 6**-0.5, -(6**-0.5)))


@dataclass(frozen=True, slots=True)
class KernelConfig:
    """The shape of the space; chosen by cross-validation (docs/experiments.md).

    Attributes:
        share: Part of the polarity kernel in the inner product, in [0, 1].
        image_full: Quantile of the pictures' posterior lengths that counts as full length, in [0, 1].
        music_full: The same of music.
        width: Width of the affect kernel; places lie in [-1, 1].
    """

    share: float
    image_full: float
    music_full: float
    width: float

    def full(self, kind: Kind) -> float:
        """Return the quantile of one modality."""
        return self.image_full if kind == "image" else self.music_full


DEFAULT_KERNEL_CONFIG = KernelConfig(share=0.9, image_full=0.25, music_full=0.5, width=0.02)


@dataclass(frozen=True, slots=True)
class OutputCalibration:
    """How the raw outputs of one modality are read; fitted on out-of-fold outputs.

    Attributes:
        temperature: Factor of the logits, above 0.
        bias: (3,) added to the logits.
        slope: (2,) factor from raw valence and arousal to the scale of the labels.
        offset: (2,) added to it.
        knots: (2, KNOTS) rising quantiles of raw valence and arousal.
        lengths: (KNOTS,) rising quantiles of the centred posterior's length.
    """

    temperature: float
    bias: NDArray[np.float32]
    slope: NDArray[np.float32]
    offset: NDArray[np.float32]
    knots: NDArray[np.float32]
    lengths: NDArray[np.float32]


class KernelMap(nn.Module):
    """From raw outputs to embedding and affect.

    Args:
        calibration: How the outputs are read.
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
    amplitudes: Tensor

    def __init__(
        self, calibration: OutputCalibration, kind: Kind, shape: KernelConfig = DEFAULT_KERNEL_CONFIG
    ) -> None:
        super().__init__()
        self._kind: Kind = kind
        self._shape = shape
        self._temperature = calibration.temperature
        self._full = float(np.interp(shape.full(kind), np.linspace(0, 1, KNOTS), calibration.lengths))
        self.register_buffer("bias", torch.from_numpy(calibration.bias))
        self.register_buffer("slope", torch.from_numpy(calibration.slope))
        self.register_buffer("offset", torch.from_numpy(calibration.offset))
        self.register_buffer("low", torch.from_numpy(calibration.knots[:, :-1].copy()))
        self.register_buffer("gap", torch.from_numpy(np.diff(calibration.knots, axis=1)))
        self.register_buffer("plane", torch.tensor(_PLANE).T.contiguous())
        # The Fourier series of a Gaussian, without its constant: as inner products, all of it but a shift.
        waves = 2.0 * np.pi / _PERIOD * np.arange(1, _FREQUENCIES + 1)
        power = np.exp(-0.5 * (waves * shape.width) ** 2)
        amplitudes = np.sqrt(_HEADROOM * (1.0 - shape.share) * 0.5 * power / power.sum())
        self.register_buffer("waves", torch.from_numpy(waves.astype(np.float32)))
        self.register_buffer("amplitudes", torch.from_numpy(amplitudes.astype(np.float32)))

    def forward(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return embeddings (N, 128), unit length, and affect (N, 5) of raw outputs (N, 5)."""
        posterior = torch.softmax(raw[:, :3] * self._temperature + self.bias, dim=1)
        points = torch.clamp(raw[:, 3:] * self.slope + self.offset, -1.0, 1.0)
        centred = posterior @ self.plane
        length = torch.sqrt((centred**2).sum(dim=1, keepdim=True) + 1e-12)
        direction = centred / torch.clamp(length, min=self._full) * (_HEADROOM * self._shape.share) ** 0.5
        phase = (self._map_to_quantiles(raw[:, 3:])[:, :, None] * self.waves).flatten(1)
        amplitude = self.amplitudes.repeat(2)
        body = torch.cat([direction, amplitude * torch.cos(phase), amplitude * torch.sin(phase)], dim=1)
        rest = torch.sqrt(torch.clamp(1.0 - (body**2).sum(dim=1, keepdim=True), min=0.0))
        pads = [rest, torch.zeros_like(rest)]
        vectors = torch.cat([body, *(pads if self._kind == "image" else reversed(pads))], dim=1)
        return vectors, torch.cat([points, posterior], dim=1)

    def _map_to_quantiles(self, points: Tensor) -> Tensor:
        """Return where valence and arousal lie among all items, (N, 2): twice the quantile, less 1.

        Raw values of pictures and of music differ in spread; their places are evenly spread in both.
        """
        passed = torch.clamp((points[:, :, None] - self.low) / self.gap, 0.0, 1.0)
        return passed.sum(dim=2) * (2.0 / (KNOTS - 1)) - 1.0


class Tower(nn.Module):
    """From backbone features to embedding and affect: what is exported.

    Args:
        widen: From backbone features (N, D) to what the heads read (N, H).
        heads: Standardisation and linear heads.
        space: The space over them.
    """

    mean: Tensor
    scale: Tensor
    weights: Tensor
    raw_bias: Tensor

    def __init__(self, widen: nn.Module, heads: Heads, space: KernelMap) -> None:
        super().__init__()
        self.widen = widen
        self.register_buffer("mean", torch.from_numpy(heads.mean))
        self.register_buffer("scale", torch.from_numpy(heads.scale))
        self.register_buffer("weights", torch.from_numpy(heads.weights))
        self.register_buffer("raw_bias", torch.from_numpy(heads.bias))
        self.space = space
        self._uses_quadrants = heads.uses_quadrants

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return embeddings (N, 128), unit length, and affect (N, 5) of features (N, D)."""
        return self.read(self.widen(features))

    def read(self, widened: Tensor) -> tuple[Tensor, Tensor]:
        """Return the same of features that are widened already, (N, H)."""
        standard = torch.clamp((widened - self.mean) / self.scale, -CLIP, CLIP)
        raw = standard @ self.weights + self.raw_bias
        vectors, affect = self.space(merge_quadrant_logits(raw) if self._uses_quadrants else raw)
        return vectors, affect
