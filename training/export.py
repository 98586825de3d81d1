"""Export of a network folder: two ONNX towers, backbones that are not shipped, and network.json."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from attune.core.atomic_files import fsync, hash_file
from attune.core.errors import ArtefactError, UsageError, escape_path
from attune.embedding.backbones import Backbone
from attune.embedding.calibration_curve import CalibrationCurve
from attune.embedding.media_files import Kind
from attune.embedding.network_config import (
    CONFIG_FILE,
    TEXT_FILES,
    TOWER_FILES,
    describe_backbone,
    is_shipped,
)
from attune.embedding.onnx_session import OnnxSession

TOLERANCE = 1e-4
"""Largest accepted difference between outputs of a tower and of its ONNX file."""

RUN = "run"
"""Folder inside the network's folder that documents its training; no code reads it."""

_OPSET = 17


def export_tower(tower: nn.Module, example: NDArray[np.float32], path: Path) -> None:
    """Write a tower as ONNX and check that ONNX Runtime gives the tower's outputs.

    Args:
        tower: The tower.
        example: float32 (N, D) features to trace and check with.
        path: The file to write.

    Raises:
        ArtefactError: The written graph differs from the tower by more than `TOLERANCE`.
    """
    tower.eval()
    example_tensor = torch.from_numpy(example)
    torch.onnx.export(
        tower,
        (example_tensor,),
        str(path),
        dynamo=False,
        opset_version=_OPSET,
        input_names=["features"],
        output_names=["embedding", "affect"],
        dynamic_axes={name: {0: "items"} for name in ("features", "embedding", "affect")},
    )
    with torch.no_grad():
        expected = tower(example_tensor)
    _state_widths(path, [output.shape[1] for output in expected])
    actual = OnnxSession(path, hash_file(path)).run(example, "embedding", "affect")
    for expected_output, actual_output in zip(expected, actual, strict=True):
        worst = float(np.abs(expected_output.numpy() - actual_output).max())
        if not worst < TOLERANCE:
            raise ArtefactError(f"{path}: the exported graph differs from the trained one by {worst:.1e}")


def _state_widths(path: Path, widths: Sequence[int]) -> None:
    """State the widths of a graph's outputs, which torch does not always infer."""
    import onnx

    model = onnx.load(str(path))
    for output, width in zip(model.graph.output, widths, strict=True):
        output.type.tensor_type.shape.dim[1].dim_value = width
    onnx.save(model, str(path))


def write_network(
    out: Path,
    towers: Mapping[Kind, nn.Module],
    examples: Mapping[Kind, NDArray[np.float32]],
    backbones: Mapping[Kind, Backbone],
    calibration: Mapping[str, CalibrationCurve],
    facts: Mapping[str, Any],
    describe: Callable[[Path], None],
) -> Path:
    """Write a network to a temporary folder, then move its files to the output folder.

    Args:
        out: The output folder: new, empty, or a network's folder, which is replaced.
        towers: The tower of each modality.
        examples: Backbone features (N, D) of each modality, to check the export with.
        backbones: The backbone of each modality; those that are not shipped are copied into the folder.
        calibration: The curves of `attune.embedding.network_config.Calibration`, by name.
        facts: Further entries of network.json: `training` and `out_of_fold`.
        describe: Function that writes the run folder, given its path.

    Returns:
        `out`.

    Raises:
        UsageError: `out` holds something that is not a network.
        ArtefactError: An exported tower differs from the trained one.
    """
    check_output_folder(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    staging_dir = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        for kind, tower in towers.items():
            export_tower(tower, examples[kind], staging_dir / TOWER_FILES[kind])
        for backbone in backbones.values():
            if not is_shipped(backbone):
                for file in backbone.files:
                    shutil.copyfile(file, staging_dir / file.name)
        config = {
            "name": escape_path(out.resolve().name),
            **{f"{kind}_backbone": describe_backbone(backbone) for kind, backbone in backbones.items()},
            "calibration": {name: asdict(curve) for name, curve in calibration.items()},
            "sha256": {file: hash_file(staging_dir / file) for file in TOWER_FILES.values()},
            **facts,
        }
        (staging_dir / CONFIG_FILE).write_text(json.dumps(config, indent=2) + "\n")
        describe(staging_dir / RUN)
        _put_in_place(staging_dir, out)
    finally:
        shutil.rmtree(staging_dir, ignore_errors=True)
    return out


def check_output_folder(out: Path) -> None:
    """Raise UsageError if `out` is a file, or a folder that holds something other than a network."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"{escape_path(out)}: is a file; name a folder for the network")
    if out.is_dir() and any(out.iterdir()) and not (out / CONFIG_FILE).is_file():
        raise UsageError(f"{escape_path(out)}: holds other files; name a new or empty folder")


def _put_in_place(staging_dir: Path, out: Path) -> None:
    """Move the files over, network.json last: an incomplete folder then never passes its checksums."""
    out.mkdir(exist_ok=True)
    shutil.rmtree(out / RUN, ignore_errors=True)
    (staging_dir / RUN).replace(out / RUN)
    files = sorted(
        (file.name for file in staging_dir.iterdir()), key=lambda name: (name == CONFIG_FILE, name)
    )
    for file in files:
        fsync(staging_dir / file)
        (staging_dir / file).replace(out / file)
    for old in (*out.glob("*.onnx"), *(out / name for name in TEXT_FILES)):
        if old.name not in files:
            old.unlink(missing_ok=True)  # of a backbone of the network that was replaced
    fsync(out)
