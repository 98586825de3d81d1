"""Face detection and facial expressions by two small networks of face-api.js, aggregated for each picture.

`TinyFaceDetector` is a small YOLOv2 (Redmon, Farhadi: YOLO9000, CVPR 2017) of separable convolutions;
`FaceExpressions` consists of densely connected blocks of separable convolutions. The weights are in the
folder `model` of npm `@vladmandic/face-api` 1.7.15, which is given to
`attune.training.convert.efficientnet_lite2_faces` by `--faces`.

The expressions are neutral, happy, sad, angry, fearful, disgusted and surprised, in this order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import roi_align

EXPRESSIONS = 7
FACE_WIDTH = 3 * EXPRESSIONS + 4
"""Width of the face features except pooled ones.

They are, for each expression, the mean weighted by size, the maximum over faces, and the weighted mean scaled
by size; then whether there is a face, and three sizes.
"""

_CROP = 112
_LEAST_SCORE = 0.3
# Width and height of the detector's five anchor boxes, in cells of the last feature map.
_ANCHORS = (
    (1.603231, 2.094468),
    (6.041143, 7.080126),
    (2.882459, 3.518061),
    (4.266906, 5.178857),
    (9.041765, 10.66308),
)
_DETECTOR_MEAN = (117.001, 114.697, 97.404)
_EXPRESSION_MEAN = (122.782, 117.001, 104.298)


def read_weights(folder: Path, name: str) -> dict[str, Tensor]:
    """Read a TensorFlow.js manifest and its one shard.

    Args:
        folder: The package's folder `model`.
        name: Name of the network, such as `face_expression`.

    Returns:
        float32 tensors in TensorFlow's layouts; eight-bit weights are dequantised.
    """
    (group,) = json.loads((folder / f"{name}_model-weights_manifest.json").read_text())
    raw = b"".join((folder / part).read_bytes() for part in group["paths"])
    weights, start = {}, 0
    for entry in group["weights"]:
        packed = entry.get("quantization", {"dtype": entry["dtype"], "scale": 1.0, "min": 0.0})
        stored = np.frombuffer(raw, packed["dtype"], int(np.prod(entry["shape"])), start)
        start += stored.nbytes
        values = stored.astype(np.float64) * packed["scale"] + packed["min"]
        weights[entry["name"]] = torch.from_numpy(values.astype(np.float32).reshape(entry["shape"]))
    return weights


def _build_layer(weights: Mapping[str, Tensor], name: str, stride: int = 1) -> nn.Module:
    """Build the convolution of the given name: plain, or depthwise followed by pointwise."""
    bias = weights[f"{name}/bias"]
    if f"{name}/filters" in weights:
        kernel = weights[f"{name}/filters"].permute(3, 2, 0, 1)
        return _build_conv(kernel, bias, stride)
    depthwise = weights[f"{name}/depthwise_filter"].permute(2, 3, 0, 1)
    pointwise = weights[f"{name}/pointwise_filter"].permute(3, 2, 0, 1)
    padding = [_SamePadding()] if stride > 1 else []
    inner = _build_conv(depthwise, None, stride, groups=len(depthwise), padding=0 if stride > 1 else 1)
    return nn.Sequential(*padding, inner, _build_conv(pointwise, bias))


def _build_conv(
    kernel: Tensor, bias: Tensor | None, stride: int = 1, groups: int = 1, padding: int = 0
) -> nn.Conv2d:
    out, into, side, _ = kernel.shape
    layer = nn.Conv2d(into * groups, out, side, stride, padding, groups=groups, bias=bias is not None)
    layer.weight.data = kernel.contiguous()
    if bias is not None:
        layer.bias = nn.Parameter(bias)
    return layer


class _SamePadding(nn.Module):
    """TensorFlow's `same` padding of a 3 × 3 kernel of stride 2 for even sides: at the right and bottom."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.pad(x, (0, 1, 0, 1))


class TinyFaceDetector(nn.Module):
    """Module from pictures to boxes that may contain faces."""

    mean: Tensor
    anchors: Tensor

    def __init__(self, folder: Path) -> None:
        super().__init__()
        weights = read_weights(folder, "tiny_face_detector")
        self.register_buffer("mean", torch.tensor(_DETECTOR_MEAN)[:, None, None])
        self.register_buffer("anchors", torch.tensor(_ANCHORS))
        self.first = _build_layer(weights, "conv0")
        self.rest = nn.ModuleList(_build_layer(weights, f"conv{i}") for i in range(1, 6))
        self.last = _build_layer(weights, "conv8")

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the most likely box of each cell.

        Args:
            pixels: float32 (N, 3, S, S), RGB, 0 to 255; S a multiple of 32.

        Returns:
            Boxes (N, 4, S / 32, S / 32), left, top, right and bottom as shares of the side, clipped at the
            borders; and their scores (N, S / 32, S / 32) in [0, 1].
        """
        x = functional.leaky_relu(self.first((pixels - self.mean) / 255.0), 0.1)
        for layer in self.rest:
            x = functional.leaky_relu(layer(functional.max_pool2d(x, 2, 2, ceil_mode=True)), 0.1)
        x = functional.max_pool2d(functional.pad(x, (0, 1, 0, 1), value=-1e9), 2, 1)
        cells = x.shape[-1]
        predictions = self.last(x).unflatten(1, (len(_ANCHORS), 5))
        scores, best = torch.sigmoid(predictions[:, :, 4]).max(dim=1)
        shape = self.anchors[best].permute(0, 3, 1, 2)
        best_index = best[:, None, None].expand(-1, 1, 4, -1, -1)
        box = torch.gather(predictions[:, :, :4], 1, best_index)[:, 0]
        steps = torch.arange(cells, dtype=torch.float32)
        corner = torch.stack([steps[None, :].expand(cells, cells), steps[:, None].expand(cells, cells)])
        centre = corner + torch.sigmoid(box[:, :2])
        half = torch.exp(box[:, 2:]) * shape / 2.0
        return torch.cat([centre - half, centre + half], dim=1).div(cells).clamp(0.0, 1.0), scores


class FaceExpressions(nn.Module):
    """Module from cropped faces to expressions."""

    mean: Tensor

    def __init__(self, folder: Path) -> None:
        super().__init__()
        weights = read_weights(folder, "face_expression")
        self.register_buffer("mean", torch.tensor(_EXPRESSION_MEAN)[:, None, None])
        first = nn.Sequential(_SamePadding(), _build_layer(weights, "dense0/conv0", stride=2))
        later = (_build_layer(weights, f"dense{i}/conv0", stride=2) for i in range(1, 4))
        self.starts = nn.ModuleList([first, *later])
        self.inner = nn.ModuleList(
            nn.ModuleList(_build_layer(weights, f"dense{i}/conv{j}") for j in range(1, 4)) for i in range(4)
        )
        self.named = nn.Linear(256, EXPRESSIONS)
        self.named.weight.data = weights["fc/weights"].T.contiguous()
        self.named.bias.data = weights["fc/bias"]

    def forward(self, faces: Tensor) -> tuple[Tensor, Tensor]:
        """Return probabilities of the expressions (F, 7) and the pooled features before them (F, 256).

        Args:
            faces: float32 (F, 3, 112, 112), RGB, 0 to 255.
        """
        x = (faces - self.mean) / 255.0
        for start, inner in zip(self.starts, self.inner, strict=True):
            total = functional.relu(start(x))
            for layer in inner.children():
                total = total + layer(functional.relu(total))
            x = functional.relu(total)
        pooled = x.mean((2, 3))
        return torch.softmax(self.named(pooled), dim=1), pooled


class FaceFeatures(nn.Module):
    """Module from pictures to features of their faces.

    Args:
        folder: Folder with the weights of both networks.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.detector = TinyFaceDetector(folder)
        self.expressions = FaceExpressions(folder)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return float32 (N, 25 + 256) of pictures, float32 (N, 3, S, S), RGB, 0 to 255.

        All values are 0 if no face is found. Large faces with high scores have more weight.
        """
        boxes, scores = self.detector(pixels)
        peaks = (scores >= _LEAST_SCORE) & (scores >= functional.max_pool2d(scores[:, None], 3, 1, 1)[:, 0])
        picture, row, column = torch.nonzero(peaks, as_tuple=True)
        found, confidence = boxes[picture, :, row, column], scores[picture, row, column]
        # One face of weight 0 is added, so that no layer is given an empty batch.
        picture = torch.cat([torch.zeros(1, dtype=torch.int64), picture])
        found = torch.cat([torch.tensor([[0.0, 0.0, 1.0, 1.0]]), found])
        confidence = torch.cat([torch.zeros(1), confidence])
        regions = torch.cat([picture[:, None].float(), found * pixels.shape[-1]], dim=1)
        shares, pooled = self.expressions(roi_align(pixels, regions, _CROP, aligned=True))
        area = (found[:, 2] - found[:, 0]) * (found[:, 3] - found[:, 1])
        membership = (torch.arange(pixels.shape[0])[:, None] == picture[None]).float()
        return torch.cat(_aggregate_faces(membership, area, confidence, shares, pooled), dim=1)


def _aggregate_faces(
    membership: Tensor, area: Tensor, confidence: Tensor, shares: Tensor, pooled: Tensor
) -> list[Tensor]:
    """Return the blocks of face features, each (N, ...).

    Args:
        membership: (N, F) 1 where a face belongs to a picture, else 0.
        area: (F,) area of each face as a share of the square.
        confidence: (F,) score of each face; 0 for the face that only fills the batch.
        shares: (F, 7) probabilities of the expressions.
        pooled: (F, 256) pooled features.
    """
    real = (confidence > 0).float()
    weight = membership * (confidence * area)
    total = weight.sum(dim=1, keepdim=True)
    weight = weight / total.clamp(min=1e-9)
    mean = weight @ shares
    maximum = (membership[:, :, None] * (real[:, None] * shares)[None]).amax(dim=1)
    side = torch.sqrt(area) * real
    largest = (membership * side).amax(dim=1, keepdim=True)
    total_side = torch.sqrt(membership @ (area * real)[:, None])
    has_face = (total > 0).float()
    return [
        mean,
        maximum,
        mean * torch.sqrt(largest),
        has_face,
        largest,
        total_side,
        largest**2,
        weight @ pooled,
    ]
