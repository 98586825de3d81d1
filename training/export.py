"""Towers become a network folder: two ONNX files, backbones of the network's own, and their description."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from attune.core.artefacts import fsync, sha256_of
from attune.core.errors import ArtefactError, UsageError, printable
from attune.embedding.backbones import Backbone
from attune.embedding.card import CARD, TOWERS, describe_backbone, is_shipped
from attune.embedding.media import Kind
from attune.embedding.session import Session
from attune.training.systems.space import Tower

TOLERANCE = 1e-4
"""Largest difference between a tower and its ONNX file that is taken for rounding."""

RUN = "run"
"""Folder beside the network that tells of its training; nothing else reads it."""

_OPSET = 17


def export_tower(tower: Tower, example: NDArray[np.float32], path: Path) -> None:
    """Write a tower as ONNX and check that ONNX Runtime says what it says.

    Args:
        tower: The tower.
        example: float32 (N, D) features to check on.
        path: The file to write.

    Raises:
        ArtefactError: The written graph differs from the tower by more than `TOLERANCE`.
    """
    tower.eval()
    given = torch.from_numpy(example)
    torch.onnx.export(
        tower,
        (given,),
        str(path),
        dynamo=False,
        opset_version=_OPSET,
        input_names=["features"],
        output_names=["embedding", "affect"],
        dynamic_axes={name: {0: "items"} for name in ("features", "embedding", "affect")},
    )
    with torch.no_grad():
        expected = tower(given)
    said = Session(path, sha256_of(path)).run(example, "embedding", "affect")
    for ours, theirs in zip(expected, said, strict=True):
        worst = float(np.abs(ours.numpy() - theirs).max())
        if not worst < TOLERANCE:
            raise ArtefactError(f"{path}: the exported graph differs from the trained one by {worst:.1e}")


def write_network(
    out: Path,
    towers: Mapping[Kind, Tower],
    examples: Mapping[Kind, NDArray[np.float32]],
    backbones: Mapping[Kind, Backbone],
    calibration: tuple[float, float],
    facts: Mapping[str, Any],
    describe: Callable[[Path], None],
) -> Path:
    """Write a network folder aside, then put it in place of what was there.

    Args:
        out: The folder: new, empty, or a network folder.
        towers: Of both modalities.
        examples: Backbone features of each to check the export on, (N, D).
        backbones: What makes these features; those that are not shipped are copied into the folder.
        calibration: Slope and intercept from inner product to the logit of correspondence.
        facts: Further entries of network.json: `training` and `out_of_fold`.
        describe: Writes the run folder that it is given.

    Returns:
        `out`.

    Raises:
        UsageError: `out` holds something that is not a network.
        ArtefactError: The export is not faithful.
    """
    refuse_foreign(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        for kind, tower in towers.items():
            export_tower(tower, examples[kind], aside / TOWERS[kind])
        for backbone in backbones.values():
            if not is_shipped(backbone):
                shutil.copyfile(backbone.path, aside / backbone.path.name)
        card = {
            "name": printable(out.resolve().name),
            **{f"{kind}_backbone": describe_backbone(backbone) for kind, backbone in backbones.items()},
            "calibration": {"slope": calibration[0], "intercept": calibration[1]},
            "sha256": {file: sha256_of(aside / file) for file in TOWERS.values()},
            **facts,
        }
        (aside / CARD).write_text(json.dumps(card, indent=2) + "\n")
        describe(aside / RUN)
        _put_in_place(aside, out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return out


def refuse_foreign(out: Path) -> None:
    """Raise UsageError where `out` is a file, or a folder that holds something else than a network."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"{printable(out)}: is a file; name a folder for the network")
    if out.is_dir() and any(out.iterdir()) and not (out / CARD).is_file():
        raise UsageError(f"{printable(out)}: holds other files; name a new or empty folder")


def _put_in_place(aside: Path, out: Path) -> None:
    """Move the files over; the description goes last, so that a torn folder never passes its checksums."""
    out.mkdir(exist_ok=True)
    shutil.rmtree(out / RUN, ignore_errors=True)
    (aside / RUN).replace(out / RUN)
    files = sorted((file.name for file in aside.iterdir()), key=lambda name: (name == CARD, name))
    for file in files:
        fsync(aside / file)
        (aside / file).replace(out / file)
    for graph in out.glob("*.onnx"):
        if graph.name not in files:
            graph.unlink()  # the backbone of the network that was here
    fsync(out)
