"""Previews of media files for the web page: thumbnails of pictures and waveforms of music."""

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
"""Bars of a waveform; about as many as can be told apart on a wide screen."""
_WEBP_QUALITY: Final = 78  # at this size it cannot be told from 90, which takes twice as many bytes
_WEBP_METHOD: Final = 2  # of 0 to 6; a higher method saves 3 % of the bytes and takes twice the time


@dataclass(frozen=True, slots=True)
class ThumbnailTask:
    """Worker task that renders a picture as an upright WebP in sRGB.

    Attributes:
        path: The picture.
        long_side: Largest length of the longer side, in pixels; a smaller picture is not enlarged.
        kind: Always `image`.
    """

    path: Path
    long_side: int
    kind: Kind = "image"

    def run(self, backbones: Backbones) -> bytes:  # noqa: ARG002 - required by the protocol Task
        """Decode, resize and encode the picture.

        Raises:
            MediaError: The picture cannot be used.
        """
        from PIL import Image

        from attune.embedding.image_decoding import decode_image
        from attune.embedding.image_geometry import ImageSpec

        stream = io.BytesIO()
        spec = ImageSpec(self.long_side, "inside", colors="srgb")
        picture = Image.fromarray(decode_image(self.path, spec).pixels)
        picture.save(stream, "WEBP", quality=_WEBP_QUALITY, method=_WEBP_METHOD)
        return stream.getvalue()


@dataclass(frozen=True, slots=True)
class WaveformTask:
    """Worker task that computes a song's waveform, as `compute_waveform` does.

    Attributes:
        path: The song.
        kind: Always `music`.
    """

    path: Path
    kind: Kind = "music"

    def run(self, backbones: Backbones) -> bytes:  # noqa: ARG002
        """Decode the song and compute its waveform.

        Raises:
            MediaError: The song cannot be used.
        """
        from attune.embedding.audio_decoding import read_audio

        return compute_waveform(read_audio(self.path).samples)


def compute_waveform(samples: NDArray[np.float32]) -> bytes:
    """Compute the waveform of a recording for display.

    Args:
        samples: float32 (n,), at least one sample.

    Returns:
        min(n, PEAKS) bytes, the largest magnitude in each of so many equal parts; 255 is the largest
        magnitude of the whole recording, and silence is all zeros.
    """
    edges = np.linspace(0, len(samples), min(len(samples), PEAKS) + 1).astype(np.int64)[:-1]
    peaks = np.maximum.reduceat(np.abs(samples), edges)
    return (peaks * (255.0 / max(float(peaks.max()), 1e-9))).round().astype(np.uint8).tobytes()
