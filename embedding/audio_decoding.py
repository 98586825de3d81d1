"""Decoding of music files: to mono samples at 16 kHz for backbones, and to any rate and layout for people.

    open → length from the header → stereo blocks from the start of the wanted part → mono → resampling
    open → FFmpeg's frames from the start of the wanted part → FFmpeg's resampler and mixer → blocks

For backbones, soundfile reads WAV, FLAC, Vorbis and Opus. PyAV reads the other formats, chained Ogg files, of
which libsndfile reads the first link only, surround sound, of which libsndfile does not tell the layout, and
the files on which soundfile fails. MP3 is read by PyAV too,
as libsndfile's decoder stops at the first damaged kilobyte, and writes to the terminal. What people hear is
read by PyAV alone, which mixes any layout to stereo.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import MediaError, UnsupportedMedia, UsageError, escape_path
from attune.embedding.audio_containers import (
    HEADERLESS,
    MIN_DECODED_SHARE,
    AudioTrack,
    is_bitstream_in_pcm,
    make_no_sound_error,
    open_track,
    translate_errors,
)
from attune.embedding.channel_mixing import MonoMixer, mix_to_stereo
from attune.embedding.media_files import DECODER_ERRORS, open_media
from attune.embedding.ogg_links import Link, find_links
from attune.embedding.pcm_bitstreams import INSPECTED_SAMPLES, find_bitstream

if TYPE_CHECKING:
    from av import AudioFrame, AudioStream
    from av.container import InputContainer

SAMPLE_RATE: Final = 16_000
MAX_SECONDS: Final = 1800.0
MIN_SECONDS: Final = 0.5
_VALID_RATES: Final = (1_000, 3_000_000)  # the highest is that of DSD512, one byte of which is one sample
_BLOCK_SAMPLES: Final = 1 << 17
_MAX_JOINED_FRAMES: Final = 64
_SOUNDFILE_MAGIC: Final = (b"RIFF", b"RF64", b"riff", b"fLaC", b"OggS")
_UNKNOWN_LENGTH: Final = 1 << 62
# Containers whose time stamps do not match their sound: samples are counted from the beginning instead.
# MP3 has none either, but FFmpeg counts its frames.
_INEXACT_TIMES: Final = (HEADERLESS - {"mp3"}) | {"asf", "mpc8"}
_INTEGER_PCM: Final = frozenset(("PCM_16", "PCM_24", "PCM_32"))
# Floating-point files and lossy decoders exceed full scale; much beyond it a value is damage and would ring.
_LIMIT: Final = 4.0

_Frame: TypeAlias = "tuple[AudioFrame, int]"
_Mix: TypeAlias = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Sound:
    """Decoded music.

    Attributes:
        samples: float32 (n,), mono, 16 kHz, full scale ±1, limited at ±4; at most 30 minutes.
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
        blocks: Pairs of a rate in Hz and samples, float32 (1 or 2, n), mono or stereo.
    """

    length_s: float | None
    announced: bool
    blocks: Iterator[tuple[int, NDArray[np.float32]]]


def read_audio(path: str | os.PathLike[str], start_s: float = 0.0, end_s: float | None = None) -> Sound:
    """Decode a music file, or a part of it, of any rate and number of channels.

    Surround sound is mixed to stereo, and left and right are averaged. Where this cancels nearly all of them,
    the louder one is heard alone. Values that are not finite become 0. At most 30 minutes are decoded.

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
    path: str | os.PathLike[str], file: FileIO, start_s: float = 0.0, end_s: float | None = None
) -> Sound:
    """Decode an open file, at its start, as `read_audio` does; `path` is its name."""
    mixer = MonoMixer()
    sound = _decode(path, file, start_s, end_s, mixer.average)
    if mixer.has_cancelled:
        file.seek(0)
        sound = _decode(path, file, start_s, end_s, mixer.pick_louder)
    return sound


def _decode(
    path: str | os.PathLike[str], file: FileIO, start_s: float, end_s: float | None, mix: _Mix
) -> Sound:
    # PyAV may succeed on formats that libsndfile does not support, and on damage at which it stops.
    with suppress(*DECODER_ERRORS):
        if file.read(4) in _SOUNDFILE_MAGIC and not find_links(file):
            file.seek(0)
            with _open_with_soundfile(file, start_s) as source:
                return _decode_range(path, source, start_s, end_s, mix)
    with _open_with_pyav(path, file, start_s) as (frames, length_s, announced):
        source = _AudioStream(length_s, announced, _join_blocks(_iter_stereo(frames)))
        return _decode_range(path, source, start_s, end_s, mix)


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
        rate: Sample rate in Hz; None: that of the file, or of its beginning if it changes.
        layout: `mono` averages the channels; `stereo` mixes any other layout to two.
        start_s: Start of the part, in seconds.
        end_s: End of the part, in seconds; the part is shorter if the music ends earlier.

    Yields:
        Pairs of the sample rate in Hz and samples, float32 (channels, n); n is at least 1.

    Raises:
        MediaError: The file is damaged, empty, without sound, not permitted or not a regular file.
    """
    with open_media(path) as file, _open_with_pyav(path, file, start_s) as (frames, _, _):
        yield from _convert_frames(frames, rate, layout, end_s - start_s)


def _decode_range(
    path: str | os.PathLike[str], source: _AudioStream, start_s: float, end_s: float | None, mix: _Mix
) -> Sound:
    """Decode, mix and resample the wanted part, and check that it is complete."""
    length_s = source.length_s
    wanted_s = min(math.inf if end_s is None else end_s - start_s, MAX_SECONDS)
    if source.announced and length_s:
        if start_s > 0 and length_s < start_s + MIN_SECONDS:
            raise _make_range_error(path, start_s, length_s)
        wanted_s = min(wanted_s, length_s - start_s)
    samples, decoded_s = _resample(source.blocks, wanted_s, mix)
    if source.announced and length_s and decoded_s < MIN_DECODED_SHARE * wanted_s:
        raise MediaError(path, f"damaged: only {decoded_s:.1f} of {wanted_s:.1f} seconds can be decoded")
    if not length_s or decoded_s < wanted_s - 0.05:
        length_s = start_s + decoded_s
    elif not source.announced:
        length_s = max(length_s, start_s + decoded_s)
    if decoded_s < MIN_SECONDS:
        if start_s > 0:
            raise _make_range_error(path, start_s, length_s)
        if not decoded_s:
            raise make_no_sound_error(path)
        raise MediaError(path, f"shorter than half a second: {decoded_s:.2f} s")
    return Sound(samples, length_s)


def _make_range_error(path: str | os.PathLike[str], start_s: float, length_s: float) -> UsageError:
    lasts = f"{escape_path(path)} lasts {length_s:.1f} s"
    return UsageError(f"{lasts}: less than half a second of it is left after {start_s:g} s")


def _resample(
    blocks: Iterator[tuple[int, NDArray[np.float32]]], wanted_s: float, mix: _Mix
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
        wanted = mix(_limit(block[:, : math.ceil((wanted_s - decoded_s) * rate)]))
        pieces.append(resampler.resample_chunk(wanted) if resampler else wanted)
        decoded_s += len(wanted) / rate
        if decoded_s >= wanted_s:
            break
    pieces += _flush_resampler(resampler)
    samples = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
    return _limit(samples).astype(np.float32, copy=False), decoded_s


def _limit(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.clip(np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0), -_LIMIT, _LIMIT)


def _flush_resampler(resampler: Any) -> list[NDArray[np.float32]]:
    """Return the samples that a resampler still holds."""
    return [resampler.resample_chunk(np.zeros(0, np.float32), last=True)] if resampler else []


@contextmanager
def _open_with_soundfile(file: FileIO, start_s: float) -> Iterator[_AudioStream]:
    import soundfile

    # By descriptor: with a Python file object, a damaged header makes soundfile print tracebacks.
    with soundfile.SoundFile(file.fileno(), closefd=False) as sound:
        if not sound.frames or not _VALID_RATES[0] <= sound.samplerate <= _VALID_RATES[1]:
            raise ValueError("libsndfile finds no sound")
        if sound.channels > 2:
            raise ValueError("libsndfile does not tell the layout")
        # A streamed FLAC does not state its length; libsndfile then returns the largest number.
        known = sound.frames < _UNKNOWN_LENGTH
        if sound.subtype in _INTEGER_PCM and find_bitstream(_read_first_samples(sound)):
            raise ValueError("FFmpeg decodes or refuses it")
        length_s = (
            sound.frames / sound.samplerate * _measure_header_excess(sound.extra_info) if known else None
        )
        yield _AudioStream(length_s, known, _iter_soundfile_blocks(sound, start_s))


def _read_first_samples(sound: Any) -> NDArray[np.int16]:
    samples = sound.read(INSPECTED_SAMPLES, dtype="int16", always_2d=True)
    sound.seek(0)
    return np.asarray(samples)


def _iter_soundfile_blocks(sound: Any, start_s: float) -> Iterator[tuple[int, NDArray[np.float32]]]:
    rate: int = sound.samplerate
    if start_s:
        sound.seek(min(round(start_s * rate), sound.frames))
    size = max(_BLOCK_SAMPLES // sound.channels, 1)
    while len(block := sound.read(size, dtype="float32", always_2d=True)):
        yield rate, block.T


def _measure_header_excess(parsing_log: str) -> float:
    """Return the ratio of the length in a WAV's header to the length of its data, at least 1.0.

    libsndfile shortens a truncated file silently and mentions it only in its log. Sizes of 0 and 4 GiB are
    written by programs that stream and cannot know the length, so they do not count as a stated length.
    """
    found = re.search(r"^data : (\d+) \(should be (\d+)\)", parsing_log, re.MULTILINE)
    announced_bytes, actual_bytes = (int(found[1]), int(found[2])) if found else (0, 0)
    return announced_bytes / actual_bytes if 0 < actual_bytes < announced_bytes < 0xFFFFFF00 else 1.0


@contextmanager
def _open_with_pyav(
    path: str | os.PathLike[str], file: FileIO, start_s: float
) -> Iterator[tuple[Iterator[_Frame], float | None, bool]]:
    """Open a file; give its frames from `start_s` on, its length in seconds, and whether it is stated."""
    with translate_errors(path):
        if links := find_links(file):
            lengths = [_measure_link(path, file, link) for link in links]
            if not any(lengths):
                raise make_no_sound_error(path)
            yield _iter_chained_frames(path, file, links, start_s), sum(lengths), True
            return
        with open_track(path, file) as track:
            yield _iter_frames(path, track, start_s), track.length_s, track.announced


def _measure_link(path: str | os.PathLike[str], file: FileIO, link: Link) -> float:
    """Return the length of a link of a chained file, in seconds; 0 if there is no sound in it."""
    try:
        with open_track(path, file, link) as track:
            return track.length_s or 0.0
    except MediaError:
        return 0.0


def _iter_chained_frames(
    path: str | os.PathLike[str], file: FileIO, links: list[Link], start_s: float
) -> Iterator[_Frame]:
    """Yield the frames of all links as `_iter_frames` does; links without sound are skipped."""
    for link in links:
        with suppress(MediaError), open_track(path, file, link) as track:
            length_s = track.length_s or 0.0
            if length_s > start_s:
                yield from _iter_frames(path, track, start_s)
            start_s = max(start_s - length_s, 0.0)


def _iter_stereo(frames: Iterator[_Frame]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield sound as mono or stereo blocks, float32 (1 or 2, n), of the rate that it is stored in."""
    for frame, early in frames:
        names = [channel.name for channel in frame.layout.channels]
        yield frame.sample_rate, mix_to_stereo(_convert_to_planar(frame), names)[:, early:]


def _convert_frames(
    frames: Iterator[_Frame], rate: int | None, layout: str, length_s: float
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Mix and resample frames, leave out what is early, and end after a length in seconds.

    Each run of frames of one rate and layout has its own resampler.
    """
    left = math.inf
    for _, run in groupby(frames, key=_describe_frame):
        first, early = next(run)
        if rate is None:
            rate = first.sample_rate
        if left == math.inf:
            left = length_s * rate
        skip = round(early / first.sample_rate * rate)
        for block in _resample_frames(chain((first,), (frame for frame, _ in run)), rate, layout):
            wanted = block[:, skip:]
            skip = max(skip - block.shape[1], 0)
            if wanted.shape[1] > left:
                wanted = wanted[:, : round(left)]
            if wanted.shape[1]:
                yield rate, wanted
            left -= wanted.shape[1]
            if left < 1:
                return


def _describe_frame(item: _Frame) -> tuple[int, str, str]:
    frame, _ = item
    return frame.sample_rate, frame.format.name, frame.layout.name


def _resample_frames(frames: Iterator[AudioFrame], rate: int, layout: str) -> Iterator[NDArray[np.float32]]:
    """Yield blocks, float32 (channels, n), of frames that have one rate and layout."""
    import av

    # Not FFmpeg's mono, which is 3 dB louder than the average and may clip.
    resampler = av.AudioResampler("fltp", "stereo" if layout == "stereo" else None, rate)
    for frame in chain(frames, (None,)):  # None makes the resampler give what it still holds
        for part in resampler.resample(frame):
            samples = np.asarray(part.to_ndarray(), np.float32)
            yield samples.mean(axis=0, keepdims=True) if layout == "mono" else samples


def _iter_frames(path: str | os.PathLike[str], track: AudioTrack, start_s: float) -> Iterator[_Frame]:
    """Yield frames, each with the number of its samples that lie before `start_s`.

    Packets that cannot be decoded are skipped.
    """
    container, stream = track.container, track.stream
    seeks = start_s > 0 and container.format.name not in _INEXACT_TIMES and not is_bitstream_in_pcm(stream)
    if seeks:
        # A little early, because the first frame after a seek lacks the predecessor that most codecs need.
        target_s = track.begin_s + max(start_s - 0.3, 0.0)
        container.seek(int(target_s / float(stream.time_base or 1)), stream=stream)
    early_s: float | None = None
    for frame in _reject_bitstreams(path, _decode_packets(container, stream)):
        if not _VALID_RATES[0] <= frame.sample_rate <= _VALID_RATES[1]:
            raise MediaError(path, f"damaged: a sample rate of {frame.sample_rate} Hz")
        if early_s is None:
            at_s = frame.time - track.begin_s if seeks and frame.time is not None else 0.0
            early_s = start_s - at_s
        yield frame, max(round(early_s * frame.sample_rate), 0)
        early_s -= frame.samples / frame.sample_rate


def _decode_packets(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    import av

    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.error.FFmpegError:
            continue


def _reject_bitstreams(path: str | os.PathLike[str], frames: Iterator[AudioFrame]) -> Iterator[AudioFrame]:
    """Pass frames on, unless their first samples are compressed sound that FFmpeg does not recognise."""
    first: list[NDArray[np.int16]] = []
    count = 0
    for frame in frames:
        if count < INSPECTED_SAMPLES and frame.format.name.startswith(("s16", "s32")):
            first.append(_read_upper_bits(frame))
            count += frame.samples
            if count >= INSPECTED_SAMPLES and (codec := find_bitstream(np.concatenate(first))):
                raise UnsupportedMedia(path, f"{codec} stored as if it were PCM: convert it to .flac")
        yield frame


def _read_upper_bits(frame: AudioFrame) -> NDArray[np.int16]:
    """Return the upper 16 bits of a frame's integer samples, int16 (n, channels)."""
    values: NDArray[Any] = frame.to_ndarray()
    samples = values.T if frame.format.is_planar else values.reshape(-1, frame.layout.nb_channels)
    return samples if samples.dtype == np.int16 else (samples >> 16).astype(np.int16)


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


def _join_blocks(
    blocks: Iterator[tuple[int, NDArray[np.float32]]],
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Join small frames of one rate and layout, as each call of the resampler has a fixed cost."""
    pending: list[NDArray[np.float32]] = []
    current = SAMPLE_RATE, 0
    for rate, block in blocks:
        if pending and ((rate, len(block)) != current or len(pending) >= _MAX_JOINED_FRAMES):
            yield current[0], np.concatenate(pending, axis=1)
            pending = []
        current = rate, len(block)
        pending.append(block)
    if pending:
        yield current[0], np.concatenate(pending, axis=1)
