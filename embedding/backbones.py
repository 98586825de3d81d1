"""The frozen, general networks that turn pixels and samples into features.

A network names the backbones that it was trained on: one of those below, which lie beside the shipped
networks, or one of its own, which lies in the network's folder (`embedding.card`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ArtefactError
from embedding.audio import Sound
from embedding.image import WHOLE, Picture, View
from embedding.logmel import PATCH_SECONDS, logmel, patches
from embedding.media import Kind
from embedding.session import Session

WEIGHTS = Path(__file__).parent / "weights"

PATCH_S = PATCH_SECONDS  # one row of music features: 187 frames, 256 samples apart, at 16 kHz

_BATCH = 16  # moments a run: activations of more leave the cache


@dataclass(frozen=True, slots=True)
class Colours:
    """How pixels in [0, 1] are standardised, channel by channel, before a graph sees them.

    Attributes:
        mean: Of red, green and blue; taken away.
        std: Of the same; divided by.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Backbone:
    """What the weights of a backbone are and what they promise.

    The graph has one input and an output `features`, float32 (n, width). For pictures the input is uint8
    (n, side, side, 3) where `colours` is None, else float32 (n, 3, side, side). For music it is float32
    (n, 187, 96): moments of `embedding.logmel`.

    Attributes:
        name: Name and key of the kept features.
        kind: What it reads.
        path: The ONNX file.
        sha256: Checksum of that file.
        width: Length of one feature vector.
        licence: SPDX identifier; the full record of the shipped ones is in NOTICE.md.
        view: The square that a picture becomes; means nothing for music.
        colours: How its colours are standardised; None: the graph takes them as they are.
    """

    name: str
    kind: Kind
    path: Path
    sha256: str
    width: int
    licence: str
    view: View = WHOLE
    colours: Colours | None = None

    @property
    def id(self) -> str:
        """Name with the first digits of the checksum: features of two weights never mix."""
        return f"{self.name}-{self.sha256[:8]}"


EFFICIENTNET_LITE0 = Backbone(
    name="efficientnet_lite0",
    kind="image",
    path=WEIGHTS / "efficientnet_lite0.onnx",
    sha256="37688b71b9d0fe0e7593600f267c9deefe9a23a73215746febab19f71bd81615",
    width=2528,
    licence="Apache-2.0",
)
MUSICNN_MSD = Backbone(
    name="musicnn_msd",
    kind="music",
    path=WEIGHTS / "musicnn_msd.onnx",
    sha256="9712567bbed971ef4e10c76f43b97994c1ef425e45368dd39c2fae255b675bf7",
    width=1756,
    licence="ISC",
)
BACKBONES: dict[Kind, Backbone] = {"image": EFFICIENTNET_LITE0, "music": MUSICNN_MSD}
"""Those of the network `attune`, and of every network that brings none of its own."""


class Backbones:
    """The backbones of one network, each loaded when it is first needed.

    Args:
        backbones: One of each kind.
        threads: Threads of one run.
    """

    def __init__(self, backbones: Mapping[Kind, Backbone], threads: int = 1) -> None:
        self._backbones = backbones
        self._threads = threads
        self._sessions: dict[Kind, Session] = {}

    @property
    def view(self) -> View:
        """The square that pictures must be read as."""
        return self._backbones["image"].view

    def image_features(self, picture: Picture) -> NDArray[np.float16]:
        """Return the features of one picture.

        Features are rounded to float16 here, for every use alike: what a library keeps, what training
        learns from and what a query computes are the same numbers.

        Args:
            picture: Read as `view` says.

        Returns:
            float16, shape (1, width).

        Raises:
            ArtefactError: The weights are missing, damaged, or not what their description says.
        """
        return self._run("image", prepared(picture.pixels[None], self._backbones["image"].colours))

    def music_features(self, sound: Sound) -> NDArray[np.float16]:
        """Return the features of a sound, patch by patch.

        Args:
            sound: Samples, float32, mono, 16 kHz.

        Returns:
            float16, shape (patches, width); a patch lasts `PATCH_S` seconds.

        Raises:
            ArtefactError: The weights are missing, damaged, or not what their description says.
        """
        moments = patches(logmel(sound.samples))
        runs = [
            self._run("music", moments[first : first + _BATCH]) for first in range(0, len(moments), _BATCH)
        ]
        return np.concatenate(runs)

    def _run(self, kind: Kind, batch: NDArray[Any]) -> NDArray[np.float16]:
        backbone = self._backbones[kind]
        if kind not in self._sessions:
            self._sessions[kind] = Session(backbone.path, backbone.sha256, self._threads)
        (features,) = self._sessions[kind].run(batch, "features")
        if features.shape[1:] != (backbone.width,):
            raise ArtefactError(
                f"{backbone.path}: gives features of shape {features.shape[1:]}, not ({backbone.width},)"
            )
        limit = float(np.finfo(np.float16).max)
        return np.clip(features, -limit, limit).astype(np.float16)


def prepared(pixels: NDArray[np.uint8], colours: Colours | None) -> NDArray[np.uint8] | NDArray[np.float32]:
    """Return pixels (n, side, side, 3) as a graph takes them: see `Backbone`."""
    if colours is None:
        return pixels
    mean, std = np.asarray(colours.mean, np.float32), np.asarray(colours.std, np.float32)
    standard = (pixels.astype(np.float32) / np.float32(255) - mean) / std
    return np.ascontiguousarray(standard.transpose(0, 3, 1, 2), np.float32)
