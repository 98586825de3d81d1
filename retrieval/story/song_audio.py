"""Sound of a song for finding its beats, and encoded as AAC for films and pages."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import MediaError, UsageError, escape_path
from attune.embedding.audio_decoding import MAX_SECONDS, iter_audio

if TYPE_CHECKING:
    from av.container import OutputContainer

RATE: Final = 48_000
"""Sample rate of the encoded sound, in Hz."""
MAX_DURATION_S: Final = MAX_SECONDS  # later parts of a song are not embedded, so they have no mood
_BIT_RATE: Final = 192_000  # bits per second


def decode_mono(path: str, rate: int) -> NDArray[np.float32]:
    """Return a whole song as mono samples, float32 (n,), at a sample rate in Hz.

    Raises:
        MediaError: The song cannot be decoded, or is shorter than a second.
        UsageError: The song is longer than half an hour.
    """
    import soxr

    blocks: list[NDArray[np.float32]] = []
    decoded_s, own_rate = 0.0, rate
    for own_rate, block in iter_audio(path, None, "mono"):
        blocks.append(block[0])
        decoded_s += block.shape[1] / own_rate
        if decoded_s > MAX_DURATION_S:
            raise UsageError(f"{escape_path(path)}: longer than 30 minutes, the most that a film may last")
    if decoded_s < 1.0:
        raise MediaError(path, "shorter than a second: nothing to cut a film to")
    return np.asarray(soxr.resample(np.concatenate(blocks), own_rate, rate, quality="HQ"), np.float32)


def encode_aac(song: str, output: OutputContainer, until_s: float = math.inf) -> Iterator[tuple[float, Any]]:
    """Add an AAC stream to an output file and encode a song for it.

    Args:
        song: Path of the song.
        output: The output file.
        until_s: Encoding ends at the first frame that reaches this time, in seconds.

    Yields:
        The number of seconds encoded so far, and the packets that are new since the last step.
    """
    stream: Any = output.add_stream("aac", rate=RATE, layout="stereo")
    stream.bit_rate = _BIT_RATE
    return _encode_packets(song, stream, until_s)


def _encode_packets(song: str, stream: Any, until_s: float) -> Iterator[tuple[float, Any]]:
    import av

    encoded = 0
    for _, block in iter_audio(song, RATE, "stereo"):
        frame = av.AudioFrame.from_ndarray(block, "fltp", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE, encoded, Fraction(1, RATE)
        encoded += frame.samples
        yield encoded / RATE, stream.encode(frame)
        if encoded / RATE >= until_s:
            break
    yield encoded / RATE, stream.encode(None)


def encode_m4a(song: str) -> bytes:
    """Return a song as the bytes of an M4A file.

    Raises:
        MediaError: The song cannot be decoded.
    """
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="ipod") as output:
        for _, packets in encode_aac(song, output):
            output.mux(packets)
    return buffer.getvalue()
