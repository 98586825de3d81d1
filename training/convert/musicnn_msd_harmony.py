"""Conversion of `musicnn_msd.onnx` to `musicnn_msd_harmony.onnx`, which passes harmonic features through.

    python -m attune.training.convert.musicnn_msd_harmony

Input `moments`: float32 `(N, 188, 96)`: 187 frames of log-mel, and one frame with the 59 harmonic features of
`attune.embedding.harmonic_features`. Output `features`: float32 `(N, 1815)`: musicnn's blocks, then the
block `harmony`.
"""

from __future__ import annotations

import logging

import numpy as np

from attune.embedding.harmonic_features import WIDTH
from attune.embedding.logmel import BANDS, PATCH_FRAMES
from attune.training.convert.weight_files import MUSIC_AND_HARMONY_FILE, MUSIC_FILE, write


def main() -> None:
    """Write the file and log its SHA-256."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    model = onnx.load(MUSIC_FILE)
    graph = model.graph
    inner, out = graph.input[0].name, graph.output[0].name
    for node in graph.node:
        node.output[:] = ["of_musicnn" if name == out else name for name in node.output]
    ends = {
        "first_frame": [0],
        "harmony_frame": [PATCH_FRAMES],
        "past_frames": [PATCH_FRAMES + 1],
        "first_band": [0],
        "past_harmony": [WIDTH],
        "frames": [1],
        "bands": [2],
    }
    graph.initializer.extend(
        numpy_helper.from_array(np.array(at, np.int64), name) for name, at in ends.items()
    )
    before = [helper.make_node("Slice", ["moments", "first_frame", "harmony_frame", "frames"], [inner])]
    after = [
        helper.make_node("Slice", ["moments", "harmony_frame", "past_frames", "frames"], ["last_frame"]),
        helper.make_node("Slice", ["last_frame", "first_band", "past_harmony", "bands"], ["harmony"]),
        helper.make_node("Squeeze", ["harmony", "frames"], ["of_harmony"]),
        helper.make_node("Concat", ["of_musicnn", "of_harmony"], [out], axis=1),
    ]
    nodes = [*before, *graph.node, *after]
    del graph.node[:], graph.input[:]
    graph.node.extend(nodes)
    shape: list[str | int | None] = ["batch", PATCH_FRAMES + 1, BANDS]
    graph.input.append(helper.make_tensor_value_info("moments", TensorProto.FLOAT, shape))
    graph.output[0].type.tensor_type.shape.dim[1].dim_value += WIDTH
    onnx.checker.check_model(model)
    write(model, MUSIC_AND_HARMONY_FILE)


if __name__ == "__main__":
    main()
