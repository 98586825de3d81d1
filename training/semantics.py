"""What a picture shows, as meaning: the backbone's guesses among 1000 classes, averaged over their names.

    features ─ classifier ─ softened softmax ─ shares of 1000 classes ─ names' sentence embeddings ─ (N, 384)

Two thousand pictures cannot teach which of a thousand things feel good; names that mean alike lie close
together, so that what is learnt of a puppy holds for a kitten. The idea is ConSE's (Norouzi et al., Zero-Shot
Learning by Convex Combination of Semantic Embeddings, ICLR 2014). The backbone's pooled features decide
everything, so a library's kept features serve.

`semantics.npz` is written by `python -m training.convert.semantics`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

FILE = Path(__file__).parent / "semantics.npz"
LENGTH = 384
POOLED = 1280
"""The pooled features, which the classifier reads, come first in the backbone's."""

TEMPERATURE = 2.0
"""Above 1, less sure guesses count too; chosen by cross-validation (docs/experiments.md)."""


class Semantics(nn.Module):
    """Append what a picture shows to the backbone's features."""

    weights: Tensor
    bias: Tensor
    names: Tensor

    def __init__(self) -> None:
        super().__init__()
        stored = _stored()
        self.register_buffer("weights", torch.from_numpy(stored["weights"].astype(np.float32)))
        self.register_buffer("bias", torch.from_numpy(stored["bias"].astype(np.float32)))
        self.register_buffer("names", torch.from_numpy(stored["names"].astype(np.float32)))

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, 2528 + 384) of the image backbone's features (N, 2528)."""
        logits = features[:, :POOLED] @ self.weights + self.bias
        shares = torch.softmax(logits / TEMPERATURE, dim=1)
        return torch.cat([features, shares @ self.names], dim=1)


def widened(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return float32 (N, 2912) of the image backbone's features (N, 2528): the same, and their meaning."""
    with torch.no_grad():
        return np.asarray(_module()(torch.from_numpy(features)).numpy())


@cache
def _module() -> Semantics:
    return Semantics()


@cache
def _stored() -> dict[str, NDArray[np.float16]]:
    with np.load(FILE, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
