"""Map from the five raw outputs of a modality to the embedding space that both modalities share.

The inner product in this space is a weighted sum of two kernels: similarity of polarity posteriors, and
closeness on the valence-arousal plane. For two embeddings it is

    share * <g(p), g(q)> + (1 - share) * (k(v - v') + k(a - a')) / 2

where p and q are the posteriors, and v and a the quantiles of an item's valence and arousal within its
modality, scaled to [-1, 1]. k(x) is the Gaussian exp(-x^2 / (2 width^2)), repeated with a period longer than
any difference of quantiles, minus its mean and scaled to k(0) = 1; it is represented by its Fourier series,
as inner products of sines and cosines. g centres a posterior and scales it to the length min(1, its length /
full length): beyond the full length, confidence gains nothing, since otherwise the few most confident
pictures would be the first answer to every song. The second kernel ranks items of equal confidence, and
separates items of one polarity whose affect differs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attune.embedding.media_files import Kind
from attune.embedding.network import EMBEDDING_DIM

KNOTS = 33
"""Number of quantiles of valence and arousal that a tower stores."""

_FREQUENCIES = (
    EMBEDDING_DIM - 4
) // 4  # per axis, each with a cosine and a sine; 2 dimensions are for the posterior, 2 for padding
_HEADROOM = 0.98  # the padding is a square root, which near zero would amplify rounding errors
_PERIOD = 2.5  # quantiles span 2: beyond half of this period, the kernel rises again
_PLANE = ((0.5**0.5, 0.0, -(0.5**0.5)), (-(6**-0.5), 2 * 6**-0.5, -(6**-0.5)))


@dataclass(frozen=True, slots=True)
class KernelConfig:
    """Hyperparameters of the embedding space; chosen by cross-validation (docs/experiments.md).

    Attributes:
        share: Weight of the polarity kernel in the inner product, in [0, 1].
        image_full: Quantile of the pictures' posterior lengths that counts as full length, in [0, 1].
        music_full: The same quantile for music.
        width: Standard deviation of the affect kernel, on the scale of quantiles in [-1, 1].
    """

    share: float
    image_full: float
    music_full: float
    width: float

    def full(self, kind: Kind) -> float:
        """Return the full-length quantile of one modality."""
        return self.image_full if kind == "image" else self.music_full


DEFAULT_KERNEL_CONFIG = KernelConfig(share=0.9, image_full=0.25, music_full=0.5, width=0.02)


@dataclass(frozen=True, slots=True)
class OutputCalibration:
    """Calibration of the raw outputs of one modality, fitted on out-of-fold outputs.

    Attributes:
        temperature: Factor of the logits, above 0.
        bias: float32 (3,), added to the scaled logits.
        slope: float32 (2,), factor from raw valence and arousal to the scale of the labels.
        offset: float32 (2,), added to the scaled valence and arousal.
        knots: float32 (2, KNOTS), increasing quantiles of raw valence and arousal.
        lengths: float32 (KNOTS,), increasing quantiles of the centred posterior's length.
    """

    temperature: float
    bias: NDArray[np.float32]
    slope: NDArray[np.float32]
    offset: NDArray[np.float32]
    knots: NDArray[np.float32]
    lengths: NDArray[np.float32]


class KernelMap(nn.Module):
    """Module from raw outputs to embedding and affect.

    Args:
        calibration: Calibration of the raw outputs.
        kind: The modality, which decides which of the two padding dimensions is used.
        config: Hyperparameters of the space, the same for both modalities.

    Attributes:
        bias: float32 (3,), `bias` of the calibration.
        slope: float32 (2,), `slope` of the calibration.
        offset: float32 (2,), `offset` of the calibration.
        low: float32 (2, KNOTS - 1), lower end of each interval between quantiles.
        gap: float32 (2, KNOTS - 1), length of each interval.
        plane: float32 (3, 2), projection of the posterior to the plane in which its three values sum to zero.
        waves: float32 (F,), angular frequencies of the Fourier series.
        amplitudes: float32 (F,), amplitudes of the Fourier series.
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
        self, calibration: OutputCalibration, kind: Kind, config: KernelConfig = DEFAULT_KERNEL_CONFIG
    ) -> None:
        super().__init__()
        self._kind: Kind = kind
        self._config = config
        self._temperature = calibration.temperature
        self._full = float(np.interp(config.full(kind), np.linspace(0, 1, KNOTS), calibration.lengths))
        self.register_buffer("bias", torch.from_numpy(calibration.bias))
        self.register_buffer("slope", torch.from_numpy(calibration.slope))
        self.register_buffer("offset", torch.from_numpy(calibration.offset))
        self.register_buffer("low", torch.from_numpy(calibration.knots[:, :-1].copy()))
        self.register_buffer("gap", torch.from_numpy(np.diff(calibration.knots, axis=1)))
        self.register_buffer("plane", torch.tensor(_PLANE).T.contiguous())
        # Fourier series of the Gaussian without its constant term, which would only shift all inner products.
        waves = 2.0 * np.pi / _PERIOD * np.arange(1, _FREQUENCIES + 1)
        power = np.exp(-0.5 * (waves * config.width) ** 2)
        amplitudes = np.sqrt(_HEADROOM * (1.0 - config.share) * 0.5 * power / power.sum())
        self.register_buffer("waves", torch.from_numpy(waves.astype(np.float32)))
        self.register_buffer("amplitudes", torch.from_numpy(amplitudes.astype(np.float32)))

    def forward(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return embeddings (N, 128), unit length, and affect (N, 5) of raw outputs (N, 5)."""
        posterior = torch.softmax(raw[:, :3] * self._temperature + self.bias, dim=1)
        points = torch.clamp(raw[:, 3:] * self.slope + self.offset, -1.0, 1.0)
        centred = posterior @ self.plane
        length = torch.sqrt((centred**2).sum(dim=1, keepdim=True) + 1e-12)
        direction = centred / torch.clamp(length, min=self._full) * (_HEADROOM * self._config.share) ** 0.5
        phase = (self._map_to_quantiles(raw[:, 3:])[:, :, None] * self.waves).flatten(1)
        amplitude = self.amplitudes.repeat(2)
        body = torch.cat([direction, amplitude * torch.cos(phase), amplitude * torch.sin(phase)], dim=1)
        rest = torch.sqrt(torch.clamp(1.0 - (body**2).sum(dim=1, keepdim=True), min=0.0))
        pads = [rest, torch.zeros_like(rest)]
        vectors = torch.cat([body, *(pads if self._kind == "image" else reversed(pads))], dim=1)
        return vectors, torch.cat([points, posterior], dim=1)

    def _map_to_quantiles(self, points: Tensor) -> Tensor:
        """Return the quantiles of raw valence and arousal, scaled to [-1, 1], (N, 2).

        Raw values of pictures and of music differ in spread; their quantiles are uniform in both.
        """
        passed = torch.clamp((points[:, :, None] - self.low) / self.gap, 0.0, 1.0)
        return passed.sum(dim=2) * (2.0 / (KNOTS - 1)) - 1.0
