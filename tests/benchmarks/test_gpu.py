"""`attune benchmark gpu` and `encoder` on real files, on the CPU if there is no GPU."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from attune.benchmarks.gpu import _compute_largest_difference
from attune.tests.e2e.command import attune, attune_json
from attune.tests.open_clip_factory import write_model

HAS_GPU = "CUDAExecutionProvider" in onnxruntime.get_available_providers()


@pytest.mark.slow
def test_the_cpu_stands_alone_where_there_is_no_gpu(media: Path, tmp_path: Path) -> None:
    output = tmp_path / "gpu.json"
    options = ("--images", media, "--music", media, "--limit", 3, "--workers", 2)
    document = attune_json("benchmark", "gpu", *options, "-o", output)
    assert json.loads(output.read_text()) == document
    assert document["devices"][0]["device"] == "cpu"
    assert document["devices"][0]["images_per_s"] > 0
    assert document["devices"][0]["clips_per_s"] > 0
    assert document["devices"][0]["apart"] == 0
    assert (document["no_gpu"] is None) == HAS_GPU
    assert len(document["devices"]) == 1 + HAS_GPU
    one = attune("benchmark", "gpu", *options[:4], "--train-images", media)
    assert (one.returncode, one.stderr.count("\n")) == (2, 1)


def test_the_distance_of_two_readings() -> None:
    a, b = Path("a"), Path("b")
    ones = np.ones((2, 3), np.float16)
    moved = ones.copy()
    moved[1, 2] = 1.5
    assert _compute_largest_difference({a: ones, b: ones}, {a: ones, b: moved}) == pytest.approx(0.5)
    assert _compute_largest_difference({a: ones}, {a: ones}) == 0


@pytest.mark.slow
def test_an_encoder_is_timed_beside_the_shipped_one(media: Path, tmp_path: Path) -> None:
    encoder = write_model(tmp_path)
    document = attune_json("benchmark", "encoder", encoder, "--images", media, "--limit", 4)
    shipped, other = document["encoders"]
    assert (shipped["name"], shipped["side"], shipped["width"]) == ("efficientnet_lite0", 192, 2528)
    assert (other["name"], other["side"], other["width"]) == ("open_clip-tiny-tiny", 32, 24)
    assert min(other["network_ms"], other["decode_ms"]) > 0
    assert shipped["text"] is None
    assert min(other["text"].values()) > 0


@pytest.mark.slow
def test_a_shipped_encoder_is_timed_by_its_name(media: Path) -> None:
    name = "efficientnet_lite2_faces"
    document = attune_json("benchmark", "encoder", name, "--images", media, "--limit", 2)
    assert [one["name"] for one in document["encoders"]] == ["efficientnet_lite0", name]
