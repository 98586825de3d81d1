"""What becomes of each kind of file: read, or refused with a reason; never left out without a word.

`ATTUNE_UPDATE_SNAPSHOTS=1 pytest tests/embedding/test_file_kinds.py` writes the tables of docs/formats.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import soundfile
from PIL import Image

from attune.core.errors import MediaError
from attune.embedding.audio_decoding import iter_audio
from attune.embedding.content_type import describe_unnamed
from attune.embedding.image_decoding import decode_image
from attune.embedding.media_files import MEDIA_SUFFIXES, kind_of, refusal_reason
from attune.tests.camera_factory import dng, heic
from attune.tests.media_factory import multitrack, photo, scene, song
from attune.tests.rare_music import RARE_SUFFIXES, SOUNDLESS, rare_song

PAGE = Path(__file__).resolve().parents[2] / "docs" / "formats.md"
READ, NO_MEDIA = "read", "left out: no media"


@dataclass(frozen=True)
class FileKind:
    """A row of the table.

    Attributes:
        name: For people.
        suffixes: Separated by blanks; the file that is made has the first one.
        make: Writes a file of the kind; None: only the name is tried.
        decoder: FFmpeg's container and codec, where no file can be made; both must be installed.
        outcome: A word of what is expected: READ, NO_MEDIA or one of the reason.
    """

    name: str
    suffixes: str
    make: Callable[[Path], Path] | None = None
    decoder: tuple[str, str] | None = None
    outcome: str = READ

    def tried(self) -> Literal["a file", "its decoder", "its name"]:
        return "a file" if self.make else "its decoder" if self.decoder else "its name"


def some_photo(path: Path) -> Path:
    return photo(path, 1)


def some_song(path: Path) -> Path:
    return song(path, 1)


def write_mpo(path: Path) -> Path:
    left, right = (Image.fromarray(scene(seed, (64, 48))) for seed in (1, 2))
    left.save(path, "MPO", save_all=True, append_images=[right])
    return path


def write_jxl(path: Path) -> Path:
    import pillow_jxl  # noqa: F401 - registers the format

    return photo(path, 1)


def without_suffix(make: Callable[[Path], Path], suffix: str) -> Callable[[Path], Path]:
    return lambda path: make(path.with_name(f"a.{suffix}")).rename(path)


def write_protected(path: Path) -> Path:
    song(path, 1)
    path.write_bytes(path.read_bytes().replace(b"mp4a", b"drms"))
    return path


def write_unknown_codec(path: Path) -> Path:
    song(path, 1)
    path.write_bytes(path.read_bytes().replace(b"A_FLAC", b"A_XYZW"))
    return path


def write_video(path: Path) -> Path:
    return multitrack(path, [(440.0, 2.0)], video=True)


def write_silent_video(path: Path) -> Path:
    return multitrack(path, [], video=True)


def write_dts_flac(path: Path) -> Path:
    content = bytearray(np.random.default_rng(1).bytes(1 << 18))
    for offset in range(0, len(content), 4096):
        content[offset : offset + 4] = b"\xfe\x7f\x01\x80"
    soundfile.write(path, np.frombuffer(content, "<i2").reshape(-1, 2), 44_100, subtype="PCM_16")
    return path


def write_text(path: Path) -> Path:
    path.write_text("Bread, milk and six eggs\n")
    return path


NOTES, PROJECT, DRAWING = "notes, not sound", "project of a music program", "a drawing or layers"
KINDS = (
    FileKind("JPEG", "jpg jpeg jpe jfif", some_photo),
    FileKind("PNG", "png", some_photo),
    FileKind("animated PNG", "apng", without_suffix(some_photo, "png")),
    FileKind("GIF", "gif", some_photo),
    FileKind("WebP", "webp", some_photo),
    FileKind("AVIF", "avif", some_photo),
    FileKind("HEIC", "heic heif hif avci", lambda path: heic(path, scene(1, (64, 64)))),
    FileKind("TIFF", "tif tiff", some_photo),
    FileKind("BMP", "bmp dib", some_photo),
    FileKind("JPEG 2000", "jp2 j2k", some_photo),
    FileKind("PNM", "ppm pgm pnm", some_photo),
    FileKind("Targa", "tga", some_photo),
    FileKind("QOI", "qoi", some_photo),
    FileKind("two pictures of a 3D camera", "mpo", write_mpo),
    FileKind("JPEG XL", "jxl", write_jxl),
    FileKind("RAW: DNG", "dng", lambda path: dng(path, scene(1, (640, 480)))),
    FileKind("RAW: Canon", "cr2 cr3"),
    FileKind("RAW: Nikon", "nef nrw"),
    FileKind("RAW: Sony", "arw"),
    FileKind("RAW: Fujifilm", "raf"),
    FileKind("RAW: Olympus, Panasonic, Pentax, Samsung", "orf rw2 pef srw"),
    FileKind("RAW: Hasselblad, Phase One, Minolta, Sigma", "3fr iiq mrw x3f"),
    FileKind("Photoshop", "psd psb", outcome=DRAWING),
    FileKind("GIMP, Krita, Affinity", "xcf kra afphoto", outcome=DRAWING),
    FileKind("vector drawing", "svg ai eps cdr", outcome=DRAWING),
    FileKind("high dynamic range", "exr hdr", outcome="picture"),
    FileKind("icon", "ico cur icns", outcome="icons"),
    FileKind("scanned book", "djvu", outcome="picture"),
    FileKind("WAV", "wav wave bwf rf64 w64", some_song),
    FileKind("FLAC", "flac", some_song),
    FileKind("Ogg Vorbis", "ogg oga", some_song),
    FileKind("Opus", "opus", some_song),
    FileKind("MP3", "mp3", some_song),
    FileKind("MPEG layer 1 and 2", "mp1 mp2 mpa m2a", rare_song),
    FileKind("AAC in MP4", "m4a m4b m4r", some_song),
    FileKind("AAC", "aac adts", some_song),
    FileKind("Windows Media", "wma", some_song),
    FileKind("AIFF", "aiff aif aifc", some_song),
    FileKind("Core Audio", "caf", some_song),
    FileKind("Sun audio", "au snd", some_song),
    FileKind("Matroska, WebM", "mka weba", some_song),
    FileKind("WavPack", "wv", some_song),
    FileKind("Apple Lossless", "alac", rare_song),
    FileKind("True Audio", "tta", rare_song),
    FileKind("Monkey's Audio", "ape", rare_song),
    FileKind("Musepack", "mpc mp+ mpp", rare_song),
    FileKind("Musepack SV7", "mpc", decoder=("mpc", "mpc7")),
    FileKind("Shorten", "shn", rare_song),
    FileKind("TAK", "tak", decoder=("tak", "tak")),
    FileKind("Speex", "spx", rare_song),
    FileKind("DSD: Sony", "dsf", rare_song),
    FileKind("DSD: Philips", "dff", rare_song),
    FileKind("Dolby Digital", "ac3", rare_song),
    FileKind("Dolby Digital Plus", "ec3 eac3", rare_song),
    FileKind("Dolby TrueHD, MLP", "thd mlp", decoder=("truehd", "truehd")),
    FileKind("DTS", "dts dtshd", decoder=("dts", "dca")),
    FileKind("phone recording", "amr 3ga", rare_song),
    FileKind("phone recording, wide band", "awb", rare_song),
    FileKind("GSM", "gsm", rare_song),
    FileKind("Creative voice", "voc", rare_song),
    FileKind("Amiga", "8svx svx", rare_song),
    FileKind("ATRAC", "oma aa3 at3", decoder=("oma", "atrac3")),
    FileKind("TwinVQ", "vqf", decoder=("vqf", "twinvq")),
    FileKind("RealAudio, OptimFROG", "ra ofr", outcome="music file that is not read"),
    FileKind("protected music", "m4p aax ncm", outcome="protected"),
    FileKind("protected music by its content", "m4a", write_protected, outcome="protected"),
    FileKind("unknown codec", "mka", write_unknown_codec, outcome="codec"),
    FileKind("DTS stored as FLAC", "flac", write_dts_flac, outcome="DTS"),
    FileKind("video with sound, called .m4a", "m4a", write_video),
    FileKind("video without sound, called .m4a", "m4a", write_silent_video, outcome="no audio track"),
    FileKind("picture called .mp3", "mp3", without_suffix(some_photo, "jpg"), outcome="a JPEG picture"),
    FileKind("MIDI, trackers", "mid midi kar xm s3m it", outcome=NOTES),
    FileKind("scores", "mscz musicxml gp5", outcome=NOTES),
    FileKind("projects of music programs", "als flp cpr rpp aup3", outcome=PROJECT),
    FileKind("samples of instruments", "sf2 sfz", outcome="instruments"),
    FileKind("track of an audio CD", "cda", outcome="a link to a track"),
    FileKind("image of a disc", "nrg mdf", outcome="image of a disc"),
    FileKind("video: MP4", "mp4 m4v mov 3gp", outcome="video"),
    FileKind("video: Matroska, WebM, Ogg", "mkv webm ogv", outcome="video"),
    FileKind("video: camcorder, disc", "mts m2ts vob mpg mxf", outcome="video"),
    FileKind("video: others", "avi wmv flv rm divx", outcome="video"),
    FileKind("JPEG without a suffix", "", without_suffix(some_photo, "jpg"), outcome="end in .jpg"),
    FileKind("FLAC of an unknown suffix", "xyzw", without_suffix(some_song, "flac"), outcome="end in .flac"),
    FileKind("video without a suffix", "", without_suffix(write_video, "m4a"), outcome="video"),
    FileKind("unfinished download", "part", without_suffix(some_photo, "jpg"), outcome="unfinished"),
    FileKind("text", "txt md html", write_text, outcome=NO_MEDIA),
    FileKind("text without a suffix", "", write_text, outcome=NO_MEDIA),
    FileKind("playlist", "m3u m3u8 pls cue", write_text, outcome=NO_MEDIA),
    FileKind("archives, programs, documents", "zip exe pdf py", outcome=NO_MEDIA),
    FileKind("notes of a photo program", "xmp", write_text, outcome=NO_MEDIA),
)


def find_outcome(row: FileKind, folder: Path) -> str:
    """Return what becomes of a file: READ, NO_MEDIA or the reason why it is not read."""
    name = f"a.{row.suffixes.split()[0]}" if row.suffixes else "a"
    path = row.make(folder / name) if row.make else folder / name
    reason = refusal_reason(path)
    if reason is not None:
        return reason
    kind = kind_of(path)
    if kind is None:
        return describe_unnamed(path) or NO_MEDIA
    if row.make is None:
        return READ
    try:
        if kind == "image":
            decode_image(path)
        else:
            assert sum(block.shape[1] for _, block in iter_audio(path, 16_000, "mono")) > 1.9 * 16_000
    except MediaError as error:
        return error.reason
    return READ


@pytest.mark.parametrize("row", KINDS, ids=lambda row: row.name)
def test_each_kind_is_read_or_has_its_reason(tmp_path: Path, row: FileKind) -> None:
    outcome = find_outcome(row, tmp_path)
    assert outcome == row.outcome if row.outcome in (READ, NO_MEDIA) else row.outcome in outcome
    for suffix in row.suffixes.split():
        others = (kind_of(f"a.{suffix}"), refusal_reason(f"a.{suffix}"))
        first = row.suffixes.split()[0]
        assert others == (kind_of(f"a.{first}"), refusal_reason(f"a.{first}"))


@pytest.mark.parametrize("row", [row for row in KINDS if row.decoder], ids=lambda row: row.name)
def test_what_cannot_be_made_has_its_decoder(row: FileKind) -> None:
    import av

    assert row.decoder is not None
    container, codec = row.decoder
    assert av.ContainerFormat(container, "r").is_input
    assert av.Codec(codec, "r").type == "audio"


@pytest.mark.parametrize("suffix", [suffix for suffix in RARE_SUFFIXES if suffix not in SOUNDLESS])
def test_a_rare_format_keeps_its_pitch(tmp_path: Path, suffix: str) -> None:
    blocks = [block for _, block in iter_audio(rare_song(tmp_path / f"a.{suffix}"), 16_000, "mono")]
    samples = np.concatenate(blocks, axis=1)[0]
    assert len(samples) == pytest.approx(2 * 16_000, abs=1000)
    assert float(np.argmax(np.abs(np.fft.rfft(samples[:16_000])))) == pytest.approx(440, abs=4)
    assert float(np.abs(samples).max()) == pytest.approx(0.5, abs=0.03)


def make_kinds_table(folder: Path) -> str:
    """Return the first table: what becomes of each kind, by trying it."""
    lines = ["| kind | suffixes | what happens | tried with |", "| --- | --- | --- | --- |"]
    for index, row in enumerate(KINDS):
        (folder / str(index)).mkdir()
        outcome = find_outcome(row, folder / str(index))
        lines.append(f"| {row.name} | {row.suffixes or '–'} | {outcome} | {row.tried()} |")
    return "\n".join(lines)


def make_suffix_table() -> str:
    """Return the second table: all suffixes, by what is done with them."""
    groups: dict[str, list[str]] = {}
    for suffix in sorted(MEDIA_SUFFIXES):
        kind = kind_of(f"a.{suffix}")
        groups.setdefault(f"read: {kind}" if kind else refusal_reason(f"a.{suffix}") or "", []).append(suffix)
    lines = ["| what happens | suffixes |", "| --- | --- |"]
    return "\n".join(
        [*lines, *(f"| {outcome} | {' '.join(groups[outcome])} |" for outcome in sorted(groups))]
    )


@pytest.mark.parametrize("heading", ["Kinds", "Suffixes"])
def test_the_page_says_what_happens(tmp_path: Path, heading: str) -> None:
    table = make_kinds_table(tmp_path) if heading == "Kinds" else make_suffix_table()
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(f"## {heading}\n", 1)
    old = "\n".join(line for line in rest.split("\n## ")[0].splitlines() if line.startswith("|"))
    if os.environ.get("ATTUNE_UPDATE_SNAPSHOTS"):
        rest = rest.replace(old, table, 1) if old else f"\n{table}\n{rest}"
        PAGE.write_text(f"{before}## {heading}\n{rest}", encoding="utf-8")
    else:
        assert old == table
