"""What a person looks at before opening a file: a small picture, the outline of a piece of music."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from attune.embedding.media_files import Kind

if TYPE_CHECKING:
    from attune.embedding.backbones import Backbones

PEAKS: Final = 480
"""Bars of an outline: about as many as a wide screen shows apart."""
_WEBP_QUALITY: Final = 78  # WebP; at this size nobody tells it from 90, which is twice as large
_WEBP_METHOD: Final = 2  # of 6; more saves 3 % of the bytes and takes twice the time


@dataclass(frozen=True, slots=True)
class ThumbnailTask:
    """A task for a worker: the picture as WebP bytes, upright, no side longer than `long_side`."""

    path: Path
    long_side: int
    kind: Kind = "image"

    def run(self, backbones: Backbones) -> bytes:  # noqa: ARG002 - a task's signature
        """Decode, resize, encode.

        Raises:
            MediaError: The picture cannot be used.
        """
        from PIL import Image

        from attune.embedding.image_decoding import read_image
        from attune.embedding.image_geometry import View

        stream = io.BytesIO()
        view = View(self.long_side, "inside", colors="srgb")
        picture = Image.fromarray(read_image(self.path, view).pixels)
        picture.save(stream, "WEBP", quality=_WEBP_QUALITY, method=_WEBP_METHOD)
        return stream.getvalue()


@dataclass(frozen=True, slots=True)
class WaveformTask:
    """A task for a worker: the loudest sample of each of `PEAKS` stretches of a song, one byte each."""

    path: Path
    kind: Kind = "music"

    def run(self, backbones: Backbones) -> bytes:  # noqa: ARG002
        """Decode and measure.

        Raises:
            MediaError: The song cannot be used.
        """
        from attune.embedding.audio_decoding import read_audio

        return compute_waveform(read_audio(self.path).samples)


def compute_waveform(samples: NDArray[np.float32]) -> bytes:
    """Return the outline of a sound.

    Args:
        samples: float32 (n,) in [-1, 1], at least one.

    Returns:
        min(n, PEAKS) bytes; 255 is the loudest sample of the whole, silence is all zeros.
    """
    edges = np.linspace(0, len(samples), min(len(samples), PEAKS) + 1).astype(np.int64)[:-1]
    peaks = np.maximum.reduceat(np.abs(samples), edges)
    return (peaks * (255.0 / max(float(peaks.max()), 1e-9))).round().astype(np.uint8).tobytes()
