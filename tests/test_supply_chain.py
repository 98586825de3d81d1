"""Supply chain: checksums of weights, no pickles, no shells, and bounded dependencies."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from packaging.requirements import Requirement

from attune.core.atomic_files import hash_file
from attune.core.errors import ArtefactError
from attune.embedding.backbones import DEFAULT_BACKBONES
from attune.embedding.network import EMBEDDING_DIM, Network
from attune.embedding.onnx_session import OnnxSession
from attune.tests.networks import write_network

ROOT = Path(__file__).resolve().parents[1]
RUNTIME = ("core", "embedding", "indexer", "retrieval")
CODE = [
    path
    for package in (*RUNTIME, "training", "benchmarks")
    for path in sorted((ROOT / package).rglob("*.py"))
]


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_unpickles_and_nothing_runs_text(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
            assert names.isdisjoint({"pickle", "cPickle", "dill", "joblib", "shelve", "marshal"})
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            options = {option.arg: ast.unparse(option.value) for option in node.keywords}
            assert called not in ("eval", "exec", "os.system", "os.popen", "yaml.load")
            assert options.get("shell") != "True"
            assert options.get("allow_pickle", "False") == "False"
            if called.endswith("torch.load"):
                assert options.get("weights_only") == "True"


@pytest.mark.parametrize("kind", ["image", "music"])
def test_one_changed_bit_of_the_weights_is_noticed(tmp_path: Path, kind: str) -> None:
    backbone = DEFAULT_BACKBONES[kind]  # type: ignore[index]
    weights = bytearray(backbone.path.read_bytes())
    weights[len(weights) // 2] ^= 1
    (tmp_path / "changed.onnx").write_bytes(weights)
    with pytest.raises(ArtefactError, match="checksum differs"):
        OnnxSession(tmp_path / "changed.onnx", backbone.sha256)


def test_a_network_that_was_changed_after_training_is_refused(tmp_path: Path) -> None:
    folder = write_network(tmp_path / "network")
    (folder / "image.onnx").write_bytes((folder / "music.onnx").read_bytes())
    with pytest.raises(ArtefactError, match="checksum differs"):
        Network(folder, "changed").embed("image", np.zeros((1, DEFAULT_BACKBONES["image"].width), np.float32))


def _graph(path: Path, inputs: dict[str, list[int | str]], outputs: dict[str, list[int | str]]) -> str:
    """Write a graph of constants with the given inputs and outputs; return its SHA-256."""
    nodes = [
        helper.make_node(
            "ConstantOfShape",
            ["shape_" + name],
            [name],
            value=helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0]),
        )
        for name in outputs
    ]
    shapes = [
        helper.make_tensor(
            "shape_" + name,
            TensorProto.INT64,
            [len(shape)],
            [size if isinstance(size, int) else 1 for size in shape],
        )
        for name, shape in outputs.items()
    ]
    values = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in side.items()]
        for side in (inputs, outputs)
    ]
    graph = helper.make_graph(nodes, "g", *values, shapes)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))
    return hash_file(path)


GOOD_OUTPUTS: dict[str, list[int | str]] = {"embedding": ["n", EMBEDDING_DIM], "affect": ["n", 5]}


@pytest.mark.parametrize(
    ("inputs", "outputs", "message"),
    [
        ({"features": ["n", 7]}, GOOD_OUTPUTS, "7"),
        ({"features": ["n", "m"]}, GOOD_OUTPUTS, "takes 0 features"),
        ({"a": ["n", 2528], "b": ["n", 2528]}, GOOD_OUTPUTS, "2 inputs"),
        ({"features": ["n", 2528]}, {"embedding": ["n", EMBEDDING_DIM]}, "affect"),
        ({"features": ["n", 2528]}, {"embedding": ["n", 64], "affect": ["n", 5]}, "embedding"),
    ],
)
def test_a_network_of_another_shape_is_refused(
    tmp_path: Path, inputs: dict[str, list[int | str]], outputs: dict[str, list[int | str]], message: str
) -> None:
    folder = write_network(tmp_path / "network")
    config = json.loads((folder / "network.json").read_text())
    config["sha256"]["image.onnx"] = _graph(folder / "image.onnx", inputs, outputs)
    (folder / "network.json").write_text(json.dumps(config))
    with pytest.raises(ArtefactError, match=message):
        Network(folder, "odd").embed("image", np.zeros((1, DEFAULT_BACKBONES["image"].width), np.float32))


def test_weights_that_no_checksum_covers_are_not_loaded(tmp_path: Path) -> None:
    """A graph may refer to another file for its weights, which could be any file."""
    np.ones(4 * EMBEDDING_DIM, np.float32).tofile(tmp_path / "numbers.bin")
    outside = TensorProto(name="w", data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    outside.dims.extend([4, EMBEDDING_DIM])
    entry = outside.external_data.add()
    entry.key, entry.value = "location", "numbers.bin"
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["features", "w"], ["embedding"])],
        "g",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", EMBEDDING_DIM])],
        [outside],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    (tmp_path / "graph.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ArtefactError, match="cannot load"):
        OnnxSession(tmp_path / "graph.onnx", hash_file(tmp_path / "graph.onnx"))


def test_dependencies_are_within_bounds_and_installed_so() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for line in project["dependencies"]:
        requirement = Requirement(line)
        signs = {bound.operator for bound in requirement.specifier}
        assert {">=", "<"} <= signs, line
        assert requirement.specifier.contains(version(requirement.name), prereleases=True), line


def test_the_threats_have_their_tests() -> None:
    table = (ROOT / "SECURITY.md").read_text()
    named = set(re.findall(r"`(tests/[\w/]+\.py)`", table))
    assert len(named) >= 8
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
