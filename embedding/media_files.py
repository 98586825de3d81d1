"""What is media, by its name; and how a media file is opened."""

from __future__ import annotations

import os
import stat
import struct
import zlib
from typing import BinaryIO, Final, Literal

from attune.core.errors import CostlyMedia, MediaError, UnreachableMedia

Kind = Literal["image", "music"]

RAW_SUFFIXES: Final = frozenset(("arw", "cr2", "cr3", "dng", "nef", "orf", "pef", "raf", "rw2", "srw"))
# fmt: off
_IMAGE: Final = RAW_SUFFIXES | {
    "apng", "avci", "avif", "bmp", "dib", "gif", "heic", "heif", "hif", "j2k", "jfif", "jp2", "jpe", "jpeg",
    "jpg", "pgm", "png", "pnm", "ppm", "qoi", "tga", "tif", "tiff", "webp",
}
_MUSIC: Final = frozenset((
    "aac", "ac3", "aif", "aifc", "aiff", "au", "caf", "flac", "m4a", "m4b", "mka", "mp2", "mp3", "oga", "ogg",
    "opus", "rf64", "tta", "w64", "wav", "wave", "wma", "wv",
))
_REFUSED_SUFFIXES: Final = {
    "video files are not read: save the sound as .m4a, or a still as .jpg": (
        "3gp", "asf", "avi", "flv", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "ogv", "vob",
        "webm", "wmv",
    ),
    "notes, not sound: render it to .flac": ("it", "kar", "mid", "midi", "mod", "s3m", "xm"),
    "a drawing or layers: export it as .png": ("ai", "eps", "kra", "psb", "psd", "svg", "svgz", "xcf"),
    "protected music is not read": ("aax", "m4p"),
}
# fmt: on
_REASONS: Final = {suffix: reason for reason, suffixes in _REFUSED_SUFFIXES.items() for suffix in suffixes}

TOO_MUCH_MEMORY: Final = "reading it takes more memory than allowed (ATTUNE_MEMORY_MB)"
DECODER_ERRORS: Final = (
    # What Pillow, libheif, libsndfile, FFmpeg and mutagen raise on bytes that are not what they should be,
    # seen or possible. One list, so that no reader forgets one.
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    AssertionError,
    EOFError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
)
_PYTHON_ERRORS: Final = (
    # Their texts are about indices and attributes, and tell a reader nothing.
    *(TypeError, LookupError, ArithmeticError, AttributeError, AssertionError, UnicodeError, struct.error),
)


def kind_of(path: str | os.PathLike[str]) -> Kind | None:
    """Say by the name's extension, in any case, whether a file is an image or music.

    Args:
        path: The file; it need not exist.

    Returns:
        The kind, or None for anything else, also for the `._NAME` files that macOS leaves on foreign disks.
    """
    suffix = _suffix(path)
    if suffix in _IMAGE:
        return "image"
    return "music" if suffix in _MUSIC else None


def refusal_reason(path: str | os.PathLike[str]) -> str | None:
    """Say why a file that a person may take for media is not read.

    Args:
        path: The file; it need not exist.

    Returns:
        A reason for a video, a score, a drawing or protected music; None for what is read and for all else.
    """
    return _REASONS.get(_suffix(path))


def open_media(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a media file for reading, and nothing else: a pipe or a device would block or never end.

    Args:
        path: The file.

    Returns:
        The open file, at its start, unbuffered, as some libraries read from its descriptor. It is not empty.

    Raises:
        MediaError: It is missing, forbidden, empty or not a regular file.
    """
    try:
        file = open(path, "rb", buffering=0, opener=_open_nonblocking)  # noqa: SIM115 - for the caller to close
    except IsADirectoryError:
        raise MediaError(path, "a folder, not a file") from None
    except FileNotFoundError:
        raise UnreachableMedia(path, "no such file") from None
    except PermissionError:
        raise UnreachableMedia(path, "no permission to read it") from None
    except (OSError, ValueError) as error:
        raise UnreachableMedia(path, f"cannot be opened: {describe_error(error)}") from error
    status = os.fstat(file.fileno())
    if stat.S_ISREG(status.st_mode) and status.st_size:
        return file
    file.close()
    raise MediaError(path, "empty (0 bytes)" if stat.S_ISREG(status.st_mode) else "not a regular file")


def make_decode_error(path: str | os.PathLike[str], error: BaseException) -> MediaError:
    """Return what is to be raised where a decoder gives a file up."""
    if isinstance(error, MemoryError):
        return CostlyMedia(path, TOO_MUCH_MEMORY)
    return MediaError(path, f"damaged: {describe_error(error)}")


def describe_error(error: BaseException) -> str:
    """Return one short line about a library's error, without the addresses and paths that some put into it.

    Args:
        error: What was raised.

    Returns:
        At most 100 characters.
    """
    if isinstance(error, MemoryError):
        return "more memory is needed than there is"
    if reason := getattr(error, "strerror", None):
        return str(reason)
    if isinstance(error, _PYTHON_ERRORS):
        return "what it says about itself makes no sense"
    text = " ".join(str(error).split())
    return text[:100] if text and "<" not in text and "/" not in text else type(error).__name__


def _suffix(path: str | os.PathLike[str]) -> str:
    name = os.path.basename(os.fspath(path))  # noqa: PTH119 - a scan asks this of every file: no Path objects
    dot = name.rfind(".")
    return "" if dot < 1 or name.startswith("._") else name[dot + 1 :].lower()


def _open_nonblocking(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
