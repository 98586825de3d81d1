"""Files of several tracks, tracks that begin late, and chained files: what is heard, and how long it is."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from attune.core.errors import MediaError, UnsupportedMedia
from attune.embedding.audio_decoding import SAMPLE_RATE, iter_audio, read_audio
from attune.embedding.ogg_links import find_links
from attune.tests.media_factory import encode, multitrack, song, tone, tune

OPUS, VORBIS = ("OGG", "OPUS"), ("OGG", "VORBIS")


def pitch(samples: NDArray[np.float32], rate: int = SAMPLE_RATE) -> float:
    """Return the frequency of the strongest sine, in Hz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * rate / len(samples)


def hear(path: Path, start_s: float = 0.0, end_s: float = np.inf) -> NDArray[np.float32]:
    """Return what people hear, mono at 16 kHz."""
    blocks = [block for _, block in iter_audio(path, SAMPLE_RATE, "mono", start_s, end_s)]
    return np.concatenate(blocks, axis=1)[0]


@pytest.mark.parametrize("suffix", ["m4a", "mka", "ogg", "weba"])
@pytest.mark.parametrize("second", ["sound", "video"])
def test_the_first_audio_track_is_heard_by_its_own_length(tmp_path: Path, suffix: str, second: str) -> None:
    path = multitrack(tmp_path / f"a.{suffix}", [(440.0, 2.0), (880.0, 5.0)], video=second == "video")
    sound = read_audio(path)
    assert sound.duration_s == pytest.approx(2, abs=0.03)
    assert len(sound.samples) == pytest.approx(2 * SAMPLE_RATE, abs=500)
    assert pitch(sound.samples) == pytest.approx(440, abs=1)
    part = read_audio(path, 0.5, 1.5)
    assert part.duration_s == pytest.approx(2, abs=0.03)
    assert pitch(part.samples) == pytest.approx(440, abs=2)
    assert len(hear(path)) == pytest.approx(2 * SAMPLE_RATE, abs=500)
    assert pitch(hear(path, 0.5, 1.5)) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("suffix", ["m4a", "mka"])
def test_a_truncated_file_of_two_tracks_is_damaged(tmp_path: Path, suffix: str) -> None:
    path = multitrack(tmp_path / f"a.{suffix}", [(440.0, 8.0), (880.0, 8.0)])
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(MediaError):
        read_audio(path)


def test_a_cover_picture_is_no_track(tmp_path: Path) -> None:
    path = song(tmp_path / "a.m4a", 1, seconds=3)
    before = read_audio(path)
    from mutagen.mp4 import MP4, MP4Cover

    tags = MP4(path)
    tags["covr"] = [MP4Cover(bytes(3000), imageformat=MP4Cover.FORMAT_JPEG)]
    tags.save()
    assert read_audio(path).duration_s == before.duration_s == pytest.approx(3, abs=0.001)


@pytest.mark.parametrize("suffix", ["m4a", "mka"])
def test_a_track_that_begins_late_is_heard_from_its_beginning(tmp_path: Path, suffix: str) -> None:
    path = multitrack(tmp_path / f"a.{suffix}", [(440.0, 3.0)], video=True, delay_s=1.5)
    assert read_audio(path).duration_s == pytest.approx(3, abs=0.03)
    assert len(hear(path)) == pytest.approx(3 * SAMPLE_RATE, abs=500)
    assert len(read_audio(path, 2.0).samples) == pytest.approx(SAMPLE_RATE, abs=500)
    assert len(hear(path, 2.0)) == pytest.approx(SAMPLE_RATE, abs=500)


@pytest.mark.parametrize("options", [{"movflags": "frag_keyframe+empty_moov"}, {"movflags": "dash"}])
def test_a_fragmented_mp4_has_its_length(tmp_path: Path, options: dict[str, str]) -> None:
    path = multitrack(tmp_path / "a.m4a", [(440.0, 2.0), (880.0, 5.0)], options=options)
    assert read_audio(path, 0.5, 1.5).duration_s == pytest.approx(2, abs=0.05)


def test_a_video_without_sound_says_so(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no audio track"):
        read_audio(multitrack(tmp_path / "a.m4a", [], video=True))


@pytest.mark.parametrize("entry", [b"drms", b"enca"])
def test_protected_music_is_not_damaged(tmp_path: Path, entry: bytes) -> None:
    path = song(tmp_path / "a.m4a", 1)
    path.write_bytes(path.read_bytes().replace(b"mp4a", entry))
    for read in (read_audio, hear):
        with pytest.raises(UnsupportedMedia, match="protected"):
            read(path)


@pytest.mark.parametrize(("suffix", "codec", "unknown"), [("mka", b"A_FLAC", b"A_XYZW"), ("wav", b"", b"")])
def test_an_unknown_codec_is_not_damaged(tmp_path: Path, suffix: str, codec: bytes, unknown: bytes) -> None:
    path = song(tmp_path / f"a.{suffix}", 1)
    content = path.read_bytes()
    path.write_bytes(content.replace(codec, unknown) if codec else content[:20] + b"\x34\x12" + content[22:])
    for read in (read_audio, hear):
        with pytest.raises(UnsupportedMedia, match="codec"):
            read(path)


# Chained files.


def write_chain(
    path: Path, sounds: Sequence[NDArray[np.float32]], rates: Sequence[int], kind: tuple[str, str]
) -> Path:
    """Write links of sounds, float32 (n, channels) each, one after the other."""
    content = b""
    for sound, rate in zip(sounds, rates, strict=True):
        link = io.BytesIO()
        soundfile.write(link, sound, rate, format=kind[0], subtype=kind[1])
        content += link.getvalue()
    path.write_bytes(content)
    return path


def write_tones(path: Path, name: str) -> Path:
    rates, channels, kind = CHAINS[name]
    sounds = [tone(*part, *form) for part, *form in zip(PARTS, rates, channels, strict=True)]
    return write_chain(path, sounds, rates, kind)


CHAINS: dict[str, tuple[Sequence[int], Sequence[int], tuple[str, str]]] = {
    "alike": ((44_100, 44_100, 44_100), (2, 2, 2), VORBIS),
    "rates": ((44_100, 22_050, 48_000), (2, 2, 2), VORBIS),
    "channels": ((44_100, 44_100, 44_100), (1, 2, 1), VORBIS),
    "opus": ((48_000, 48_000, 48_000), (2, 1, 2), OPUS),
}
PARTS = ((440.0, 2.0), (880.0, 1.5), (660.0, 2.5))


@pytest.mark.parametrize("name", CHAINS)
def test_a_chained_file_is_heard_whole(tmp_path: Path, name: str) -> None:
    path = write_tones(tmp_path / "a.ogg", name)
    sound = read_audio(path)
    assert sound.duration_s == pytest.approx(6, abs=0.03)
    for samples in (sound.samples, hear(path)):
        assert len(samples) == pytest.approx(6 * SAMPLE_RATE, abs=500)
        begin = 0.0
        for hertz, seconds in PARTS:
            middle = samples[
                round((begin + 0.3) * SAMPLE_RATE) : round((begin + seconds - 0.3) * SAMPLE_RATE)
            ]
            assert pitch(middle) == pytest.approx(hertz, abs=2)
            begin += seconds


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize(("start", "end"), [(0.3, 1.9), (1.2, 4.6), (2.25, 3.25), (3.6, 6.0)])
def test_a_part_of_a_chained_file_is_the_slice_of_the_whole(
    tmp_path: Path, name: str, start: float, end: float
) -> None:
    rates, channels, kind = CHAINS[name]
    sounds = [tune(seed, 2.0, rate, channels[seed]) for seed, rate in enumerate(rates)]
    path = write_chain(tmp_path / "a.ogg", sounds, rates, kind)
    part = read_audio(path, start, end)
    assert part.duration_s == pytest.approx(6, abs=0.01)
    span = slice(round(start * SAMPLE_RATE), round(end * SAMPLE_RATE))
    for whole, found in ((read_audio(path).samples, part.samples), (hear(path), hear(path, start, end))):
        assert len(found) == pytest.approx(span.stop - span.start, abs=2)
        assert abs(find_lag(whole[span], found)) < 0.015 * SAMPLE_RATE


def find_lag(wanted: NDArray[np.float32], found: NDArray[np.float32]) -> int:
    """Return by how many samples one sound lies behind the other."""
    margin = SAMPLE_RATE // 10
    inner = wanted[margin : len(found) - margin]
    likeness = np.correlate(found[: len(wanted)], inner, "valid")
    best = int(np.argmax(likeness))
    assert likeness[best] > 0.95 * float(np.sum(inner**2))
    return best - margin


def test_the_rate_of_a_chained_file_is_that_of_its_beginning(tmp_path: Path) -> None:
    path = write_tones(tmp_path / "a.ogg", "rates")
    rates, blocks = zip(*iter_audio(path, None, "stereo"), strict=True)
    assert set(rates) == {44_100}
    assert {block.shape[0] for block in blocks} == {2}
    assert sum(block.shape[1] for block in blocks) / 44_100 == pytest.approx(6, abs=0.03)


def test_a_song_twice_in_one_file_is_heard_twice(tmp_path: Path) -> None:
    once = song(tmp_path / "a.ogg", 1).read_bytes()  # both links have the same serial number
    (tmp_path / "a.ogg").write_bytes(once * 2)
    assert read_audio(tmp_path / "a.ogg").duration_s == pytest.approx(4, abs=0.01)


def test_a_link_without_sound_is_left_out(tmp_path: Path) -> None:
    path = write_tones(tmp_path / "a.ogg", "alike")
    content = bytearray(path.read_bytes())
    with path.open("rb", buffering=0) as file:
        second = find_links(file)[1]
    content[second.start + 40 : second.end] = bytes(second.end - second.start - 40)
    path.write_bytes(content)
    assert read_audio(path).duration_s == pytest.approx(4.5, abs=0.03)


def test_an_mp3_whose_rate_and_channels_change_is_heard_whole(tmp_path: Path) -> None:
    first = encode(tmp_path / "a.mp3", tone(440, 2, 44_100, 2), 44_100).read_bytes()
    second = encode(tmp_path / "b.mp3", tone(880, 2, 22_050, 1), 22_050).read_bytes()
    (tmp_path / "a.mp3").write_bytes(first + second)
    heard = hear(tmp_path / "a.mp3")
    assert len(heard) == pytest.approx(4 * SAMPLE_RATE, abs=4000)
    assert pitch(heard[-SAMPLE_RATE:]) == pytest.approx(880, abs=2)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_links_are_found_whatever_lies_between_pages(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "links.ogg"
    link = io.BytesIO()
    soundfile.write(link, tune(1, 0.6, 8_000), 8_000, format="OGG", subtype="VORBIS")
    count = data.draw(st.integers(1, 4))
    gaps = [data.draw(st.binary(max_size=90)).replace(b"OggS", b"") for _ in range(count)]
    starts, content = [], b""
    for gap in gaps:
        starts.append(len(content))
        content += link.getvalue() + gap
    path.write_bytes(content)
    with path.open("rb", buffering=0) as file:
        found = find_links(file)
        assert file.tell() == 0
    assert [link.start for link in found] == (starts if count > 1 else [])
    assert [link.end for link in found] == ([*starts[1:], len(content)] if count > 1 else [])


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_break_the_search_for_links(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "noise.ogg"
    path.write_bytes(b"OggS" + content)
    with path.open("rb", buffering=0) as file:
        links = find_links(file)
    assert all(link.start < link.end for link in links)


# Compressed sound in place of samples.


def write_bitstream(path: Path, rate: int = 48_000) -> Path:
    """Write AC-3 as it goes over a digital cable (IEC 61937), in a file that says it is 16-bit stereo."""
    from fractions import Fraction

    buffer = io.BytesIO()
    samples = tone(440, 3, rate, 2)
    with av.open(buffer, "w", format="spdif") as output:
        stream: Any = output.add_stream("ac3", rate=rate, layout="stereo")
        for start in range(0, len(samples), 1536):
            block = np.ascontiguousarray(samples[start : start + 1536].T)
            frame = av.AudioFrame.from_ndarray(block, "fltp", "stereo")
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    words = np.frombuffer(buffer.getvalue(), "<i2")
    soundfile.write(path, words[: len(words) // 2 * 2].reshape(-1, 2), rate, subtype="PCM_16")
    return path


def test_dolby_in_a_wav_is_decoded(tmp_path: Path) -> None:
    path = write_bitstream(tmp_path / "a.wav")
    sound = read_audio(path)
    assert sound.duration_s == pytest.approx(3, abs=0.05)
    assert pitch(sound.samples) == pytest.approx(440, abs=1)
    part = read_audio(path, 1.0, 2.0)
    assert pitch(part.samples) == pytest.approx(440, abs=2)
    assert part.duration_s == pytest.approx(3, abs=0.05)
    assert pitch(hear(path, 1.0, 2.0)) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("suffix", ["flac", "aiff"])
def test_dolby_in_a_lossless_file_is_refused(tmp_path: Path, suffix: str) -> None:
    words, rate = soundfile.read(write_bitstream(tmp_path / "a.wav"), dtype="int16")
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, words, rate, subtype="PCM_16")
    for read in (read_audio, hear):
        with pytest.raises(UnsupportedMedia, match="Dolby"):
            read(path)


@pytest.mark.parametrize(
    "word", [b"\x7f\xfe\x80\x01", b"\xfe\x7f\x01\x80", b"\x1f\xff\xe8\x00", b"\xff\x1f\x00\xe8"]
)
@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_dts_is_not_heard_as_noise(tmp_path: Path, word: bytes, suffix: str) -> None:
    content = bytearray(np.random.default_rng(1).bytes(1 << 18))
    for offset in range(0, len(content), 4096):
        content[offset : offset + 4] = word
    samples = np.frombuffer(content, "<i2").reshape(-1, 2)
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, samples, 44_100, subtype="PCM_16")
    for read in (read_audio, hear):
        with pytest.raises(MediaError, match=r"DTS|no sound"):
            assert not len(read(path))  # a WAV that FFmpeg takes for DTS has no frame that can be decoded


def test_dsd_over_pcm_is_refused(tmp_path: Path) -> None:
    values = np.random.default_rng(1).integers(0, 1 << 16, (88_200, 2)).astype(np.int32)
    markers = np.where(np.arange(len(values)) % 2, 0xFA, 0x05).astype(np.int32)[:, None]
    soundfile.write(tmp_path / "a.flac", (markers << 24) | (values << 8), 176_400, subtype="PCM_24")
    for read in (read_audio, hear):
        with pytest.raises(UnsupportedMedia, match="DoP"):
            read(tmp_path / "a.flac")


@pytest.mark.parametrize("channels", [1, 2])
def test_real_noise_is_music(tmp_path: Path, channels: int) -> None:
    noise = np.random.default_rng(1).integers(-32768, 32768, (88_200, channels)).astype(np.int16)
    noise.reshape(-1)[500:502] = -385, 384  # the bytes of a sync word, once
    for suffix in ("wav", "flac"):
        soundfile.write(tmp_path / f"a.{suffix}", noise, 44_100, subtype="PCM_16")
        assert read_audio(tmp_path / f"a.{suffix}").duration_s == pytest.approx(2)
        assert len(hear(tmp_path / f"a.{suffix}")) == pytest.approx(2 * SAMPLE_RATE, abs=2)
