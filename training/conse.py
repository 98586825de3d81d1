"""Semantic features of pictures: sentence embeddings of ImageNet class names, weighted by the classifier.

    features ─ classifier ─ softmax at temperature 2 ─ shares of 1000 classes ─ name embeddings ─ (N, 384)

A few thousand labelled pictures are too few to learn the affect of a thousand classes separately. Class names
with similar meanings have similar embeddings, so that what is learnt about puppies also holds for kittens.
The method is ConSE (Norouzi et al., Zero-Shot Learning by Convex Combination of Semantic Embeddings, ICLR
2014). The semantic features are computed from the backbone's pooled features alone, so they can be computed
from the features that a library stores.

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
from attune.embedding.feature_layout import FeatureLayout

SEMANTICS_FILE = Path(__file__).parent / "semantics.npz"
SEMANTIC_DIM = 384
_POOLED = EFFICIENTNET_LITE0.layout.columns("pooled")  # what the classifier reads

TEMPERATURE = 2.0
"""Softmax temperature; above 1, less likely classes count more.

Chosen by cross-validation (docs/experiments.md).
"""


class ClassSemantics(nn.Module):
    """Module that appends the semantic features to the backbone's features."""

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
        logits = features[:, _POOLED] @ self.weights + self.bias
        shares = torch.softmax(logits / TEMPERATURE, dim=1)
        return torch.cat([features, shares @ self.names], dim=1)


def expanded_layout(backbone: Backbone) -> FeatureLayout:
    """Return the blocks that the heads read: the backbone's and, where it is appended, `meaning`."""
    is_expanded = backbone == EFFICIENTNET_LITE0
    return backbone.layout.extended("meaning", SEMANTIC_DIM) if is_expanded else backbone.layout


def build_feature_expansion(backbone: Backbone) -> nn.Module:
    """Return the module that turns a backbone's features (N, D) into the input of the heads.

    Semantic features need the classifier of EfficientNet-Lite0, and are appended for that backbone alone.
    Features of any other backbone are passed through unchanged.
    """
    return _load_semantics() if backbone == EFFICIENTNET_LITE0 else nn.Identity()


def expand_features(features: NDArray[np.float32], backbone: Backbone) -> NDArray[np.float32]:
    """Return the input of the heads, float32 (N, H), for a backbone's features (N, D).

    The columns are those of `expanded_layout`.
    """
    with torch.no_grad():
        return np.asarray(build_feature_expansion(backbone)(torch.from_numpy(features)).numpy())


def load_class_embeddings() -> Tensor:
    """Return the sentence embeddings of the names of the 1000 classes, float32 (1000, 384)."""
    return torch.from_numpy(_load_arrays()["names"].astype(np.float32))


@cache
def _load_semantics() -> ClassSemantics:
    return ClassSemantics()


@cache
def _load_arrays() -> dict[str, NDArray[np.float16]]:
    with np.load(SEMANTICS_FILE, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
