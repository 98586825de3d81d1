"""Media types by file name, safe opening of media files, and error texts for damaged ones."""

from __future__ import annotations

import os
import stat
import struct
import zlib
from io import FileIO
from typing import Final, Literal

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
    # Everything that Pillow, libheif, libsndfile, FFmpeg and mutagen raise, or may raise, on invalid bytes.
    # One list for all decoders, so that none misses an error.
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
    # Their texts are about indices and attributes, which mean nothing to users.
    *(TypeError, LookupError, ArithmeticError, AttributeError, AssertionError, UnicodeError, struct.error),
)


def kind_of(path: str | os.PathLike[str]) -> Kind | None:
    """Return the media type of a file by its extension, in upper or lower case.

    Args:
        path: The file; it need not exist.

    Returns:
        The kind; None for other files, including the `._NAME` files that macOS writes to foreign disks.
    """
    suffix = _suffix(path)
    if suffix in _IMAGE:
        return "image"
    return "music" if suffix in _MUSIC else None


def refusal_reason(path: str | os.PathLike[str]) -> str | None:
    """Return why a file that users may expect to be read is not read.

    Args:
        path: The file; it need not exist.

    Returns:
        The reason for a video, a score, a drawing or protected music; None for any other file.
    """
    return _REASONS.get(_suffix(path))


def open_media(path: str | os.PathLike[str]) -> FileIO:
    """Open a media file for reading; refuse pipes and devices, which could block or never end.

    Args:
        path: The file.

    Returns:
        The open file, at its start and not empty. It is unbuffered, as some libraries use its descriptor.

    Raises:
        MediaError: The file is missing, not permitted, empty or not a regular file.
    """
    try:
        file = open(path, "rb", buffering=0, opener=_open_nonblocking)  # noqa: SIM115 - the caller closes it
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
    """Return the error to raise when a decoder fails on a file."""
    if isinstance(error, MemoryError):
        return CostlyMedia(path, TOO_MUCH_MEMORY)
    return MediaError(path, f"damaged: {describe_error(error)}")


def describe_error(error: BaseException) -> str:
    """Return one short line about a library's error, without addresses and paths.

    Args:
        error: The error that the library raised.

    Returns:
        At most 100 characters.
    """
    if isinstance(error, MemoryError):
        return "more memory is needed than there is"
    if reason := getattr(error, "strerror", None):
        return str(reason)
    if isinstance(error, _PYTHON_ERRORS):
        return "its header or structure is invalid"
    text = " ".join(str(error).split())
    return text[:100] if text and "<" not in text and "/" not in text else type(error).__name__


def _suffix(path: str | os.PathLike[str]) -> str:
    name = os.path.basename(os.fspath(path))  # noqa: PTH119 - called for every file of a scan, where Path objects would be slow
    dot = name.rfind(".")
    return "" if dot < 1 or name.startswith("._") else name[dot + 1 :].lower()


def _open_nonblocking(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
