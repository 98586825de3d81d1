"""Export of an open_clip model as a backbone: its image tower, and its text tower to read words with.

    open_clip:MODEL/TAG                 weights from the hub, by the names of `open_clip.list_pretrained()`
    open_clip:MODEL,CHECKPOINT          weights from a file, for a model that open_clip knows
    open_clip:CONFIG.json,CHECKPOINT    weights from a file, for a model described by a config file

Weights are read as safetensors or with torch's `weights_only` loader, so that a checkpoint cannot run code.
"""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from attune.core.atomic_files import hash_file
from attune.core.errors import ArtefactError, AttuneError, UsageError
from attune.embedding.backbones import Backbone, ColorNormalization, normalize_pixels
from attune.embedding.feature_layout import unnamed_layout
from attune.embedding.image_geometry import ImageSpec
from attune.embedding.onnx_session import OnnxSession
from attune.training.encoders.graph_export import OPSET, describe_excess, enable_export, silence_logs
from attune.training.encoders.text_export import NoTextTower, export_text_tower

SCHEME = "open_clip:"
TOLERANCE = 1e-3
"""Largest accepted difference between the tower and its ONNX file, as a share of the largest feature."""

_EXPORT_BATCH, _CHECK_BATCH = 2, 3  # two batch sizes, to check that the graph accepts any


@dataclass(frozen=True, slots=True)
class OpenClipSource:
    """Source of a model and its weights.

    Attributes:
        model: Name of a model of open_clip, or path of a config file.
        weights: Tag of open_clip, or path of a checkpoint.
    """

    model: str | Path
    weights: str | Path

    @property
    def model_name(self) -> str:
        """Name by which open_clip knows the model, once its config file, if it has one, was added."""
        return self.model.stem if isinstance(self.model, Path) else self.model

    @property
    def name(self) -> str:
        """Name of the backbone."""
        parts = (part.stem if isinstance(part, Path) else part for part in (self.model, self.weights))
        return re.sub(r"[^A-Za-z0-9._+-]+", "-", "-".join(("open_clip", *parts)))[:48]


def parse_source(spec: str) -> OpenClipSource:
    """Parse `open_clip:MODEL/TAG` and the other forms that this module's docstring lists.

    Raises:
        UsageError: The text has none of these forms, or names a file that does not exist.
    """
    rest = spec.removeprefix(SCHEME)
    model, comma, checkpoint = rest.rpartition(",")
    if comma:
        config = Path(model)
        files = [Path(checkpoint), *([config] if config.suffix == ".json" else [])]
        for file in files:
            if not file.is_file():
                raise UsageError(f"--image-backbone {spec}: no such file: {file}")
        return OpenClipSource(config if config.suffix == ".json" else model, files[0])
    model, _, tag = rest.rpartition("/")
    if not spec.startswith(SCHEME) or not model or not tag:
        raise UsageError(
            f"--image-backbone {spec}: write open_clip:MODEL/TAG, open_clip:MODEL,CHECKPOINT or "
            "open_clip:CONFIG.json,CHECKPOINT"
        )
    return OpenClipSource(model, tag)


@dataclass(frozen=True, slots=True)
class ExportedEncoder:
    """A model of open_clip as a backbone.

    Attributes:
        backbone: The backbone, with a text tower where the model's can be used.
        text_problem: Why it has none, as a clause; None if it has one.
    """

    backbone: Backbone
    text_problem: str | None


def export_encoder(spec: str, folder: Path) -> ExportedEncoder:
    """Export the image tower of an open_clip model, and its text tower where that is possible.

    Both are checked: ONNX Runtime must give torch's outputs.

    Args:
        spec: Model and weights, in one of the forms that this module's docstring lists.
        folder: Folder of the files.

    Raises:
        UsageError: The model, tag or file does not exist.
        AttuneError: The weights cannot be loaded or do not fit, or the model cannot be used as a backbone.
        ArtefactError: The exported graph differs from the image tower by `TOLERANCE` or more.
    """
    source = parse_source(spec)
    model = _load(spec, source)
    backbone = _export_image_tower(spec, source, model, folder)
    try:
        text = export_text_tower(model, source.model_name, backbone.width, folder)
    except NoTextTower as error:
        return ExportedEncoder(backbone, str(error))
    return ExportedEncoder(replace(backbone, text=text), None)


def _export_image_tower(spec: str, source: OpenClipSource, model: Any, folder: Path) -> Backbone:
    image_spec, colours = _read_preprocessing(spec, model)
    tower = _Tower(model).eval()
    excess = describe_excess(model.visual.parameters(), "image tower")
    if excess:
        raise AttuneError(f"{spec}: {excess}")
    path = folder / f"{source.name}.onnx"
    pictures = np.random.default_rng(0).integers(
        0, 256, (_CHECK_BATCH, image_spec.side, image_spec.side, 3), np.uint8
    )
    inputs = torch.from_numpy(np.asarray(normalize_pixels(pictures, colours)))
    with enable_export():
        torch.onnx.export(
            tower,
            (inputs[:_EXPORT_BATCH],),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=["pixels"],
            output_names=["features"],
            dynamic_axes={name: {0: "pictures"} for name in ("pixels", "features")},
        )
        with torch.no_grad():
            expected = tower(inputs).numpy()
    (actual,) = OnnxSession(path, hash_file(path)).run(inputs.numpy(), "features")
    worst = float(np.abs(actual - expected).max() / np.abs(expected).max())
    if not worst < TOLERANCE:
        raise ArtefactError(f"{path}: the exported graph differs from {spec} by {worst:.1e}")
    return Backbone(
        name=source.name,
        kind="image",
        path=path,
        sha256=hash_file(path),
        layout=unnamed_layout(expected.shape[1]),
        licence=f"that of the weights {source.name}",
        image_spec=image_spec,
        colours=colours,
    )


class _Tower(nn.Module):
    """Module from standardised pixels to features, which are not scaled to unit length."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (N, D) features of (N, 3, S, S)."""
        features: Tensor = self.model.encode_image(pixels)
        return features


def _load(spec: str, source: OpenClipSource) -> Any:
    import open_clip

    name = source.model_name
    if isinstance(source.model, Path):
        _check_config(spec, source.model)
        open_clip.add_model_config(source.model)
    if name.replace("/", "-") not in open_clip.list_models():
        raise UsageError(f"{spec}: open_clip has no model {name}; see open_clip.list_models()")
    try:
        with silence_logs(), warnings.catch_warnings(record=True) as caught_warnings:
            warnings.simplefilter("always")
            model = open_clip.create_model(
                name, str(source.weights), require_pretrained=True, weights_only=True
            )
    except Exception as error:
        reason = " ".join(str(error).split())
        raise AttuneError(
            f"{spec}: the weights cannot be loaded ({type(error).__name__}: {reason[:160]})"
        ) from error
    if any("QuickGELU" in str(warning.message) for warning in caught_warnings):
        other = name.removesuffix("-quickgelu") if name.endswith("-quickgelu") else f"{name}-quickgelu"
        raise UsageError(f"{spec}: these weights were made for the model {other}")
    return model


def _check_config(spec: str, config: Path) -> None:
    try:
        document = json.loads(config.read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"{spec}: {config} cannot be read as JSON: {error}") from error
    if not isinstance(document, dict) or not {"embed_dim", "vision_cfg", "text_cfg"} <= document.keys():
        raise UsageError(f"{spec}: {config} is no config: it needs embed_dim, vision_cfg and text_cfg")


def _read_preprocessing(spec: str, model: Any) -> tuple[ImageSpec, ColorNormalization]:
    import open_clip

    preprocessing = open_clip.get_model_preprocess_cfg(model)
    sides = (
        preprocessing["size"] if isinstance(preprocessing["size"], tuple | list) else (preprocessing["size"],)
    )
    fits = {"shortest": "crop", "squash": "squash"}
    if len(set(sides)) != 1 or preprocessing["resize_mode"] not in fits:
        raise AttuneError(
            f"{spec}: takes pictures of {preprocessing['size']} by {preprocessing['resize_mode']}; "
            "Attune makes squares, by shortest or squash"
        )
    resample = "bilinear" if preprocessing["interpolation"] == "bilinear" else "bicubic"
    red, green, blue = (float(value) for value in preprocessing["mean"])
    deviations = tuple(float(value) for value in preprocessing["std"])
    image_spec = ImageSpec(int(sides[0]), fits[preprocessing["resize_mode"]], resample)  # type: ignore[arg-type]
    return image_spec, ColorNormalization((red, green, blue), deviations)  # type: ignore[arg-type]
