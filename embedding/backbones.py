"""The frozen, general networks that turn pixels and samples into features."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedding.audio import Sound
from embedding.image import Picture
from embedding.logmel import PATCH_SECONDS, logmel, patches
from embedding.media import Kind
from embedding.session import Session

WEIGHTS = Path(__file__).parent / "weights"

PATCH_S = PATCH_SECONDS  # one row of music features: 187 frames, 256 samples apart, at 16 kHz

_BATCH = 16  # moments a run: activations of more leave the cache


@dataclass(frozen=True, slots=True)
class Backbone:
    """What the weights of a backbone are and what they promise.

    Attributes:
        name: Name and key of the kept features.
        kind: What it reads.
        file: File in `embedding/weights/`.
        sha256: Checksum of that file.
        width: Length of one feature vector.
        licence: SPDX identifier; the full record is in NOTICE.md.
    """

    name: str
    kind: Kind
    file: str
    sha256: str
    width: int
    licence: str

    @property
    def id(self) -> str:
        """Name with the first digits of the checksum: features of two weights never mix."""
        return f"{self.name}-{self.sha256[:8]}"


EFFICIENTNET_LITE0 = Backbone(
    name="efficientnet_lite0",
    kind="image",
    file="efficientnet_lite0.onnx",
    sha256="37688b71b9d0fe0e7593600f267c9deefe9a23a73215746febab19f71bd81615",
    width=2528,
    licence="Apache-2.0",
)
MUSICNN_MSD = Backbone(
    name="musicnn_msd",
    kind="music",
    file="musicnn_msd.onnx",
    sha256="9712567bbed971ef4e10c76f43b97994c1ef425e45368dd39c2fae255b675bf7",
    width=1756,
    licence="ISC",
)
BACKBONES: dict[Kind, Backbone] = {"image": EFFICIENTNET_LITE0, "music": MUSICNN_MSD}


class Backbones:
    """Both backbones, each loaded when it is first needed.

    Args:
        threads: Threads of one run.
    """

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads

    @cached_property
    def _image(self) -> Session:
        return self._load(EFFICIENTNET_LITE0)

    @cached_property
    def _music(self) -> Session:
        return self._load(MUSICNN_MSD)

    def _load(self, backbone: Backbone) -> Session:
        return Session(WEIGHTS / backbone.file, backbone.sha256, self._threads)

    def image_features(self, picture: Picture) -> NDArray[np.float16]:
        """Return the features of one picture.

        Features are rounded to float16 here, for every use alike: what a library keeps, what training
        learns from and what a query computes are the same numbers.

        Args:
            picture: Pixels, uint8, shape (224, 224, 3), RGB.

        Returns:
            float16, shape (1, 2528).
        """
        (features,) = self._image.run(picture.pixels[None], "features")
        return _half(features)

    def music_features(self, sound: Sound) -> NDArray[np.float16]:
        """Return the features of a sound, patch by patch.

        Args:
            sound: Samples, float32, mono, 16 kHz.

        Returns:
            float16, shape (patches, 1756); a patch lasts `PATCH_S` seconds.
        """
        moments = patches(logmel(sound.samples))
        runs = [
            self._music.run(moments[first : first + _BATCH], "features")[0]
            for first in range(0, len(moments), _BATCH)
        ]
        return _half(np.concatenate(runs))


def _half(features: NDArray[np.float32]) -> NDArray[np.float16]:
    limit = float(np.finfo(np.float16).max)
    return np.clip(features, -limit, limit).astype(np.float16)
