"""Containers of sound: which are allowed, their first audio track, and its length."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attune.core.errors import MediaError, UnsupportedMedia
from attune.embedding.content_type import read_content_type
from attune.embedding.media_files import DECODER_ERRORS, make_decode_error
from attune.embedding.ogg_links import Link

if TYPE_CHECKING:
    from av import AudioStream
    from av.container import InputContainer

# A file with less sound than this share of the length in its header is damaged. Smaller losses, such as a
# broken frame or a second missing at the end, are ignored, as players do.
MIN_DECODED_SHARE: Final = 0.9
# None of these formats makes FFmpeg open another file or address, as playlists do.
# fmt: off
_DEMUXERS: Final = ",".join((
    "aac", "ac3", "aiff", "amr", "ape", "asf", "au", "caf", "dsf", "dts", "dtshd", "eac3", "flac", "gsm",
    "iff", "matroska", "webm", "mlp", "mov", "mp3", "mpc", "mpc8", "ogg", "oma", "shn", "tak", "truehd",
    "tta", "voc", "vqf", "w64", "wav", "wv",
))
# fmt: on
# Formats without a header, whose length FFmpeg estimates from the bit rate.
HEADERLESS: Final = frozenset(("aac", "ac3", "amr", "dts", "dtshd", "eac3", "gsm", "mlp", "mp3", "truehd"))
# Sample entries of encrypted MP4 (iTunes, Common Encryption, Audible), which FFmpeg decodes to noise.
_ENCRYPTED: Final = frozenset(("drms", "enca", "aavd"))
_LINK_PROTOCOL: Final = "subfile"


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """The first audio track of an open container.

    Attributes:
        container: The container, at its start.
        stream: The track.
        begin_s: Time stamp of the track's first sound, in seconds.
        length_s: Length of the track in seconds; None if unknown.
        announced: Whether the length is stated in the file, so that less sound means damage.
    """

    container: InputContainer
    stream: AudioStream
    begin_s: float
    length_s: float | None
    announced: bool


@contextmanager
def open_track(path: str | os.PathLike[str], file: FileIO, link: Link | None = None) -> Iterator[AudioTrack]:
    """Open the audio track that players play, the first one.

    Args:
        path: Path of the file.
        file: The same file, open, at any position.
        link: The part of a chained Ogg file to open; None: the whole file.

    Raises:
        UnsupportedMedia: The track is encrypted, or no installed decoder knows its codec.
        MediaError: There is no audio track, or the file is damaged.
    """
    with translate_errors(path), open_audio_container(path, link) as container:
        stream = _require_decodable(path, container)
        length_s, announced = _find_length(path, stream, file, link)
        yield AudioTrack(container, stream, _find_begin(stream), length_s, announced)


@contextmanager
def translate_errors(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn what FFmpeg and PyAV raise into a MediaError about a file."""
    import av

    try:
        yield
    except (av.error.InvalidDataError, av.error.ArgumentError, av.error.EOFError) as error:
        raise make_no_sound_error(path) from error
    except av.error.PatchWelcomeError as error:
        raise UnsupportedMedia(path, "a variant that the installed FFmpeg cannot decode") from error
    except (av.error.FFmpegError, *DECODER_ERRORS) as error:
        raise make_decode_error(path, error) from error


def make_no_sound_error(path: str | os.PathLike[str]) -> MediaError:
    """Return the error to raise for a file in which no sound is found."""
    content = read_content_type(path)
    if content is not None and content.kind != "music":
        return MediaError(path, f"no sound in it: {content.name} by its content")
    return MediaError(path, "no sound that can be read: damaged, or another kind of file")


def open_audio_container(path: str | os.PathLike[str], link: Link | None = None) -> InputContainer:
    """Open a music file with FFmpeg, which then cannot open any other file or address.

    FFmpeg recognises formats by their content, whatever the file's name, and some are playlists that make it
    read what they list. Therefore only containers of sound and only local files are allowed.

    Args:
        path: A regular file.
        link: The part of a chained Ogg file to open; None: the whole file.

    Returns:
        The open container, to be closed by the caller; there may be no audio stream in it.

    Raises:
        av.error.FFmpegError: The file is not in one of the allowed containers, or it is damaged.
    """
    import av

    # By name: from a Python file object, PyAV prints tracebacks where a damaged header seeks before it.
    name = f"file:{Path(os.fsdecode(path)).absolute()}"
    if link is not None:
        name = f"{_LINK_PROTOCOL},,start,{link.start},end,{link.end},,:{name}"
    options = {"format_whitelist": _DEMUXERS, "protocol_whitelist": f"file,{_LINK_PROTOCOL}"}
    # Tags that are not UTF-8 must not stop the decoding. PyAV 19 has no such option: it never raises.
    lenient: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
    container: InputContainer = av.open(name, mode="r", options=options, **lenient)
    return container


def _require_decodable(path: str | os.PathLike[str], container: InputContainer) -> AudioStream:
    """Return the first audio track, or raise the reason why there is none that can be decoded."""
    if not container.streams.audio:
        if len(container.streams):
            raise MediaError(path, "no sound in it: it has no audio track")
        raise make_no_sound_error(path)
    stream = container.streams.audio[0]
    codec: Any = stream.codec_context  # None without a decoder, which PyAV's types do not say
    if codec is None:
        raise UnsupportedMedia(path, "its sound is in a codec that the installed FFmpeg cannot decode")
    if codec.codec_tag in _ENCRYPTED:
        raise UnsupportedMedia(path, "protected music (DRM) is not read")
    return stream


def _find_length(
    path: str | os.PathLike[str], track: AudioStream, file: FileIO, link: Link | None
) -> tuple[float | None, bool]:
    """Return the length of a track in seconds, if known, and whether the file states it.

    A container's length is that of its longest track, such as a second audio track, a film or chapter marks.
    """
    container: Any = track.container  # PyAV's types do not say that it is an input
    if container.format.name in HEADERLESS and track.duration:
        return _to_seconds(track.duration, track), container.format.name == "mp3" and _has_mp3_header(file)
    if container.format.name == "mpc8":  # FFmpeg rounds down to packets of 1.7 s
        return _read_musepack_length(file), True
    if track.duration:
        stated_s = (_to_seconds(track.duration, track) or 0.0) - _find_preskip(track)
        return stated_s, not is_bitstream_in_pcm(track)
    whole_s = container.duration / 1e6 if container.duration and container.duration > 0 else None
    if whole_s and len(container.streams) == 1:
        return whole_s, True
    return _measure_length(path, track, whole_s, link)


def _find_preskip(track: AudioStream) -> float:
    """Return the seconds at the start of an Ogg Opus track that its length counts and decoders drop."""
    head = track.codec_context.extradata or b""
    if track.container.format.name != "ogg" or len(head) < 12 or not head.startswith(b"OpusHead"):
        return 0.0
    return int.from_bytes(head[10:12], "little") / 48_000  # RFC 7845, section 5.1


def _measure_length(
    path: str | os.PathLike[str], track: AudioStream, whole_s: float | None, link: Link | None
) -> tuple[float | None, bool]:
    """Find a track's length by its packets, without decoding them.

    Args:
        path: The file.
        track: Its track.
        whole_s: Length of the longest track as the file states it, in seconds.
        link: The part of a chained Ogg file that is read.

    Returns:
        The length in seconds, if known, and whether the file states it. Of a file that ends early, the length
        of its longest track, as nobody knows that of the others.
    """
    ends: dict[int, float] = {}
    with open_audio_container(path, link) as container:
        for packet in container.demux():
            if packet.pts is not None and packet.duration:
                end_s = (packet.pts + packet.duration) * float(packet.time_base)
                ends[packet.stream_index] = max(ends.get(packet.stream_index, 0.0), end_s)
    if whole_s is not None and max(ends.values(), default=0.0) < MIN_DECODED_SHARE * whole_s:
        return whole_s, True
    end = ends.get(track.index)
    return (None if end is None else end - _find_begin(track)), whole_s is not None


def _find_begin(track: AudioStream) -> float:
    """Return the time stamp of a track's first sound, in seconds; not all tracks begin together."""
    begin_s = _to_seconds(track.start_time, track)
    container: Any = track.container
    return (container.start_time or 0) / 1e6 if begin_s is None else begin_s


def is_bitstream_in_pcm(track: AudioStream) -> bool:
    """Return whether a WAV calls PCM what FFmpeg recognises as DTS or Dolby; its header's times are wrong."""
    codec = track.codec_context
    return codec.codec_tag.startswith("\x01\0") and not codec.name.startswith("pcm_")


def _to_seconds(ticks: int | None, stream: AudioStream) -> float | None:
    return ticks * float(stream.time_base) if ticks is not None and stream.time_base else None


def _has_mp3_header(file: FileIO) -> bool:
    """Return whether an MP3's first frame (Xing, Info or VBRI) states its length."""
    import mutagen
    from mutagen.mp3 import BitrateMode, MPEGInfo

    file.seek(0)
    try:
        return bool(MPEGInfo(file).bitrate_mode != BitrateMode.UNKNOWN)
    except (mutagen.MutagenError, *DECODER_ERRORS):
        return False


def _read_musepack_length(file: FileIO) -> float | None:
    import mutagen
    from mutagen.musepack import MusepackInfo

    file.seek(0)
    try:
        return float(MusepackInfo(file).length) or None
    except (mutagen.MutagenError, *DECODER_ERRORS):
        return None
