"""Kinds of media by a file's first bytes, for files whose names do not tell.

A scan goes by names, as opening each of half a million files would take minutes. Only a file whose suffix is
missing or unknown is opened, to tell people of pictures and music that they may expect to find.
"""

from __future__ import annotations

import mimetypes
import os
import re
from functools import cache
from typing import Final, NamedTuple

from attune.core.errors import MediaError
from attune.embedding.media_files import MEDIA_SUFFIXES, Kind, find_suffix, open_media

HEAD_BYTES: Final = 64
"""How many bytes of a file `recognise` looks at."""


class ContentType(NamedTuple):
    """A kind of media.

    Attributes:
        name: For people, with its article: "a JPEG picture".
        kind: image or music; None if such files are not read.
        suffix: The suffix, without the dot, by which such files are read; None if they are not.
    """

    name: str
    kind: Kind | None = None
    suffix: str | None = None


# fmt: off
# Patterns for the first bytes, the first that matches counts. Where text or other data may begin alike ("BM",
# "MAC ", a frame of MP3), they check more of the header than the usual signature.
_PICTURES: Final = (
    (rb"\xff\xd8\xff[\xc0-\xfe]", "a JPEG picture", "jpg"),
    (rb"\x89PNG\r\n\x1a\n", "a PNG picture", "png"),
    (rb"GIF8[79]a.[\x00-\x1f].[\x00-\x1f]", "a GIF picture", "gif"),
    (rb"RIFF.{4}WEBPVP8", "a WebP picture", "webp"),
    (rb"\x00\x00\x00\x0cjP  \r\n\x87\n", "a JPEG 2000 picture", "jp2"),
    (rb"\x00\x00\x00\x0cJXL \r\n\x87\n", "a JPEG XL picture", "jxl"),
    (rb"BM.{4}\x00{4}.{2}\x00\x00[\x0c\x28\x34\x38\x40\x6c\x7c]\x00\x00\x00", "a BMP picture", "bmp"),
    (rb"FUJIFILMCCD-RAW ", "a Fujifilm RAW picture", "raf"),
    (rb"II\x2a\x00.{4}CR\x02", "a Canon RAW picture", "cr2"),
    (rb"\x00\x00\x00.ftypcrx ", "a Canon RAW picture", "cr3"),
    (rb"IIR[OS]\x08\x00|MMOR\x00\x00", "an Olympus RAW picture", "orf"),
    (rb"IIU\x00[\x08\x18]\x00\x00\x00", "a Panasonic RAW picture", "rw2"),
    (rb"II(?:\x2a\x00|\x2b\x00\x08\x00)|MM(?:\x00\x2a|\x00\x2b\x00\x08)", "a TIFF or RAW picture",
     "tif, or as its camera names it"),
    (rb"\x00\x00\x00.ftyp(?:heic|heix|heim|heis|hevc|mif1|msf1)", "a HEIC picture", "heic"),
    (rb"\x00\x00\x00.ftypavi[fs]", "an AVIF picture", "avif"),
)
_MUSIC: Final = (
    (rb"\x00\x00\x00.ftypM4[ABP] ", "M4A music", "m4a"),
    (rb"fLaC[\x00\x80]\x00\x00\x22", "FLAC music", "flac"),
    (rb"OggS\x00\x02.{22}OpusHead", "Opus music", "opus"),
    (rb"OggS\x00\x02.{22}Speex   ", "Speex sound", "spx"),
    (rb"OggS\x00(?!.{23}(?:\x80theora|BBCD\x00|fishead\x00))", "Ogg music", "ogg"),
    (rb"(?:RIFF|RF64).{4}WAVE", "WAV music", "wav"),
    (rb"FORM.{4}AIF[FC]", "AIFF music", "aiff"),
    (rb"FRM8\x00{4}.{4}DSD ", "DSD music", "dff"),
    (rb"DSD \x1c\x00{7}", "DSD music", "dsf"),
    (rb"caff\x00[\x01\x02]\x00\x00", "CAF music", "caf"),
    (rb"\.snd\x00\x00..", "AU music", "au"),
    (rb"ID3[\x02-\x04][\x00-\x0a][\x00\x10\x20\x40\x80\xc0\xe0][\x00-\x7f]{4}", "MP3 music", "mp3"),
    # MPEG-1, -2 or -2.5, layer 3, a valid bit rate and sample rate, and nothing of an earlier frame.
    (rb"\xff[\xe3\xf3\xfb][\x10-\x1b\x20-\x2b\x30-\x3b\x40-\x4b\x50-\x5b\x60-\x6b\x70-\x7b\x80-\x8b"
     rb"\x90-\x9b\xa0-\xab\xb0-\xbb\xc0-\xcb\xd0-\xdb\xe0-\xeb].\x00[\x00-\x7f]", "MP3 music", "mp3"),
    # AAC-LC in ADTS: 8 to 96 kHz, one to six channels, one frame of less than 2 KB.
    (rb"\xff[\xf0\xf1\xf8\xf9][\x40-\x6c][\x40-\x43\x80-\x83\xc0-\xc3\x00-\x03].[\x1f\x3f\x5f\x7f\x9f\xbf"
     rb"\xdf\xff]\xfc", "AAC music", "aac"),
    (rb"wvpk.{4}[\x02-\x10]\x04", "WavPack music", "wv"),
    (rb"MAC [\xd8-\xff]\x0e|MAC .\x0f", "Monkey's Audio music", "ape"),
    (rb"MPCK(?:SH|RG|EI|SO|AP)|MP\+[\x07\x17].{3}\x00", "Musepack music", "mpc"),
    (rb"tBaK\x01", "TAK music", "tak"),
    (rb"TTA1[\x01\x02]\x00", "TTA music", "tta"),
    (rb"#!AMR(?:-WB)?\n", "AMR sound", "amr"),
    (rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c",
     "Windows Media, music or video", "wma"),
)
_OTHERS: Final = (
    (rb"8BPS\x00[\x01\x02]\x00", "a Photoshop picture"),
    (rb"\x00\x00\x00.ftyp[\x20-\x7e]{4}", "an MP4 or QuickTime video"),
    (rb"\x00...(?:moov.{4}(?:mvhd|cmov)|mdat|wide.{4}mdat)", "a QuickTime video"),
    (rb"OggS\x00\x02.{22}(?:\x80theora|BBCD\x00|fishead\x00)", "an Ogg video"),
    (rb"RIFF.{4}AVI ", "an AVI video"),
    (rb"RIFF.{4}RMID|MThd\x00\x00\x00\x06", "MIDI notes"),
    (rb"\x1a\x45\xdf\xa3.{0,40}\x42\x82.{1,8}(?:webm|matroska)", "a Matroska or WebM video"),
    (rb"FLV\x01[\x01\x04\x05]\x00\x00\x00\x09", "a Flash video"),
    (rb"\x00\x00\x01(?:\xba[\x21-\x2f\x40-\x7f]|\xb3[\x01-\xff])", "an MPEG video"),
    (rb"(?:....)?\x47\x40[\x00\x11][\x10-\x1f]", "an MPEG video"),
    (rb"\.RMF\x00\x00\x00", "a Real video or RealAudio"),
)
# fmt: on
_SIGNATURES: Final = (
    *(
        (re.compile(pattern, re.DOTALL), ContentType(name, "image", suffix))
        for pattern, name, suffix in _PICTURES
    ),
    *(
        (re.compile(pattern, re.DOTALL), ContentType(name, "music", suffix))
        for pattern, name, suffix in _MUSIC
    ),
    *((re.compile(pattern, re.DOTALL), ContentType(name)) for pattern, name in _OTHERS),
)
# Suffixes of files that are being written.
_UNFINISHED: Final = frozenset(
    ("part", "partial", "crdownload", "download", "opdownload", "filepart", "!qb", "!ut", "tmp", "temp")
)
# Data that belongs to a media file of the same name, and begins as it does.
_COMPANIONS: Final = frozenset(("wvc",))


def recognise(head: bytes) -> ContentType | None:
    """Return the kind of media that a file's first bytes show.

    Text, programs, databases and archives are never taken for media.

    Args:
        head: The first HEAD_BYTES bytes of the file, or all of a shorter one.
    """
    return next((content for pattern, content in _SIGNATURES if pattern.match(head)), None)


def read_content_type(path: str | os.PathLike[str]) -> ContentType | None:
    """Return the kind of media that a file holds by its first bytes.

    Returns:
        The kind; None if it is not recognised, or the file is empty, no regular file or cannot be read.
    """
    try:
        with open_media(path) as file:
            return recognise(file.read(HEAD_BYTES))
    except (MediaError, OSError):
        return None


def describe_unnamed(path: str | os.PathLike[str]) -> str | None:
    """Return why a file is not read that is media by its content, but not by its name.

    The file is opened only if its suffix is missing or unknown.

    Args:
        path: The file.

    Returns:
        The reason, for people; None for a file whose suffix is known, a hidden file (its name begins with a
        dot), and a file that is no media or cannot be read.
    """
    suffix = find_suffix(path)
    if suffix in _known_suffixes() or _is_hidden(path) or (content := read_content_type(path)) is None:
        return None
    if suffix in _UNFINISHED:
        return f"an unfinished or temporary file: {content.name} by its content"
    if content.suffix is None:
        return f"{content.name} by its content, which is not read"
    return f"{content.name} by its content, not by its name: rename it to end in .{content.suffix}"


def _is_hidden(path: str | os.PathLike[str]) -> bool:
    return os.path.basename(os.fspath(path)).startswith(".")  # noqa: PTH119 - called for each file of a scan


@cache
def _known_suffixes() -> frozenset[str]:
    """Return the suffixes of media and of everything else that has one, in lower case, without the dot.

    The latter from Python's own table, and not from the system's, so that all machines agree.
    """
    table = mimetypes.MimeTypes(filenames=()).types_map[True]
    others = (suffix for suffix, kind in table.items() if kind.startswith(("text/", "application/", "font/")))
    return frozenset(suffix[1:].lower() for suffix in others) | MEDIA_SUFFIXES | _COMPANIONS
