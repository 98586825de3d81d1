"""musicnn in PyTorch, built from the variables of its TensorFlow checkpoint and numbered as there."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

Variables = Mapping[str, NDArray[np.float32]]

BATCH_NORM_EPSILON = 1e-3
DEAD_KERNEL = 1e-10


def _layer_name(kind: str, number: int) -> str:
    return f"{kind}_{number}" if number else kind


class BatchNorm(nn.Module):
    """A trained batch norm as a scale and a shift for each channel, over the last axis."""

    scale: Tensor
    shift: Tensor

    def __init__(self, variables: Variables, number: int) -> None:
        super().__init__()
        layer = _layer_name("batch_normalization", number)
        gamma, beta, mean, variance = (
            variables[f"{layer}/{part}"].astype(np.float64)
            for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        scale = gamma / np.sqrt(variance + BATCH_NORM_EPSILON)
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32))
        self.register_buffer("shift", torch.tensor(beta - mean * scale, dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        """Apply scale and shift to `(..., C)`."""
        return x * self.scale + self.shift


class LiveConv(nn.Module):
    """Convolution, ReLU, batch norm and maximum over the mel axis; outputs of dead filters are constants.

    Args:
        variables: The checkpoint.
        number: The convolution's number; its batch norm has the next one.

    Attributes:
        weight: float32 (L, 1, height, width), kernels of the L live filters.
        bias: float32 (L,), added before the ReLU.
        scale: float32 (1, L, 1, 1), factor of the batch norm.
        shift: float32 (1, L, 1, 1), shift of the batch norm.
        constants: float32 (1, C - L, 1), outputs of the dead filters.
        order: int64 (C,), position of each channel of the checkpoint in live filters followed by dead ones.
    """

    weight: Tensor
    bias: Tensor
    scale: Tensor
    shift: Tensor
    constants: Tensor
    order: Tensor

    def __init__(self, variables: Variables, number: int) -> None:
        super().__init__()
        kernel = variables[_layer_name("conv2d", number) + "/kernel"]
        bias = torch.tensor(variables[_layer_name("conv2d", number) + "/bias"])
        norm = BatchNorm(variables, number + 1)
        alive = np.abs(kernel).max((0, 1, 2)) > DEAD_KERNEL
        live, dead = np.flatnonzero(alive), np.flatnonzero(~alive)
        self.register_buffer("weight", torch.tensor(kernel[..., live].transpose(3, 2, 0, 1).copy()))
        self.register_buffer("bias", bias[live])
        self.register_buffer("scale", norm.scale[live].reshape(1, -1, 1, 1))
        self.register_buffer("shift", norm.shift[live].reshape(1, -1, 1, 1))
        self.register_buffer("constants", norm(functional.relu(bias))[dead].reshape(1, -1, 1))
        self.register_buffer("order", torch.tensor(np.argsort(np.concatenate([live, dead]))))
        # The padding keeps the number of frames; if it is odd, the larger half comes last, as in TensorFlow.
        reach = kernel.shape[0] - 1
        self.padding = (0, 0, reach // 2, reach - reach // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(N, 1, T, M)` to `(N, C, T)`, with the channels in the checkpoint's order."""
        maps = functional.relu(functional.conv2d(functional.pad(x, self.padding), self.weight, self.bias))
        peaks = (maps * self.scale + self.shift).amax(3)
        constants = self.constants.expand(peaks.shape[0], -1, peaks.shape[2])
        return torch.cat([peaks, constants], dim=1).index_select(1, self.order)


class Musicnn(nn.Module):
    """The whole network, from log-mel patches to the features of `attune.training.convert.musicnn_msd`.

    Args:
        variables: The checkpoint's variables by name; kernels `(height, width, in, out)`, float32.
    """

    def __init__(self, variables: Variables) -> None:
        super().__init__()
        self.input_norm = BatchNorm(variables, 0)
        self.front = nn.ModuleList(LiveConv(variables, number) for number in range(5))
        self.middle = nn.ModuleList(LiveConv(variables, number) for number in range(5, 8))
        self.pool_norm = BatchNorm(variables, 9)
        self.dense = _build_linear(variables, 0)
        self.dense_norm = BatchNorm(variables, 10)
        self.tags = _build_linear(variables, 1)

    def forward(self, logmel: Tensor) -> Tensor:
        """Map float32 `(N, 187, 96)` to float32 `(N, 1756)`."""
        x = self.input_norm(logmel[..., None])[..., 0].unsqueeze(1)
        front = torch.cat([conv(x) for conv in self.front], dim=1)
        levels, last = [front], None
        for conv in self.middle:
            out = conv(levels[-1].transpose(1, 2).unsqueeze(1))
            last = out if last is None else out + last
            levels.append(last)
        channels = torch.cat(levels, dim=1)
        mean, peak = channels.mean(2), channels.amax(2)
        # TensorFlow flattened (channel, [max, mean]): the two pools alternate.
        pooled = self.pool_norm(torch.stack([peak, mean], dim=2).flatten(1))
        penultimate = self.dense_norm(functional.relu(self.dense(pooled)))
        return torch.cat([penultimate, mean, peak, self.tags(penultimate).sigmoid()], dim=1)


def _build_linear(variables: Variables, number: int) -> nn.Linear:
    kernel = torch.tensor(variables[_layer_name("dense", number) + "/kernel"])
    layer = nn.Linear(*kernel.shape)
    layer.weight.data = kernel.T.contiguous()
    layer.bias.data = torch.tensor(variables[_layer_name("dense", number) + "/bias"])
    return layer
