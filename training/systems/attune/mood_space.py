"""Map from the raw outputs of a modality to the affective space that both modalities share.

The inner product in this space is a weighted sum of two kernels of two items' places on the plane. A place is
the quantile of an item's valence and of its arousal within its modality, scaled to [-1, 1]:

    share * (1 + t(v) t(v')) / 2 * (1 + t(a) t(a')) / 2  +  (1 - share) * k(v - v') k(a - a')

The first kernel is the chance that both are in the same quadrant, where (1 + t) / 2 is the chance of the
upper half of an axis, t(x) = tanh(sharpness * x). By itself it has few best answers to many questions: the
items farthest out. The second, k(x) = exp(-x^2 / (2 width^2)), prefers what lies near. It is represented by
its Fourier series, as inner products of sines and cosines, whose period no difference of places reaches.

Quantiles, not the raw values, since those of pictures and of music differ in spread. The numbers that are
told, valence and arousal, are calibrated by themselves and have no part in the order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attune.embedding.media_files import Kind

KNOTS = 33
"""Number of quantiles of valence and arousal that a tower stores."""

_HARMONICS = 5  # the 128 dimensions: 4 of chances, (1 + 2 * 5)^2 products of waves of both axes, 3 of padding
_HEADROOM = 0.98  # the padding is a square root, which near zero would amplify rounding errors


@dataclass(frozen=True, slots=True)
class SpaceConfig:
    """Hyperparameters of the affective space; chosen by cross-validation (docs/experiments.md).

    Attributes:
        share: Weight of the chance of the same quadrant in the inner product, in [0, 1].
        sharpness: How fast that chance grows with the distance from the axes.
        width: Standard deviation of the kernel of nearness, on the scale of places.
    """

    share: float
    sharpness: float
    width: float


DEFAULT_SPACE = SpaceConfig(share=0.8, sharpness=2.5, width=0.35)


@dataclass(frozen=True, slots=True)
class OutputCalibration:
    """Calibration of the raw outputs of one modality, fitted on out-of-fold outputs.

    Attributes:
        polarity_factor: Factor of the logits of polarity, above 0.
        polarity_bias: float32 (3,), added to the scaled logits.
        quadrant_factor: Factor of the logits of the quadrants, above 0.
        quadrant_bias: float32 (4,), added to the scaled logits.
        slope: float32 (2,), factor from raw valence and arousal to the ratings that are expected of people.
        offset: float32 (2,), added to the scaled valence and arousal.
        knots: float32 (2, KNOTS), increasing quantiles of raw valence and arousal.
    """

    polarity_factor: float
    polarity_bias: NDArray[np.float32]
    quadrant_factor: float
    quadrant_bias: NDArray[np.float32]
    slope: NDArray[np.float32]
    offset: NDArray[np.float32]
    knots: NDArray[np.float32]


class MoodSpace(nn.Module):
    """Module from raw outputs to embedding and affect.

    Args:
        calibration: Calibration of the raw outputs.
        kind: The modality, which decides which of the two padding dimensions is used.
        config: Hyperparameters of the space, the same for both modalities.

    Attributes:
        polarity_bias: float32 (3,), of the calibration.
        quadrant_bias: float32 (4,), of the calibration.
        slope: float32 (2,), of the calibration.
        offset: float32 (2,), of the calibration.
        low: float32 (2, KNOTS - 1), lower end of each interval between quantiles.
        gap: float32 (2, KNOTS - 1), length of each interval.
        waves: float32 (H,), angular frequencies of the Fourier series.
        amplitudes: float32 (1 + 2 H,), amplitudes of the constant, the cosines and the sines of one axis.
    """

    polarity_bias: Tensor
    quadrant_bias: Tensor
    slope: Tensor
    offset: Tensor
    low: Tensor
    gap: Tensor
    waves: Tensor
    amplitudes: Tensor

    def __init__(
        self, calibration: OutputCalibration, kind: Kind, config: SpaceConfig = DEFAULT_SPACE
    ) -> None:
        super().__init__()
        self._kind: Kind = kind
        self._config = config
        self._polarity_factor = calibration.polarity_factor
        self._quadrant_factor = calibration.quadrant_factor
        self.register_buffer("polarity_bias", torch.from_numpy(calibration.polarity_bias))
        self.register_buffer("quadrant_bias", torch.from_numpy(calibration.quadrant_bias))
        self.register_buffer("slope", torch.from_numpy(calibration.slope))
        self.register_buffer("offset", torch.from_numpy(calibration.offset))
        self.register_buffer("low", torch.from_numpy(calibration.knots[:, :-1].copy()))
        self.register_buffer("gap", torch.from_numpy(np.diff(calibration.knots, axis=1)))
        # No two places differ by more than 2 on an axis; there the kernel of the next period is nearly 0.
        period = 2.0 + 4.0 * config.width
        waves = 2.0 * np.pi / period * np.arange(1, _HARMONICS + 1)
        power = np.concatenate([[0.5], np.exp(-0.5 * (waves * config.width) ** 2)])
        amplitudes = np.sqrt(power / power.sum())
        self.register_buffer("waves", torch.from_numpy(waves.astype(np.float32)))
        self.register_buffer(
            "amplitudes", torch.from_numpy(np.concatenate([amplitudes, amplitudes[1:]]).astype(np.float32))
        )

    def forward(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return embeddings (N, 128), unit length, and affect (N, 11) of raw outputs (N, 9)."""
        polarity = torch.softmax(raw[:, :3] * self._polarity_factor + self.polarity_bias, dim=1)
        quadrants = torch.softmax(raw[:, 5:] * self._quadrant_factor + self.quadrant_bias, dim=1)
        told = torch.clamp(raw[:, 3:5] * self.slope + self.offset, -1.0, 1.0)
        places = self._find_places(raw[:, 3:5])
        return self._embed(places), torch.cat([told, polarity, quadrants, places], dim=1)

    def _find_places(self, points: Tensor) -> Tensor:
        """Return the quantiles of raw valence and arousal, scaled to [-1, 1], (N, 2)."""
        passed = torch.clamp((points[:, :, None] - self.low) / self.gap, 0.0, 1.0)
        return passed.sum(dim=2) * (2.0 / (KNOTS - 1)) - 1.0

    def _embed(self, places: Tensor) -> Tensor:
        """Return embeddings (N, 128) of places (N, 2)."""
        one = torch.ones_like(places[:, :1])
        sides = torch.tanh(self._config.sharpness * places)
        upper = torch.cat([one, sides[:, :1]], dim=1), torch.cat([one, sides[:, 1:]], dim=1)
        chances = _multiply_axes(*upper) * (0.25 * _HEADROOM * self._config.share) ** 0.5
        phase = places[:, :, None] * self.waves
        waves = [
            torch.cat([one, torch.cos(phase[:, axis]), torch.sin(phase[:, axis])], dim=1) * self.amplitudes
            for axis in (0, 1)
        ]
        nearness = _multiply_axes(*waves) * (_HEADROOM * (1.0 - self._config.share)) ** 0.5
        body = torch.cat([chances, nearness], dim=1)
        rest = torch.sqrt(torch.clamp(1.0 - (body**2).sum(dim=1, keepdim=True), min=0.0))
        zero = torch.zeros_like(rest)
        pads = [rest, zero] if self._kind == "image" else [zero, rest]
        return torch.cat([body, *pads, zero], dim=1)


def _multiply_axes(valence: Tensor, arousal: Tensor) -> Tensor:
    """Return the products of all features of valence (N, A) with all of arousal (N, B), (N, A * B)."""
    return (valence[:, :, None] * arousal[:, None, :]).flatten(1)
