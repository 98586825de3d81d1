"""What a picture shows, as meaning: the backbone's guesses among 1000 classes, averaged over their names.

    features ─ classifier ─ softened softmax ─ shares of 1000 classes ─ names' sentence embeddings ─ (N, 384)

Two thousand pictures cannot teach which of a thousand things feel good; names that mean alike lie close
together, so that what is learnt of a puppy holds for a kitten. The idea is ConSE's (Norouzi et al., Zero-Shot
Learning by Convex Combination of Semantic Embeddings, ICLR 2014). The backbone's pooled features decide
everything, so a library's kept features serve.

`semantics.npz` is written by `python -m attune.training.convert.class_semantics`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attune.embedding.backbones import EFFICIENTNET_LITE0, Backbone

SEMANTICS_FILE = Path(__file__).parent / "semantics.npz"
SEMANTIC_DIM = 384
POOLED_DIM = 1280
"""The pooled features, which the classifier reads, come first in the backbone's."""

TEMPERATURE = 2.0
"""Above 1, less sure guesses count too; chosen by cross-validation (docs/experiments.md)."""


class ClassSemantics(nn.Module):
    """Append what a picture shows to the backbone's features."""

    weights: Tensor
    bias: Tensor
    names: Tensor

    def __init__(self) -> None:
        super().__init__()
        stored = _load_arrays()
        self.register_buffer("weights", torch.from_numpy(stored["weights"].astype(np.float32)))
        self.register_buffer("bias", torch.from_numpy(stored["bias"].astype(np.float32)))
        self.register_buffer("names", load_class_embeddings())

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, 2528 + 384) of the image backbone's features (N, 2528)."""
        logits = features[:, :POOLED_DIM] @ self.weights + self.bias
        shares = torch.softmax(logits / TEMPERATURE, dim=1)
        return torch.cat([features, shares @ self.names], dim=1)


def build_feature_expansion(backbone: Backbone) -> nn.Module:
    """Return what the heads of a network read of a backbone's features (N, D), as a module.

    The meaning of what a picture shows is known for the shipped image backbone, whose classifier this needs;
    any other backbone's features are read as they are.
    """
    return _load_semantics() if backbone == EFFICIENTNET_LITE0 else nn.Identity()


def expand_features(features: NDArray[np.float32], backbone: Backbone) -> NDArray[np.float32]:
    """Return float32 (N, H) of a backbone's features (N, D); the shipped pictures' 2528 become 2912."""
    with torch.no_grad():
        return np.asarray(build_feature_expansion(backbone)(torch.from_numpy(features)).numpy())


def load_class_embeddings() -> Tensor:
    """Return what the names of the 1000 classes mean, float32 (1000, 384)."""
    return torch.from_numpy(_load_arrays()["names"].astype(np.float32))


@cache
def _load_semantics() -> ClassSemantics:
    return ClassSemantics()


@cache
def _load_arrays() -> dict[str, NDArray[np.float16]]:
    with np.load(SEMANTICS_FILE, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
