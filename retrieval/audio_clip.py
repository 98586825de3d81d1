"""Short MP3 excerpts of music files, for pages with embedded sound."""

from __future__ import annotations

import io
import os
from typing import Any

from attune.core.errors import MediaError
from attune.embedding.audio_decoding import open_audio_container
from attune.embedding.media_files import DECODER_ERRORS, describe_error, open_media

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

    open_media(path).close()  # raises a clear error if the file is missing, forbidden or not regular
    buffer = io.BytesIO()
    try:
        with open_audio_container(path) as source, av.open(buffer, "w", format="mp3") as target:
            samples = _transcode(source, target, start_s, length_s)
    except (av.FFmpegError, *DECODER_ERRORS) as error:
        raise MediaError(path, f"no excerpt can be made of it: {describe_error(error)}") from error
    if not samples:
        raise MediaError(path, f"no sound from {start_s:.0f} s on")
    return buffer.getvalue()


def _transcode(source: Any, target: Any, start_s: float, length_s: float) -> int:
    """Encode the part into `target`; return its number of samples."""
    import av

    stream = target.add_stream("libmp3lame", rate=_RATE, layout="mono")
    stream.bit_rate = _BIT_RATE
    resampler = av.AudioResampler(format="s16p", layout="mono", rate=_RATE)
    if start_s > 0:
        source.seek(int(start_s * av.time_base))
    written = 0
    wanted = round(length_s * _RATE)
    for frame in source.decode(audio=0):
        if frame.time is not None and frame.time + frame.samples / frame.sample_rate < start_s:
            continue  # a seek goes to the last position before `start_s` at which decoding can begin
        for part in resampler.resample(frame):
            part.pts = written
            written += part.samples
            target.mux(stream.encode(part))
        if written >= wanted:
            break
    target.mux(stream.encode(None))
    return written
