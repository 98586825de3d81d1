"""Paths of the converted backbones, and functions to write them."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx
    import torch

log = logging.getLogger(__name__)

WEIGHTS = Path(__file__).parents[2] / "embedding" / "weights"
IMAGE_FILE = WEIGHTS / "efficientnet_lite0.onnx"
IMAGE_AND_FACES_FILE = WEIGHTS / "efficientnet_lite2_faces.onnx"
MUSIC_AND_HARMONY_FILE = WEIGHTS / "musicnn_msd_harmony.onnx"
MUSIC_FILE = WEIGHTS / "musicnn_msd.onnx"
SENTENCE_FILE = WEIGHTS / "sentence_encoder.onnx"
PIECES_FILE = WEIGHTS / "sentence_pieces.model"
TAGS_FILE = WEIGHTS / "musicnn_msd_tags.json"

OPSET = 17


def export(module: torch.nn.Module, example: torch.Tensor, *, input_name: str, path: Path) -> str:
    """Write a network in evaluation mode as one ONNX file with a variable batch size.

    The same weights give the same bytes: the exporter writes neither times nor paths into the file.

    Args:
        module: The network, with one input tensor and one output tensor `(N, D)`.
        example: An input of the shape and type that the file will accept; the first axis is the batch.
        input_name: Name of the input in the file; the output is called `features`.
        path: The file to write.

    Returns:
        The file's SHA-256, in hexadecimal.
    """
    import torch

    torch.onnx.export(
        module.eval(),
        (example,),
        path,
        input_names=[input_name],
        output_names=["features"],
        dynamic_axes={input_name: {0: "batch"}, "features": {0: "batch"}},
        opset_version=OPSET,
        # The older exporter folds batch norms into convolutions and numbers its nodes reproducibly.
        dynamo=False,
    )
    return _log_hash(path)


def write(model: onnx.ModelProto, path: Path) -> str:
    """Write an ONNX graph as a file; return the file's SHA-256."""
    path.write_bytes(model.SerializeToString(deterministic=True))
    return _log_hash(path)


def _log_hash(path: Path) -> str:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    log.info("%s  %s  %.1f MB", digest, path.name, path.stat().st_size / 1e6)
    return digest
