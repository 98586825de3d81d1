"""Backbones: the pretrained, frozen networks that turn pixels and samples into features.

A network's `network.json` names the backbones that it was trained on. Each is either shipped, and described
below, or lies in the network's folder and is described there (`attune.embedding.network_config`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import ArtefactError
from attune.embedding.feature_layout import FeatureLayout
from attune.embedding.image_geometry import DEFAULT_IMAGE_SPEC, ImageSpec
from attune.embedding.logmel import PATCH_SECONDS, compute_logmel, split_patches
from attune.embedding.media_files import Kind
from attune.embedding.onnx_session import Device, OnnxSession
from attune.embedding.silent_patches import is_silent, mark_silence, remove_silence
from attune.embedding.text_tower import TextTower

WEIGHTS = Path(__file__).parent / "weights"

PATCH_S = PATCH_SECONDS  # time per row of music features: 187 frames, 256 samples apart, at 16 kHz

MusicFrontend = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Function from samples (mono, 16 kHz, float32 (S,), levelled) to the input rows of a music backbone."""

PREPROCESSING_VERSIONS: Mapping[Kind, int] = {"image": 2, "music": 2}
"""Version of all that happens between a file and a backbone's input; a higher one whenever that changes."""

# Rows per run. On a CPU, the activations of more rows do not fit the cache; a GPU is faster with many.
_BATCH_SIZES: Mapping[Device, int] = {"cpu": 16, "cuda": 128}


@dataclass(frozen=True, slots=True)
class ColorNormalization:
    """Standardisation of pixels in [0, 1], channel by channel.

    Attributes:
        mean: Mean of red, green and blue, which is subtracted.
        std: Standard deviation of red, green and blue, by which they are divided.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Backbone:
    """Description of a backbone's weights, input and output.

    The graph has one input and an output `features`, float32 (n, width). For pictures, the input is uint8
    (n, side, side, 3) if `colours` is None, else float32 (n, 3, side, side). For music, it is float32
    (n, 187, 96), patches of `attune.embedding.logmel`, or (n, 188, 96) if `harmony` is true.

    Attributes:
        name: Name, which is also part of the key of stored features.
        kind: The media type of its input.
        path: The ONNX file; not part of the `repr`, which is the same on every machine.
        sha256: SHA-256 of that file, 64 hexadecimal digits.
        layout: The named blocks that a feature vector consists of; `attune.training.convert` describes those
            of the shipped backbones.
        licence: SPDX identifier; the full record of the shipped ones is in NOTICE.md.
        image_spec: Size and shape in which it takes pictures; unused for music.
        colours: Standardisation of colours; None if the graph takes bytes.
        harmony: Whether patches of music carry `attune.embedding.harmonic_features` as one more frame.
        text: The text tower that belongs to it; None if it has none. Not part of the `repr`, as it decides
            nothing about the features.
    """

    name: str
    kind: Kind
    path: Path = field(repr=False)
    sha256: str
    layout: FeatureLayout
    licence: str
    image_spec: ImageSpec = DEFAULT_IMAGE_SPEC
    colours: ColorNormalization | None = None
    harmony: bool = False
    text: TextTower | None = field(default=None, repr=False)

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that it consists of."""
        return (self.path, *((self.text.path, self.text.tokenizer) if self.text else ()))

    @property
    def width(self) -> int:
        """Length of one feature vector."""
        return self.layout.width

    @property
    def id(self) -> str:
        """Name, first 8 digits of the checksum, and version of the preprocessing of its kind.

        Features of different weights, or of differently prepared files, are never mixed.
        """
        return f"{self.name}-{self.sha256[:8]}-{PREPROCESSING_VERSIONS[self.kind]}"


EFFICIENTNET_LITE0 = Backbone(
    name="efficientnet_lite0",
    kind="image",
    path=WEIGHTS / "efficientnet_lite0.onnx",
    sha256="9b87328065651bc7716e02f42fb65c94d34aa3cb4c1e274ee62f6da6d796a11f",
    layout=FeatureLayout((("pooled", 1280), ("stage5", 224), ("stage6", 384), ("stage7", 640))),
    licence="Apache-2.0",
)
EFFICIENTNET_LITE2_FACES = Backbone(
    name="efficientnet_lite2_faces",
    kind="image",
    path=WEIGHTS / "efficientnet_lite2_faces.onnx",
    sha256="d584651f6138b40b3fa5f94c9894df78bed8ed7a9364aaa85c41bb7d7e3fca47",
    layout=FeatureLayout(
        (
            ("pooled", 1280),
            ("stage5", 240),
            ("stage6", 416),
            ("stage7", 704),
            ("meaning", 384),
            ("faces", 25),
            ("face_pooled", 256),
        )
    ),
    licence="Apache-2.0 AND MIT",
    image_spec=ImageSpec(416, "pad"),
)
MUSICNN_MSD = Backbone(
    name="musicnn_msd",
    kind="music",
    path=WEIGHTS / "musicnn_msd.onnx",
    sha256="9712567bbed971ef4e10c76f43b97994c1ef425e45368dd39c2fae255b675bf7",
    layout=FeatureLayout((("penultimate", 200), ("mean_pool", 753), ("max_pool", 753), ("taggram", 50))),
    licence="ISC",
)
MUSICNN_HARMONY = Backbone(
    name="musicnn_msd_harmony",
    kind="music",
    path=WEIGHTS / "musicnn_msd_harmony.onnx",
    sha256="aa460bcc4817c7a4d0304ebb4f0ebb671c594061f19f46dba9a30302b6b24dab",
    layout=MUSICNN_MSD.layout.extended("harmony", 59),
    licence="ISC AND Apache-2.0",
    harmony=True,
)
DEFAULT_BACKBONES: dict[Kind, Backbone] = {"image": EFFICIENTNET_LITE0, "music": MUSICNN_MSD}
"""Backbones of the shipped network `attune`, and of every network that names no others."""

ACCURATE_BACKBONES: dict[Kind, Backbone] = {"image": EFFICIENTNET_LITE2_FACES, "music": MUSICNN_HARMONY}
"""Backbones of the shipped network `accurate`: slower, and more accurate."""

SHIPPED_BACKBONES: Mapping[str, Backbone] = {
    backbone.name: backbone for backbone in (*DEFAULT_BACKBONES.values(), *ACCURATE_BACKBONES.values())
}
"""The shipped backbones by name, which any network may use."""


class Backbones:
    """The backbones of one network, each loaded when it is first needed.

    Args:
        backbones: One backbone of each kind.
        threads: Number of threads of a run on the CPU; a test checks that features do not depend on it.
        device: The device on which they run.
    """

    def __init__(self, backbones: Mapping[Kind, Backbone], threads: int = 1, device: Device = "cpu") -> None:
        self._backbones = backbones
        self._threads = threads
        self._device = device
        self._sessions: dict[Kind, OnnxSession] = {}

    @property
    def image_spec(self) -> ImageSpec:
        """Size and shape in which pictures must be decoded."""
        return self._backbones["image"].image_spec

    @property
    def music_frontend(self) -> MusicFrontend:
        """The function that computes the music backbone's input rows from samples."""
        return choose_music_frontend(self._backbones["music"])

    def features(self, kind: Kind, rows: NDArray[Any]) -> NDArray[np.float16]:
        """Compute the features of pictures or of patches of music.

        Features are rounded to float16 here for every use, so that a library, training and a query work with
        the same numbers.

        Args:
            kind: The media type of the rows.
            rows: Pixels, uint8 (n, side, side, 3), decoded by the backbone's `image_spec`; or patches,
                float32 (n, 187, 96) or (n, 188, 96), computed by the function of `choose_music_frontend`, in
                which NaN marks silence.

        Returns:
            float16 (n, width); a patch of music lasts `PATCH_S` seconds, and the row of a silent one is NaN.

        Raises:
            ArtefactError: The weights are missing, damaged, or not as described.
            DeviceUnavailable: The device cannot be used.
        """
        if kind == "image":
            return self._run_in_batches(kind, rows)
        sounds = ~is_silent(rows)
        features = np.full((len(rows), self._backbones[kind].width), np.nan, np.float16)
        if sounds.any():
            features[sounds] = self._run_in_batches(kind, rows[sounds])
        return features

    def _run_in_batches(self, kind: Kind, rows: NDArray[Any]) -> NDArray[np.float16]:
        step = _BATCH_SIZES[self._device]
        return np.concatenate(
            [self._run(kind, rows[first : first + step]) for first in range(0, len(rows), step)]
        )

    def _run(self, kind: Kind, rows: NDArray[Any]) -> NDArray[np.float16]:
        backbone = self._backbones[kind]
        if kind not in self._sessions:
            self._sessions[kind] = OnnxSession(backbone.path, backbone.sha256, self._threads, self._device)
        inputs = normalize_pixels(rows, backbone.colours) if kind == "image" else rows
        (features,) = self._sessions[kind].run(inputs, "features")
        if features.shape[1:] != (backbone.width,):
            raise ArtefactError(
                f"{backbone.path}: gives features of shape {features.shape[1:]}, not ({backbone.width},)"
            )
        limit = float(np.finfo(np.float16).max)
        return np.clip(features, -limit, limit).astype(np.float16)


def choose_music_frontend(backbone: Backbone) -> MusicFrontend:
    """Return the function that computes a music backbone's input rows from samples."""
    return compute_patches_with_harmony if backbone.harmony else compute_patches


def compute_patches_with_harmony(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return log-mel patches with harmonic features of samples (mono, 16 kHz), float32 (n, 188, 96).

    Silent patches are NaN, and the harmonic features are those of the other ones.
    """
    from attune.embedding.harmonic_features import append_harmonic_features

    return append_harmonic_features(compute_patches(samples), remove_silence(samples))


def compute_patches(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return log-mel patches of samples (mono, 16 kHz), float32 (n, 187, 96); silent ones are NaN."""
    return mark_silence(split_patches(compute_logmel(samples)), samples)


def normalize_pixels(
    pixels: NDArray[np.uint8], colours: ColorNormalization | None
) -> NDArray[np.uint8] | NDArray[np.float32]:
    """Convert pixels, uint8 (n, side, side, 3), to an image backbone's input (see `Backbone`)."""
    if colours is None:
        return pixels
    mean, std = np.asarray(colours.mean, np.float32), np.asarray(colours.std, np.float32)
    standardized = (pixels.astype(np.float32) / np.float32(255) - mean) / std
    return np.ascontiguousarray(standardized.transpose(0, 3, 1, 2), np.float32)
