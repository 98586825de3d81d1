"""Train a network on an image encoder of one's own.

    pip install ".[train]"
    python examples/own_encoder.py IMAGES MUSIC my-network
    attune build-index --network my-network photos music

IMAGES and MUSIC are labelled data (docs/own-data.md). The encoder below is a small one that needs no
training: the mean colours of a grid of 8 by 8 patches. Take your own module in its place, with the same input
and output.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn

from attune.core.atomic_files import hash_file
from attune.core.console import show_progress
from attune.embedding.backbones import Backbone, ColorNormalization
from attune.embedding.feature_layout import FeatureLayout
from attune.embedding.image_geometry import ImageSpec
from attune.training.train import train

SIDE = 128
GRID = 8


class ColorGrid(nn.Module):
    """Encoder from pixels, float32 (N, 3, 128, 128), to features, float32 (N, 192)."""

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the mean colours of the patches."""
        return nn.functional.avg_pool2d(pixels, SIDE // GRID).flatten(1)


def export_encoder(encoder: nn.Module, folder: Path) -> Backbone:
    """Write an encoder as ONNX and describe it, so that a library stores its features under its checksum."""
    path = folder / "color-grid.onnx"
    torch.onnx.export(
        encoder.eval(),
        (torch.zeros(2, 3, SIDE, SIDE),),
        str(path),
        dynamo=False,
        opset_version=17,
        input_names=["pixels"],
        output_names=["features"],
        dynamic_axes={"pixels": {0: "items"}, "features": {0: "items"}},
    )
    return Backbone(
        name="color-grid",
        kind="image",
        path=path,
        sha256=hash_file(path),
        layout=FeatureLayout((("colors", 3 * GRID * GRID),)),
        licence="Apache-2.0",
        image_spec=ImageSpec(SIDE, "squash"),
        # Pixels come in [0, 1], minus the mean, divided by the standard deviation.
        colours=ColorNormalization(mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)),
    )


def main(images: Path, music: Path, output: Path) -> None:
    """Train on labelled files; the network's folder then holds the encoder, too."""
    with tempfile.TemporaryDirectory() as folder, show_progress(quiet=False) as progress:
        encoder = export_encoder(ColorGrid(), Path(folder))
        train(
            images,
            music,
            output,
            cache=Path(".cache/own-encoder"),
            workers=2,
            progress=progress,
            backbones={"image": encoder},
        )
    print(f"Use it: attune build-index --network {output}")


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))
