"""Short MP3 excerpts of music files, for pages with embedded sound."""

from __future__ import annotations

import io
import os
from fractions import Fraction
from typing import Any

from attune.core.errors import MediaError
from attune.embedding.audio_decoding import iter_audio
from attune.embedding.media_files import DECODER_ERRORS, describe_error

_RATE = 44_100
_BIT_RATE = 64_000  # bits per second; 8 KB for each second of mono


def encode_mp3_clip(path: str | os.PathLike[str], start_s: float, length_s: float) -> bytes:
    """Return a part of a music file as a mono MP3.

    Args:
        path: The file.
        start_s: Start of the part, in seconds.
        length_s: Length of the part, in seconds; it is shorter if the music ends earlier.

    Raises:
        MediaError: The file cannot be read, or the part lies beyond its end.
    """
    import av

    buffer = io.BytesIO()
    try:
        with av.open(buffer, "w", format="mp3") as target:
            samples = _encode_part(path, target, start_s, length_s)
    except (av.FFmpegError, *DECODER_ERRORS) as error:
        raise MediaError(path, f"no excerpt can be made of it: {describe_error(error)}") from error
    if not samples:
        raise MediaError(path, f"no sound from {start_s:.0f} s on")
    return buffer.getvalue()


def _encode_part(path: str | os.PathLike[str], target: Any, start_s: float, length_s: float) -> int:
    """Encode the part into `target`; return its number of samples."""
    import av

    stream = target.add_stream("libmp3lame", rate=_RATE, layout="mono")
    stream.bit_rate = _BIT_RATE
    written = 0
    for _, block in iter_audio(path, _RATE, "mono", start_s, start_s + length_s):
        frame = av.AudioFrame.from_ndarray(block, "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = _RATE, written, Fraction(1, _RATE)
        written += frame.samples
        target.mux(stream.encode(frame))
    target.mux(stream.encode(None))
    return written
