"""Reading and validation of `network.json`, the description of a network.

`image_backbone` and `music_backbone` are each the name of a shipped backbone, or an object that describes a
backbone in the network's folder:

    {"name": "vit_b32", "file": "backbone.onnx", "sha256": "…", "width": 512, "licence": "MIT",
     "size": 224, "fit": "crop", "resample": "bicubic", "mean": [r, g, b], "std": [r, g, b]}

The second line is for pictures only. Without `mean` and `std`, the graph takes bytes (see
`attune.embedding.backbones.Backbone`). A backbone whose model has a text tower may describe that too:

    "text": {"file": "text.onnx", "sha256": "…", "context": 77,
             "tokenizer": {"file": "text_tokenizer.json", "sha256": "…"}}
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

from attune.core.errors import ArtefactError
from attune.embedding.backbones import SHIPPED_BACKBONES, Backbone, ColorNormalization
from attune.embedding.calibration_curve import CalibrationCurve
from attune.embedding.feature_layout import unnamed_layout
from attune.embedding.image_geometry import SQUARE_FITS, ImageSpec
from attune.embedding.media_files import Kind
from attune.embedding.text_tower import TextTower

CONFIG_FILE: Final = "network.json"
TOWER_FILES: Final[Mapping[Kind, str]] = {"image": "image.onnx", "music": "music.onnx"}
TEXT_FILES: Final = ("text.onnx", "text_tokenizer.json")
"""Names that `attune train` gives to the files of a text tower: the graph and the tokenizer."""
_NAME_PATTERN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,47}")
_FILE_PATTERN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
_SHA256_PATTERN: Final = re.compile(r"[0-9a-f]{64}")
_LARGEST_SIDE: Final = 1024
_LARGEST_CONTEXT: Final = 4096


def read_network_config(folder: Path) -> dict[str, Any]:
    """Return the content of a network's `network.json`.

    Raises:
        ArtefactError: The file is missing, damaged or incomplete.
    """
    path = folder / CONFIG_FILE
    try:
        config: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise ArtefactError(f"{folder}: no network here ({CONFIG_FILE} is missing)") from error
    except (OSError, ValueError) as error:
        raise ArtefactError(f"{path}: cannot be read ({error}); train the network again") from error
    hashes = config.get("sha256") if isinstance(config, dict) else None
    if not isinstance(hashes, dict) or not set(TOWER_FILES.values()) <= hashes.keys() or "name" not in config:
        raise ArtefactError(f"{path}: not the description of a network; train the network again")
    return config


@dataclass(frozen=True, slots=True)
class Calibration:
    """Curves that turn scores of pairs into chances.

    Attributes:
        score: From the inner product of two embeddings to the chance that both share a mood.
        correspondence: From the agreement of two polarities, the sum of the products of their probabilities,
            to the chance that both are equal.
    """

    score: CalibrationCurve
    correspondence: CalibrationCurve


def read_calibration(folder: Path, config: Mapping[str, Any]) -> Calibration:
    """Return the curves of a network.

    Raises:
        ArtefactError: A curve is missing or invalid.
    """
    curves = []
    for name in ("score", "correspondence"):
        try:
            stored = config["calibration"][name]
            curves.append(
                CalibrationCurve(*(tuple(map(float, stored[part])) for part in ("scores", "log_odds")))
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ArtefactError(
                f"{folder / CONFIG_FILE}: no calibration of {name}, or a wrong one; train the network again"
            ) from error
    return Calibration(*curves)


def read_backbones(folder: Path, config: Mapping[str, Any]) -> dict[Kind, Backbone]:
    """Return the backbones that a network was trained on.

    Raises:
        ArtefactError: A description is invalid, names a backbone that this version of Attune lacks, or the
            network was trained on features that this version no longer computes.
    """
    backbones: dict[Kind, Backbone] = {
        kind: _parse_backbone(folder, kind, config.get(f"{kind}_backbone")) for kind in get_args(Kind)
    }
    training = config.get("training")
    recorded = training.get("backbones") if isinstance(training, Mapping) else None
    if isinstance(recorded, Mapping):
        for kind, backbone in backbones.items():
            _check_version(folder, backbone, recorded.get(kind))
    return backbones


def describe_backbone(backbone: Backbone) -> str | dict[str, Any]:
    """Return a backbone's entry in `network.json`, the reverse of `read_backbones`."""
    if is_shipped(backbone):
        return backbone.name
    description: dict[str, Any] = {
        "name": backbone.name,
        "file": backbone.path.name,
        "sha256": backbone.sha256,
        "width": backbone.width,
        "licence": backbone.licence,
    }
    if backbone.kind == "image":
        spec = backbone.image_spec
        description |= {"size": spec.side, "fit": spec.fit, "resample": spec.resample}
    if backbone.colours is not None:
        description |= {"mean": list(backbone.colours.mean), "std": list(backbone.colours.std)}
    if backbone.text is not None:
        description["text"] = {
            "file": backbone.text.path.name,
            "sha256": backbone.text.sha256,
            "context": backbone.text.context,
            "tokenizer": {
                "file": backbone.text.tokenizer.name,
                "sha256": backbone.text.tokenizer_sha256,
            },
        }
    return description


def is_shipped(backbone: Backbone) -> bool:
    """Return whether a backbone is one of the shipped ones, which any network can name."""
    return SHIPPED_BACKBONES.get(backbone.name) == backbone


def _check_version(folder: Path, backbone: Backbone, trained_on: object) -> None:
    """Refuse features of another version than the recorded one, whose numbers would mean something else."""
    if trained_on not in (None, backbone.id):
        raise ArtefactError(
            f"{folder}: the network was trained on features of {trained_on}, and this version of Attune "
            f"computes {backbone.id}; train it again with `attune train`"
        )


def _parse_backbone(folder: Path, kind: Kind, description: object) -> Backbone:
    if isinstance(description, dict):
        try:
            return _parse_custom_backbone(folder, kind, description)
        except (KeyError, TypeError, ValueError) as error:
            reason = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise ArtefactError(
                f"{folder / CONFIG_FILE}: {kind}_backbone is described wrongly: {reason}"
            ) from error
    shipped = SHIPPED_BACKBONES.get(description) if isinstance(description, str) else None
    if shipped is None or shipped.kind != kind:
        known = ", ".join(
            repr(backbone.name) for backbone in SHIPPED_BACKBONES.values() if backbone.kind == kind
        )
        raise ArtefactError(
            f"{folder}: the network was made for the {kind} backbone {description!r}, "
            f"this version of Attune has {known}"
        )
    return shipped


def _parse_custom_backbone(folder: Path, kind: Kind, description: Mapping[str, Any]) -> Backbone:
    path, sha256 = _parse_file(folder, description)
    width = _check_range(1, 1 << 16, "width", description["width"])
    return Backbone(
        name=_check_pattern(_NAME_PATTERN, "name", description["name"]),
        kind=kind,
        path=path,
        sha256=sha256,
        layout=unnamed_layout(width),
        licence=str(description["licence"]),
        image_spec=_parse_image_spec(description) if kind == "image" else ImageSpec(),
        colours=_parse_color_normalization(description)
        if "mean" in description or "std" in description
        else None,
        text=_parse_text_tower(folder, width, description["text"]) if "text" in description else None,
    )


def _parse_file(folder: Path, description: Mapping[str, Any]) -> tuple[Path, str]:
    """Return path and SHA-256 of a file.

    Its name must be a plain one, as a downloaded `network.json` must not refer to files outside its folder.
    """
    name = _check_pattern(_FILE_PATTERN, "file", description["file"])
    return folder / name, _check_pattern(_SHA256_PATTERN, "sha256", description["sha256"])


def _parse_text_tower(folder: Path, width: int, description: Mapping[str, Any]) -> TextTower:
    path, sha256 = _parse_file(folder, description)
    tokenizer, tokenizer_sha256 = _parse_file(folder, description["tokenizer"])
    context = _check_range(1, _LARGEST_CONTEXT, "context", description["context"])
    return TextTower(path, sha256, width, context, tokenizer, tokenizer_sha256)


def _parse_image_spec(description: Mapping[str, Any]) -> ImageSpec:
    fit, resample = description["fit"], description.get("resample", "bicubic")
    if fit not in SQUARE_FITS:
        raise ValueError(f"fit is {fit!r}, none of {', '.join(SQUARE_FITS)}")
    if resample not in ("bicubic", "bilinear"):
        raise ValueError(f"resample is {resample!r}, neither bicubic nor bilinear")
    return ImageSpec(_check_range(1, _LARGEST_SIDE, "size", description["size"]), fit, resample)


def _parse_color_normalization(description: Mapping[str, Any]) -> ColorNormalization:
    mean, std = (tuple(float(value) for value in description[name]) for name in ("mean", "std"))
    if len(mean) != 3 or len(std) != 3 or min(std) <= 0 or not all(map(math.isfinite, mean + std)):
        raise ValueError("mean and std are not three numbers each, those of std above 0")
    return ColorNormalization(mean, std)


def _check_pattern(pattern: re.Pattern[str], name: str, value: object) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError(f"{name} is {value!r}")
    return value


def _check_range(least: int, most: int, name: str, value: object) -> int:
    if not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{name} is {value!r}, not a number from {least} to {most}")
    return value
