"""Decoding of music: formats, rates, channels, parts of files, and damaged files."""

from __future__ import annotations

import os
import random
import struct
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from attune.core.errors import MediaError, UsageError
from attune.embedding import audio_decoding as decoder
from attune.embedding.audio_decoding import SAMPLE_RATE, iter_audio, read_audio
from attune.tests.media_factory import MUSIC_DAMAGE, MUSIC_SUFFIXES, damaged, encode, photo, song, tune

OTHER_SUFFIXES = ("m4b", "mka", "caf", "wv", "au")
LOSSLESS = ("wav", "flac", "aiff", "m4b", "mka", "caf", "wv", "au")
RATES = {"mp3": (8_000, 22_050, 48_000), "wma": (16_000, 22_050, 44_100), "opus": (48_000,)}


def sine(rate: int, seconds: float = 2.0, hertz: float = 440.0, channels: int = 1) -> NDArray[np.float32]:
    wave = 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    return np.tile(wave.astype(np.float32)[:, None], (1, channels))


def peak_hertz(samples: NDArray[np.float32]) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * SAMPLE_RATE / len(samples)


def level(samples: NDArray[np.float32]) -> float:
    """Return the root mean square of the middle, where no codec fades in or out."""
    middle = samples[len(samples) // 4 : -len(samples) // 4]
    return float(np.sqrt(np.mean(middle**2)))


def cases() -> list[tuple[str, int, int]]:
    listed = []
    for suffix in (*MUSIC_SUFFIXES, *OTHER_SUFFIXES):
        for rate in RATES.get(suffix, (8_000, 22_050, 44_100, 96_000)):
            listed += [
                (suffix, rate, channels) for channels in (1, 2, 6) if channels < 6 or suffix in LOSSLESS
            ]
    return listed


@pytest.mark.parametrize(("suffix", "rate", "channels"), cases())
def test_a_sine_keeps_frequency_level_and_length(
    tmp_path: Path, suffix: str, rate: int, channels: int
) -> None:
    sound = read_audio(encode(tmp_path / f"a.{suffix}", sine(rate, channels=channels), rate))
    assert sound.samples.dtype == np.float32
    assert sound.samples.ndim == 1
    assert peak_hertz(sound.samples) == pytest.approx(440, abs=1)
    assert level(sound.samples) == pytest.approx(0.5 / 2**0.5, rel=0.005 if suffix in LOSSLESS else 0.03)
    padding = 2048 / rate  # AAC without a container and WMA have lengths of whole frames
    assert sound.duration_s == pytest.approx(2, abs=0.001 if suffix in LOSSLESS else 0.01 + padding)
    assert len(sound.samples) / SAMPLE_RATE == pytest.approx(sound.duration_s, abs=0.05)


@pytest.mark.parametrize(
    "subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "MS_ADPCM"]
)
def test_every_kind_of_wav(tmp_path: Path, subtype: str) -> None:
    soundfile.write(tmp_path / "a.wav", sine(SAMPLE_RATE), SAMPLE_RATE, subtype=subtype)
    assert level(read_audio(tmp_path / "a.wav").samples) == pytest.approx(0.5 / 2**0.5, rel=0.02)


def test_left_and_right_are_averaged(tmp_path: Path) -> None:
    both = np.hstack([sine(SAMPLE_RATE), 0 * sine(SAMPLE_RATE)])
    for suffix in ("wav", "aiff"):
        samples = read_audio(encode(tmp_path / f"a.{suffix}", both, SAMPLE_RATE)).samples
        assert np.abs(samples - both[:, 0] / 2).max() < 1e-4


def test_what_is_above_8_khz_does_not_fold_back(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.wav", sine(48_000, hertz=11_000), 48_000)
    assert level(read_audio(path).samples) < 1e-4


@pytest.mark.parametrize("channels", [1, 2])
def test_samples_are_finite_and_limited(tmp_path: Path, channels: int) -> None:
    wild = sine(44_100, channels=channels)
    wild[1000:1010], wild[2000], wild[3000], wild[50_000:] = np.nan, np.inf, 1e38, 9.0
    soundfile.write(tmp_path / "a.wav", wild, 44_100, subtype="FLOAT")
    samples = read_audio(tmp_path / "a.wav").samples
    assert np.isfinite(samples).all()
    assert np.abs(samples).max() <= 4
    assert samples[-2000] == pytest.approx(4, abs=1e-2)


def test_values_above_full_scale_are_no_distortion(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", sine(SAMPLE_RATE), SAMPLE_RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "b.wav", 4 * sine(SAMPLE_RATE), SAMPLE_RATE, subtype="FLOAT")
    soft, loud = (read_audio(tmp_path / name).samples for name in ("a.wav", "b.wav"))
    np.testing.assert_allclose(loud, 4 * soft, atol=1e-5)


@pytest.mark.parametrize("suffix", [*MUSIC_SUFFIXES, *OTHER_SUFFIXES])
def test_a_part_is_the_slice_of_the_whole(tmp_path: Path, suffix: str) -> None:
    path = song(tmp_path / f"a.{suffix}", 1, seconds=6, rate=44_100, channels=2)
    whole, part = read_audio(path), read_audio(path, 2.25, 4.75)
    assert len(part.samples) == pytest.approx(2.5 * SAMPLE_RATE, abs=2)
    assert part.duration_s == pytest.approx(whole.duration_s, abs=0.06)
    inner = slice(1000, 2 * SAMPLE_RATE)
    wanted = whole.samples[round(2.25 * SAMPLE_RATE) :][inner]
    found = part.samples[inner]
    assert np.corrcoef(wanted, found)[0, 1] > 0.98
    assert np.abs(read_audio(path, 2.25).samples[inner] - found).max() < 1e-3


def test_a_part_beyond_the_end(tmp_path: Path) -> None:
    for suffix in MUSIC_SUFFIXES:
        path = song(tmp_path / f"a.{suffix}", 1, seconds=2)
        assert len(read_audio(path, 1.0, 90.0).samples) == pytest.approx(SAMPLE_RATE, abs=0.1 * SAMPLE_RATE)
        for start in (1.95, 30.0):
            with pytest.raises(UsageError, match=rf"a.{suffix} lasts"):
                read_audio(path, start)


@pytest.mark.parametrize(
    ("start", "end"), [(-1, None), (3, 2), (1, 1.4), (float("nan"), None), (float("inf"), None), (0, 0)]
)
def test_an_invalid_interval_is_refused(tmp_path: Path, start: float, end: float | None) -> None:
    with pytest.raises(UsageError, match="at least half a second"):
        read_audio(song(tmp_path / "a.wav", 1), start, end)


@pytest.mark.parametrize("suffix", ["wav", "mp3"])
def test_of_a_long_file_the_beginning_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(decoder, "MAX_SECONDS", 2.0)
    sound = read_audio(song(tmp_path / f"a.{suffix}", 1, seconds=5))
    assert len(sound.samples) == pytest.approx(2 * SAMPLE_RATE, abs=1)
    assert sound.duration_s == pytest.approx(5, abs=0.01)


@pytest.mark.parametrize("kind", MUSIC_DAMAGE)
@pytest.mark.parametrize("suffix", MUSIC_SUFFIXES)
def test_damage_is_a_reason(tmp_path: Path, suffix: str, kind: str) -> None:
    path = damaged(tmp_path / f"a.{suffix}", kind)
    with pytest.raises(MediaError) as caught:
        read_audio(path)
    assert caught.value.path == path
    assert 5 < len(caught.value.reason) < 130
    assert str(tmp_path) not in caught.value.reason


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "aiff", "m4a"])
def test_less_than_nine_tenths_of_what_the_header_says_is_damage(tmp_path: Path, suffix: str) -> None:
    path = song(tmp_path / f"a.{suffix}", 1, seconds=10, rate=44_100)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 7 // 10])
    with pytest.raises(MediaError):
        read_audio(path)
    if suffix != "m4a":  # M4A has its index at the end of the file
        path.write_bytes(whole[: len(whole) * 97 // 100])
        sound = read_audio(path)
        assert 9 < sound.duration_s < 9.95
        assert len(sound.samples) / SAMPLE_RATE == pytest.approx(sound.duration_s, abs=0.01)


@pytest.mark.parametrize("suffix", ["flac", "ogg", "opus", "mp3", "aac"])
def test_a_broken_kilobyte_costs_little(
    tmp_path: Path, suffix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = song(tmp_path / f"a.{suffix}", 1, seconds=10, rate=44_100)
    content = bytearray(path.read_bytes())
    half = len(content) // 2
    content[half : half + 1000] = random.Random(1).randbytes(1000)
    path.write_bytes(content)
    capfd.readouterr()
    assert len(read_audio(path).samples) > 9 * SAMPLE_RATE
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_streamed_wav_announces_nothing(tmp_path: Path, size: int) -> None:
    path = song(tmp_path / "a.wav", 1, seconds=3)
    content = bytearray(path.read_bytes())
    content[4:8] = content[40:44] = struct.pack("<I", size)
    path.write_bytes(content)
    assert read_audio(path).duration_s == pytest.approx(3, abs=0.01)


def test_a_streamed_flac_announces_nothing(tmp_path: Path) -> None:
    path = song(tmp_path / "a.flac", 1, seconds=3)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    path.write_bytes(content)
    assert read_audio(path).duration_s == pytest.approx(3, abs=0.01)


def test_a_playlist_is_not_followed(tmp_path: Path) -> None:
    song(tmp_path / "real.wav", 1)
    for text in (f"ffconcat version 1.0\nfile {tmp_path}/real.wav\n", "#EXTM3U\n#EXTINF:2,\nreal.wav\n"):
        (tmp_path / "a.mp3").write_text(text)
        with pytest.raises(MediaError):
            read_audio(tmp_path / "a.mp3")


def test_too_short_or_no_sound_at_all(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="shorter than half a second"):
        read_audio(song(tmp_path / "a.wav", 1, seconds=0.4))
    with pytest.raises(MediaError, match="no sound"):
        read_audio(photo(tmp_path / "a.jpg", 1).rename(tmp_path / "b.mp3"))
    os.mkfifo(tmp_path / "pipe.mp3")
    for path in (tmp_path / "pipe.mp3", tmp_path):
        with pytest.raises(MediaError):
            read_audio(path)


def test_silence_is_sound(tmp_path: Path) -> None:
    assert not read_audio(encode(tmp_path / "a.flac", 0 * sine(SAMPLE_RATE), SAMPLE_RATE)).samples.any()


def test_the_content_decides_not_the_name(tmp_path: Path) -> None:
    for suffix in MUSIC_SUFFIXES:
        path = song(tmp_path / f"a.{suffix}", 1).rename(tmp_path / "a.mp3")
        assert len(read_audio(path).samples) == pytest.approx(2 * SAMPLE_RATE, abs=0.1 * SAMPLE_RATE)


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    for suffix in ("wav", "mp3"):
        path = song(tmp_path / f"a.{suffix}", 1)
        assert read_audio(path.rename(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.x"))).samples.any()


def read_quietly(path: Path, content: bytes, start_s: float = 0.0) -> None:
    """Decode bytes as music, which must succeed or raise one of our errors."""
    path.write_bytes(content)
    try:
        sound = read_audio(path, start_s)
    except MediaError as error:
        assert error.reason
    except UsageError:
        assert start_s > 0
    else:
        assert np.isfinite(sound.samples).all()
        assert np.abs(sound.samples).max() <= 4


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("originals")
    return {
        suffix: encode(
            folder / f"a.{suffix}", tune(1, 1.5, 48_000 if suffix == "opus" else 8_000), 8_000
        ).read_bytes()
        for suffix in (*MUSIC_SUFFIXES, *OTHER_SUFFIXES)
    }


@settings(max_examples=150, deadline=None)
@given(
    st.binary(min_size=1, max_size=600),
    st.sampled_from([b"", b"RIFF", b"OggS", b"fLaC", b"ID3\4\0\0", b"\xff\xfb"]),
)
def test_random_bytes_raise_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, magic: bytes
) -> None:
    read_quietly(tmp_path_factory.getbasetemp() / "random.mp3", magic + content)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_cut_and_altered_files_raise_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, originals: dict[str, bytes], data: st.DataObject
) -> None:
    suffix = data.draw(st.sampled_from(sorted(originals)))
    content = bytearray(originals[suffix])
    del content[data.draw(st.integers(1, len(content))) :]
    dice = random.Random(data.draw(st.integers(0, 2**32)))
    for _ in range(data.draw(st.integers(0, 8))):
        content[dice.randrange(min(len(content), dice.choice((64, 1024, 10**6))))] = dice.randrange(256)
    path = tmp_path_factory.getbasetemp() / f"altered.{suffix}"
    read_quietly(path, bytes(content), data.draw(st.sampled_from([0.0, 0.3])))


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "opus", "mp3", "m4a", "wma"])
@pytest.mark.parametrize("layout", ["mono", "stereo"])
def test_blocks_of_a_part_are_that_part_of_the_whole(
    tmp_path: Path, suffix: str, layout: Literal["mono", "stereo"]
) -> None:
    path = song(tmp_path / f"a.{suffix}", 1, seconds=5, rate=48_000, channels=2)
    whole = np.concatenate([block for _, block in iter_audio(path, 48_000, layout)], axis=1)
    part = np.concatenate([block for _, block in iter_audio(path, 48_000, layout, 1.7, 3.2)], axis=1)
    assert part.shape == (1 if layout == "mono" else 2, round(1.5 * 48_000))
    expected = whole[:, round(1.7 * 48_000) :][:, : part.shape[1]]
    # AAC replaces noise by noise of its own, another one after a seek.
    assert np.abs(part - expected).mean() < 0.1 * np.abs(expected).mean()


def test_blocks_have_the_rate_of_the_file_and_the_average_of_its_channels(tmp_path: Path) -> None:
    samples = sine(44_100, channels=2) * np.array([1.0, 0.5], np.float32)
    path = encode(tmp_path / "a.wav", samples, 44_100)
    rates, blocks = zip(*iter_audio(path, None, "mono"), strict=True)
    assert set(rates) == {44_100}
    assert np.abs(np.concatenate(blocks, axis=1)[0] - samples.mean(axis=1)).max() < 1e-4


@pytest.mark.parametrize("kind", ["empty", "text", "noise"])
def test_blocks_of_a_damaged_file_are_a_reason(tmp_path: Path, kind: str) -> None:
    with pytest.raises(MediaError):
        list(iter_audio(damaged(tmp_path / "a.mp3", kind), 48_000, "stereo"))
