"""Export of the text tower of an open_clip model, with its tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from attune.core.atomic_files import hash_file
from attune.core.errors import AttuneError
from attune.embedding.network_config import TEXT_FILES
from attune.embedding.text_tower import TextEncoder, TextTower
from attune.training.encoders.clip_tokenizer import CHECK_SENTENCES, ForeignTokenizer, convert_tokenizer
from attune.training.encoders.graph_export import OPSET, describe_excess, enable_export, silence_logs

TOLERANCE: Final = 1e-4
"""Largest accepted difference between two vectors of unit length, in any of their numbers."""

_DEFAULT_VOCABULARY: Final = 49408  # of a model whose config names none


class NoTextTower(AttuneError):  # noqa: N818 - the name says what is wrong
    """A model's text tower cannot be used; the text is a clause that says why."""


def export_text_tower(model: Any, name: str, width: int, folder: Path) -> TextTower:
    """Export a text tower, and check that it gives torch's vectors without torch.

    Args:
        model: The model of open_clip.
        name: The name by which open_clip knows it.
        width: Length of its features.
        folder: Folder of the two files that are written.

    Raises:
        NoTextTower: The tokenizer is not CLIP's, or the tower cannot be exported.
    """
    tokenizer = _open_tokenizer(name)
    try:
        content = convert_tokenizer(tokenizer)
    except ForeignTokenizer as error:
        raise NoTextTower(str(error)) from error
    tower = _TextModule(model).eval()
    excess = describe_excess(
        (weight for place, weight in model.named_parameters() if not place.startswith("visual.")),
        "text tower",
    )
    if excess:
        raise NoTextTower(excess)
    graph_path, tokenizer_path = (folder / file for file in TEXT_FILES)
    tokenizer_path.write_bytes(content)
    tokens = tokenizer(list(CHECK_SENTENCES))
    try:
        with enable_export(), torch.no_grad():
            expected = np.concatenate([tower(row[None]).numpy() for row in tokens])
            torch.onnx.export(
                tower,
                (tokens[:1],),
                str(graph_path),
                dynamo=False,
                opset_version=OPSET,
                input_names=["tokens"],
                output_names=["features"],
            )
        exported = TextTower(
            graph_path,
            hash_file(graph_path),
            width,
            tokenizer.context_length,
            tokenizer_path,
            hash_file(tokenizer_path),
        )
        encoder = TextEncoder(exported)
        actual = np.stack([encoder.encode(text) for text in CHECK_SENTENCES])
    except Exception as error:
        reason = " ".join(str(error).split())
        raise NoTextTower(
            f"its text tower cannot be exported ({type(error).__name__}: {reason[:160]})"
        ) from error
    worst = float(np.abs(actual - expected).max())
    if not worst < TOLERANCE:
        raise NoTextTower(f"its text tower, when exported, differs by {worst:.1e}")
    return exported


class _TextModule(nn.Module):
    """Module from token ids to vectors of unit length."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (N, D) vectors of (N, context) token ids."""
        features: Tensor = self.model.encode_text(tokens, normalize=True)
        return features


def _open_tokenizer(name: str) -> Any:
    import open_clip

    text = (open_clip.get_model_config(name) or {}).get("text_cfg", {})
    foreign = text.get("hf_tokenizer_name")
    if foreign:  # not opened, as that would download it
        raise NoTextTower(f"its tokenizer ({foreign}) is not CLIP's")
    with silence_logs():
        tokenizer = open_clip.get_tokenizer(name)
    known = text.get("vocab_size", _DEFAULT_VOCABULARY)
    if getattr(tokenizer, "vocab_size", known) > known:
        raise NoTextTower(f"it knows {known} tokens, and its tokenizer gives {tokenizer.vocab_size}")
    return tokenizer
