"""Decoding of music files: to mono samples at 16 kHz for backbones, and to any rate and layout for people.

    open → length from the header → mono blocks from the start of the wanted part → resampling, block by block
    open → FFmpeg's frames from the start of the wanted part → FFmpeg's resampler and mixer → blocks

For backbones, soundfile reads WAV, FLAC, Vorbis and Opus. PyAV reads the other formats, and the files on
which soundfile fails. MP3 is read by PyAV too, as libsndfile's decoder stops at the first damaged kilobyte,
and writes to the terminal. What people hear is read by PyAV alone, which mixes any layout to stereo.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Literal

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import MediaError, UsageError, escape_path
from attune.embedding.media_files import DECODER_ERRORS, make_decode_error, open_media

if TYPE_CHECKING:
    from av import AudioFrame
    from av.container import InputContainer

SAMPLE_RATE: Final = 16_000
MAX_SECONDS: Final = 1800.0
MIN_SECONDS: Final = 0.5
# A file with less sound than this share of the length in its header is damaged. Smaller losses, such as a
# broken frame or a second missing at the end, are ignored, as players do.
MIN_DECODED_SHARE: Final = 0.9
_VALID_RATES: Final = (1_000, 1_000_000)
_BLOCK_SAMPLES: Final = 1 << 17
_MAX_JOINED_FRAMES: Final = 64
_SOUNDFILE_MAGIC: Final = (b"RIFF", b"RF64", b"riff", b"fLaC", b"OggS")
_NOT_MUSIC: Final = "no sound that can be read: damaged, or another kind of file"
_UNKNOWN_LENGTH: Final = 1 << 62
_DEMUXERS: Final = "aac,ac3,aiff,asf,au,caf,eac3,flac,matroska,webm,mov,mp3,ogg,tta,w64,wav,wv"
# Formats without a header, whose length FFmpeg estimates from the bit rate.
_HEADERLESS: Final = frozenset({"aac", "ac3", "eac3", "mp3"})


@dataclass(frozen=True, slots=True)
class Sound:
    """Decoded music.

    Attributes:
        samples: float32 (n,), mono, 16 kHz, in [-1, 1]; at most 30 minutes.
        duration_s: Length of the whole file in seconds, even if only a part was decoded. It is an estimate if
            only a part was decoded and the file does not state its length (an MP3 without a Xing header, a
            streamed FLAC).
    """

    samples: NDArray[np.float32]
    duration_s: float


@dataclass(frozen=True, slots=True)
class _AudioStream:
    """An open file: its length, and its sound from the start of the wanted part.

    Attributes:
        length_s: Length of the file in seconds; None if unknown.
        announced: Whether the length is stated in the file, so that less sound means damage.
        blocks: Pairs of a rate in Hz and mono samples, float32 (n,).
    """

    length_s: float | None
    announced: bool
    blocks: Iterator[tuple[int, NDArray[np.float32]]]


def read_audio(path: str | os.PathLike[str], start_s: float = 0.0, end_s: float | None = None) -> Sound:
    """Decode a music file, or a part of it, of any rate and number of channels.

    Channels are averaged. Values that are not finite become 0. At most 30 minutes are decoded.

    Args:
        path: The file.
        start_s: Start of the part, in seconds.
        end_s: End of the part, in seconds; None, or a value after the end of the file, means its end.

    Returns:
        The sound of the part.

    Raises:
        UsageError: The part is empty, shorter than half a second or begins after the end of the file.
        MediaError: The file is damaged, empty, without sound, shorter than half a second, not permitted or
            not a regular file.
    """
    if not (0 <= start_s < math.inf) or (end_s is not None and not end_s - start_s >= MIN_SECONDS):
        raise UsageError(f"a part from {start_s:g} s to {end_s} s is not at least half a second of sound")
    with open_media(path) as file:
        return read_audio_file(path, file, start_s, end_s)


def read_audio_file(
    path: str | os.PathLike[str], file: BinaryIO, start_s: float = 0.0, end_s: float | None = None
) -> Sound:
    """Decode an open file, at its start, as `read_audio` does; `path` is its name."""
    # PyAV may succeed on formats that libsndfile does not support, and on damage at which it stops.
    with suppress(*DECODER_ERRORS):
        if file.read(4) in _SOUNDFILE_MAGIC:
            file.seek(0)
            with _open_with_soundfile(file, start_s) as source:
                return _decode_range(path, source, start_s, end_s)
    with _open_with_pyav(path) as container:
        return _decode_range(path, _describe_stream(path, file, container, start_s), start_s, end_s)


def iter_audio(
    path: str | os.PathLike[str],
    rate: int | None,
    layout: Literal["mono", "stereo"],
    start_s: float = 0.0,
    end_s: float = math.inf,
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Decode a music file, or a part of it, block by block, as people hear it.

    FFmpeg decodes and resamples. Packets that cannot be decoded are skipped.

    Args:
        path: The file.
        rate: Sample rate in Hz; None: that of the file.
        layout: `mono` averages the channels; `stereo` mixes any other layout to two.
        start_s: Start of the part, in seconds.
        end_s: End of the part, in seconds; the part is shorter if the music ends earlier.

    Yields:
        Pairs of the sample rate in Hz and samples, float32 (channels, n); n is at least 1.

    Raises:
        MediaError: The file is damaged, empty, without sound, not permitted or not a regular file.
    """
    open_media(path).close()  # raises a clear error if the file is missing, forbidden or not regular
    with _open_with_pyav(path) as container:
        yield from _convert_frames(_iter_frames(path, container, start_s), rate, layout, end_s - start_s)


def open_audio_container(path: str | os.PathLike[str]) -> InputContainer:
    """Open a music file with FFmpeg, which then cannot open any other file or address.

    FFmpeg recognises formats by their content, whatever the file's name, and some are playlists that make it
    read what they list. Therefore only containers of sound and only local files are allowed.

    Args:
        path: A regular file.

    Returns:
        The open container, to be closed by the caller; there may be no audio stream in it.

    Raises:
        av.error.FFmpegError: The file is not in one of the allowed containers, or it is damaged.
    """
    import av

    # By name: from a Python file object, PyAV prints tracebacks where a damaged header seeks before it.
    name = f"file:{Path(os.fsdecode(path)).absolute()}"
    options = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "file"}
    # Tags that are not UTF-8 must not stop the decoding. PyAV 19 has no such option: it never raises.
    lenient: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
    container: InputContainer = av.open(name, mode="r", options=options, **lenient)
    return container


@contextmanager
def _open_with_pyav(path: str | os.PathLike[str]) -> Iterator[InputContainer]:
    """Open a file that has sound in it, and turn the decoder's errors into ours."""
    import av

    try:
        with open_audio_container(path) as container:
            if not container.streams.audio:
                raise MediaError(path, _NOT_MUSIC)
            yield container
    except (av.error.InvalidDataError, av.error.ArgumentError, av.error.EOFError) as error:
        raise MediaError(path, _NOT_MUSIC) from error
    except (av.error.FFmpegError, *DECODER_ERRORS) as error:
        raise make_decode_error(path, error) from error


def _decode_range(
    path: str | os.PathLike[str], source: _AudioStream, start_s: float, end_s: float | None
) -> Sound:
    """Decode and resample the wanted part, and check that it is complete."""
    length_s = source.length_s
    wanted_s = min(math.inf if end_s is None else end_s - start_s, MAX_SECONDS)
    if source.announced and length_s:
        if start_s > 0 and length_s < start_s + MIN_SECONDS:
            raise _make_range_error(path, start_s, length_s)
        wanted_s = min(wanted_s, length_s - start_s)
    samples, decoded_s = _resample(source.blocks, wanted_s)
    if source.announced and length_s and decoded_s < MIN_DECODED_SHARE * wanted_s:
        raise MediaError(path, f"damaged: only {decoded_s:.1f} of {wanted_s:.1f} seconds can be decoded")
    if not length_s or decoded_s < wanted_s - 0.05:
        length_s = start_s + decoded_s
    if decoded_s < MIN_SECONDS:
        if start_s > 0:
            raise _make_range_error(path, start_s, length_s)
        raise MediaError(path, f"shorter than half a second: {decoded_s:.2f} s" if decoded_s else _NOT_MUSIC)
    return Sound(samples, length_s)


def _make_range_error(path: str | os.PathLike[str], start_s: float, length_s: float) -> UsageError:
    lasts = f"{escape_path(path)} lasts {length_s:.1f} s"
    return UsageError(f"{lasts}: less than half a second of it is left after {start_s:g} s")


def _resample(
    blocks: Iterator[tuple[int, NDArray[np.float32]]], wanted_s: float
) -> tuple[NDArray[np.float32], float]:
    """Return up to `wanted_s` seconds at 16 kHz, and the number of seconds that were decoded.

    A stream may change its rate; each run of blocks of one rate has its own resampler.
    """
    import soxr

    pieces: list[NDArray[np.float32]] = []
    decoded_s, current, resampler = 0.0, SAMPLE_RATE, None
    for rate, block in blocks:
        if rate != current:
            pieces += _flush_resampler(resampler)
            current = rate
            resampler = None
            if rate != SAMPLE_RATE:
                resampler = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")
        wanted = block[: math.ceil((wanted_s - decoded_s) * rate)]
        # Clipped before resampling, as one huge value would ring for seconds.
        wanted = np.clip(np.nan_to_num(wanted, nan=0.0, posinf=0.0, neginf=0.0), -1.0, 1.0)
        pieces.append(resampler.resample_chunk(wanted) if resampler else wanted)
        decoded_s += len(wanted) / rate
        if decoded_s >= wanted_s:
            break
    pieces += _flush_resampler(resampler)
    samples = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
    return np.clip(samples, -1.0, 1.0).astype(np.float32, copy=False), decoded_s


def _flush_resampler(resampler: Any) -> list[NDArray[np.float32]]:
    """Return the samples that a resampler still holds."""
    return [resampler.resample_chunk(np.zeros(0, np.float32), last=True)] if resampler else []


@contextmanager
def _open_with_soundfile(file: BinaryIO, start_s: float) -> Iterator[_AudioStream]:
    import soundfile

    # By descriptor: with a Python file object, a damaged header makes soundfile print tracebacks.
    with soundfile.SoundFile(file.fileno(), closefd=False) as sound:
        if not sound.frames or not _VALID_RATES[0] <= sound.samplerate <= _VALID_RATES[1]:
            raise ValueError("libsndfile finds no sound")
        # A streamed FLAC does not state its length; libsndfile then returns the largest number.
        known = sound.frames < _UNKNOWN_LENGTH
        length_s = (
            sound.frames / sound.samplerate * _measure_header_excess(sound.extra_info) if known else None
        )
        yield _AudioStream(length_s, known, _iter_soundfile_blocks(sound, start_s))


def _iter_soundfile_blocks(sound: Any, start_s: float) -> Iterator[tuple[int, NDArray[np.float32]]]:
    rate: int = sound.samplerate
    if start_s:
        sound.seek(min(round(start_s * rate), sound.frames))
    size = max(_BLOCK_SAMPLES // sound.channels, 1)
    while len(block := sound.read(size, dtype="float32", always_2d=True)):
        yield rate, _mix_to_mono(block.T)


def _measure_header_excess(parsing_log: str) -> float:
    """Return the ratio of the length in a WAV's header to the length of its data, at least 1.0.

    libsndfile shortens a truncated file silently and mentions it only in its log. Sizes of 0 and 4 GiB are
    written by programs that stream and cannot know the length, so they do not count as a stated length.
    """
    found = re.search(r"^data : (\d+) \(should be (\d+)\)", parsing_log, re.MULTILINE)
    announced_bytes, actual_bytes = (int(found[1]), int(found[2])) if found else (0, 0)
    return announced_bytes / actual_bytes if 0 < actual_bytes < announced_bytes < 0xFFFFFF00 else 1.0


def _describe_stream(
    path: str | os.PathLike[str], file: BinaryIO, container: InputContainer, start_s: float
) -> _AudioStream:
    headerless = container.format.name in _HEADERLESS
    length_s = container.duration / 1e6 if container.duration and container.duration > 0 else None
    announced = length_s is not None and (not headerless or _has_mp3_header(file))
    return _AudioStream(length_s, announced, _join_blocks(_iter_mono(path, container, start_s)))


def _has_mp3_header(file: BinaryIO) -> bool:
    """Return whether an MP3's first frame (Xing, Info or VBRI) states its length."""
    import mutagen
    from mutagen.mp3 import BitrateMode, MPEGInfo

    file.seek(0)
    try:
        return bool(MPEGInfo(file).bitrate_mode != BitrateMode.UNKNOWN)
    except (mutagen.MutagenError, *DECODER_ERRORS):
        return False


def _iter_mono(
    path: str | os.PathLike[str], container: InputContainer, start_s: float
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield the sound from `start_s` on as mono blocks of the rate that it is stored in."""
    for frame, early in _iter_frames(path, container, start_s):
        yield frame.sample_rate, _mix_to_mono(_convert_to_planar(frame))[early:]


def _convert_frames(
    frames: Iterator[tuple[AudioFrame, int]], rate: int | None, layout: str, length_s: float
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Mix and resample frames, leave out what is early, and end after a length in seconds."""
    import av

    # Not FFmpeg's mono, which is 3 dB louder than the average and may clip.
    resampler = av.AudioResampler("fltp", "stereo" if layout == "stereo" else None, rate)
    skip: int | None = None
    left = math.inf
    for frame, early in chain(frames, [(None, 0)]):  # None makes the resampler give what it still holds
        if frame is not None and skip is None:
            target = rate or frame.sample_rate
            skip, left = round(early / frame.sample_rate * target), length_s * target
        for part in resampler.resample(frame):
            samples = np.asarray(part.to_ndarray(), np.float32)
            block = (_mix_to_mono(samples)[None] if layout == "mono" else samples)[:, skip:]
            skip = max((skip or 0) - part.samples, 0)
            if block.shape[1] > left:
                block = block[:, : round(left)]
            if block.shape[1]:
                yield part.sample_rate, block
            left -= block.shape[1]
        if left < 1:
            return


def _iter_frames(
    path: str | os.PathLike[str], container: InputContainer, start_s: float
) -> Iterator[tuple[AudioFrame, int]]:
    """Yield frames, each with the number of its samples that lie before `start_s`.

    Packets that cannot be decoded are skipped.
    """
    import av

    stream = container.streams.audio[0]
    begin_s = (container.start_time or 0) / 1e6
    early: int | None = None
    # The time stamps of WMA frames do not match their sound, so samples are counted from the beginning.
    seeks = start_s > 0 and container.format.name != "asf"
    if seeks:
        # A little early, because the first frame after a seek lacks the predecessor that most codecs need.
        container.seek(int((begin_s + max(start_s - 0.3, 0.0)) * 1e6))
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            continue
        for frame in frames:
            if not _VALID_RATES[0] <= frame.sample_rate <= _VALID_RATES[1]:
                raise MediaError(path, f"damaged: a sample rate of {frame.sample_rate} Hz")
            if early is None:
                at_s = frame.time - begin_s if seeks and frame.time is not None else 0.0
                early = max(round((start_s - at_s) * frame.sample_rate), 0)
            yield frame, early
            early = max(early - frame.samples, 0)


def _convert_to_planar(frame: AudioFrame) -> NDArray[np.float32]:
    """Return a frame's samples, float32 (channels, n) in [-1, 1]."""
    values = frame.to_ndarray()
    if not frame.format.is_planar:
        values = values.reshape(-1, frame.layout.nb_channels).T
    bits = 8 * values.dtype.itemsize
    if values.dtype.kind == "u":
        values = values.astype(np.float32) - 2.0 ** (bits - 1)
    scale = 1.0 if frame.format.name.startswith(("flt", "dbl")) else 2.0 ** (bits - 1)
    return np.asarray(values * (1 / scale), np.float32)


def _mix_to_mono(channels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average channels, (channels, n) to (n,)."""
    return np.asarray(channels[0] if len(channels) == 1 else channels.mean(axis=0), np.float32)


def _join_blocks(
    blocks: Iterator[tuple[int, NDArray[np.float32]]],
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Join small frames of one rate into larger blocks, as each call of the resampler has a fixed cost."""
    pending: list[NDArray[np.float32]] = []
    current = SAMPLE_RATE
    for rate, block in blocks:
        if pending and (rate != current or len(pending) >= _MAX_JOINED_FRAMES):
            yield current, np.concatenate(pending)
            pending = []
        current = rate
        pending.append(block)
    if pending:
        yield current, np.concatenate(pending)
