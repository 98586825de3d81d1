"""Small networks for tests: real ONNX graphs with random projections, another one for each seed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from attune.core.atomic_files import hash_file
from attune.embedding.affect import AFFECT_COLUMNS
from attune.embedding.backbones import DEFAULT_BACKBONES, Backbone, ColorNormalization
from attune.embedding.feature_layout import unnamed_layout
from attune.embedding.image_geometry import ImageSpec
from attune.embedding.network import EMBEDDING_DIM
from attune.embedding.network_config import TEXT_FILES, describe_backbone
from attune.embedding.text_tower import TextTower


def write_network(
    folder: Path, seed: int = 0, slope: float = 4.0, image_backbone: Backbone = DEFAULT_BACKBONES["image"]
) -> Path:
    """Write a network folder whose two towers are seeded random projections."""
    folder.mkdir(parents=True, exist_ok=True)
    hashes = {}
    for index, (kind, backbone) in enumerate((DEFAULT_BACKBONES | {"image": image_backbone}).items()):
        path = folder / f"{kind}.onnx"
        _write_tower(path, backbone.width, np.random.default_rng(seed * 2 + index))
        hashes[path.name] = hash_file(path)
    config = {
        "name": f"random{seed}",
        "image_backbone": describe_backbone(image_backbone),
        "music_backbone": describe_backbone(DEFAULT_BACKBONES["music"]),
        "calibration": {
            "score": {"scores": [-1.0, 1.0], "log_odds": [-slope, slope]},
            "correspondence": {"scores": [0.0, 1.0], "log_odds": [-slope / 3, slope * 2 / 3]},
        },
        "sha256": hashes,
    }
    (folder / "network.json").write_text(json.dumps(config))
    return folder


def write_image_backbone(folder: Path, seed: int = 0, width: int = 24, side: int = 32) -> Backbone:
    """Write a small image backbone: means of a grid of 4 by 4 patches, projected at random.

    It reads the middle of a picture, standardised as CLIP's are.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    folder.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).normal(size=(3 * 16, width)).astype(np.float32)
    nodes = [
        helper.make_node(
            "AveragePool", ["pixels"], ["grid"], kernel_shape=[side // 4] * 2, strides=[side // 4] * 2
        ),
        helper.make_node("Flatten", ["grid"], ["flat"]),
        helper.make_node("MatMul", ["flat", "projection"], ["features"]),
    ]
    graph = helper.make_graph(
        nodes,
        "backbone",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, side, side])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", width])],
        [numpy_helper.from_array(values, "projection")],
    )
    path = folder / "patches.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))
    return Backbone(
        name="patches",
        kind="image",
        path=path,
        sha256=hash_file(path),
        layout=unnamed_layout(width),
        licence="Apache-2.0",
        image_spec=ImageSpec(side, "crop", "bilinear"),
        colours=ColorNormalization((0.48, 0.46, 0.41), (0.27, 0.26, 0.28)),
    )


TEXT_WORDS = ("sea", "dog", "sad", "evening", "by", "the")


def write_text_tower(folder: Path, seed: int = 0, width: int = 24, context: int = 6) -> TextTower:
    """Write a small text tower: the mean of random vectors of `TEXT_WORDS`, those of other words are one."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    from tokenizers import Tokenizer, models, pre_tokenizers

    folder.mkdir(parents=True, exist_ok=True)
    words = {"[pad]": 0, "[other]": 1} | {word: place for place, word in enumerate(TEXT_WORDS, 2)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[other]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.enable_truncation(context)
    tokenizer.enable_padding(length=context, pad_id=0, pad_token="[pad]")
    graph_path, tokenizer_path = (folder / name for name in TEXT_FILES)
    tokenizer_path.write_text(tokenizer.to_str())
    table = np.random.default_rng(seed).normal(size=(len(words), width)).astype(np.float32)
    nodes = [
        helper.make_node("Gather", ["table", "tokens"], ["vectors"]),
        helper.make_node("ReduceMean", ["vectors"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("LpNormalization", ["mean"], ["features"], axis=-1, p=2),
    ]
    graph = helper.make_graph(
        nodes,
        "text",
        [helper.make_tensor_value_info("tokens", TensorProto.INT64, [1, context])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, width])],
        [numpy_helper.from_array(table, "table")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(graph_path))
    return TextTower(
        graph_path, hash_file(graph_path), width, context, tokenizer_path, hash_file(tokenizer_path)
    )


def _write_tower(path: Path, width: int, rng: np.random.Generator) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    def constant(name: str, values: np.ndarray) -> onnx.TensorProto:
        return numpy_helper.from_array(values.astype(np.float32), name)

    nodes = [
        helper.make_node("Tanh", ["features"], ["bounded"]),
        helper.make_node("MatMul", ["bounded", "projection"], ["raw"]),
        helper.make_node("LpNormalization", ["raw"], ["embedding"], axis=-1, p=2),
        helper.make_node("MatMul", ["bounded", "affect_weights"], ["affect_raw"]),
        helper.make_node("Tanh", ["affect_raw"], ["plane_and_more"]),
        helper.make_node("Slice", ["plane_and_more", "zero", "two", "axis"], ["plane"]),
        helper.make_node("Slice", ["affect_raw", "two", "five", "axis"], ["polarity_logits"]),
        helper.make_node("Softmax", ["polarity_logits"], ["polarity"], axis=-1),
        helper.make_node("Slice", ["affect_raw", "five", "nine", "axis"], ["quadrant_logits"]),
        helper.make_node("Softmax", ["quadrant_logits"], ["quadrants"], axis=-1),
        helper.make_node("Slice", ["plane_and_more", "nine", "eleven", "axis"], ["place"]),
        helper.make_node("Concat", ["plane", "polarity", "quadrants", "place"], ["affect"], axis=-1),
    ]
    bounds = [
        numpy_helper.from_array(np.array([value]), name)
        for name, value in (("zero", 0), ("two", 2), ("five", 5), ("nine", 9), ("eleven", 11), ("axis", 1))
    ]
    scale = 1 / np.sqrt(width)
    weights = [
        constant("projection", rng.normal(0, scale, (width, EMBEDDING_DIM))),
        constant("affect_weights", rng.normal(0, scale, (width, len(AFFECT_COLUMNS)))),
    ]
    graph = helper.make_graph(
        nodes,
        "tower",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", width])],
        [
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", EMBEDDING_DIM]),
            helper.make_tensor_value_info("affect", TensorProto.FLOAT, ["n", len(AFFECT_COLUMNS)]),
        ],
        weights + bounds,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(path))
