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

# fmt: off
# The suffixes of the cameras that LibRaw's documentation lists. Some mean other things too (.raw, .cap); the
# content then gives the reason.
RAW_SUFFIXES: Final = frozenset((
    "3fr", "arq", "arw", "bay", "cap", "cr2", "cr3", "crw", "cs1", "dc2", "dcr", "dcs", "dng", "drf",
    "eip", "erf", "fff", "gpr", "iiq", "k25", "kc2", "kdc", "mdc", "mef", "mos", "mrw", "nef", "nrw",
    "obm", "orf", "pef", "ptx", "pxn", "qtk", "raf", "raw", "rdc", "rw2", "rwl", "rwz", "sr2", "srf",
    "srw", "sti", "x3f",
))
_IMAGE: Final = RAW_SUFFIXES | {
    "apng", "avci", "avcs", "avif", "avifs", "bmp", "dib", "gif", "heic", "heics", "heif", "heifs", "hif",
    "icb", "j2c", "j2k", "jfif", "jp2", "jpc", "jpe", "jpeg", "jpf", "jpg", "jps", "jpx", "jxl", "mpo",
    "pbm", "pcx", "pfm", "pgm", "png", "pnm", "ppm", "qoi", "sgi", "tga", "tif", "tiff", "vda", "vst",
    "webp",
}
_MUSIC: Final = frozenset((
    "3ga", "8svx", "aa3", "aac", "ac3", "adts", "aif", "aifc", "aiff", "alac", "amr", "ape", "at3", "au",
    "awb", "bwf", "caf", "dff", "dsf", "dts", "dtshd", "eac3", "ec3", "flac", "gsm", "m2a", "m4a", "m4b",
    "m4r", "mka", "mlp", "mp+", "mp1", "mp2", "mp3", "mpa", "mpc", "mpp", "oga", "ogg", "oma", "opus",
    "rf64", "shn", "snd", "spx", "svx", "tak", "thd", "tta", "voc", "vqf", "w64", "wav", "wave", "weba",
    "wma", "wv",
))
_REFUSED_SUFFIXES: Final = {
    "video files are not read: save the sound as .m4a, or a still as .jpg": (
        "360", "3g2", "3gp", "3gp2", "3gpp", "3gpp2", "amv", "asf", "avi", "bik", "braw", "camrec", "crm",
        "divx", "dv", "dvr-ms", "evo", "f4v", "fli", "flv", "gifv", "h264", "h265", "hevc", "insv", "ismv",
        "ivf", "lrv", "m1v", "m2p", "m2t", "m2ts", "m2v", "m4s", "m4v", "mj2", "mjpeg", "mjpg", "mk3d",
        "mkv", "mng", "mov", "movie", "mp4", "mp4v", "mpe", "mpeg", "mpg", "mpg4", "mpv", "mts", "mxf",
        "nsv", "nut", "ogm", "ogv", "ogx", "qt", "r3d", "rm", "rmvb", "swf", "tod", "trp", "viv", "vob",
        "vro", "webm", "wmv", "wtv", "xvid", "y4m",
    ),
    "notes, not sound: render it to .flac": (
        "669", "gbs", "gp3", "gp4", "gp5", "it", "kar", "ly", "mid", "midi", "mod", "mptm", "mscx", "mscz",
        "mtm", "mus", "musicxml", "mxl", "nsf", "okt", "ptb", "rmi", "s3m", "sib", "sid", "smf", "spc",
        "stm", "ult", "umx", "vgm", "vgz", "xm", "xmi", "ym",
    ),
    "instruments, not music": ("dls", "nki", "sf2", "sf3", "sfz"),
    "a project of a music program: export the mix as .flac": (
        "als", "ardour", "aup", "aup3", "band", "bwproject", "cpr", "cwp", "dawproject", "flp", "logicx",
        "mmp", "mmpz", "npr", "omf", "ptf", "ptx", "reason", "rpp", "sesx", "song", "xrns",
    ),
    "a drawing or layers: export it as .png": (
        "afdesign", "afphoto", "afpub", "ai", "cdr", "cdt", "cgm", "clip", "cpt", "drawio", "dwg", "dxf",
        "emf", "eps", "indd", "kra", "mdp", "odg", "ora", "pdd", "pdn", "procreate", "psb", "psd", "psdt",
        "psp", "pspimage", "pxd", "sai", "sai2", "sketch", "svg", "svgz", "tvpp", "vsd", "vsdx", "wmf",
        "wpg", "xar", "xcf", "xd",
    ),
    "a kind of picture that is not read: export it as .png": (
        "bpg", "cin", "dcm", "dds", "djv", "djvu", "dpx", "exr", "fits", "flif", "fpx", "fts", "hdp", "hdr",
        "ief", "jbig", "jls", "jng", "jpm", "jxr",
        "jxs", "lbm", "livp", "pam", "pcd", "pct", "pict", "pns", "ras", "rgb",
        "rgbe", "wbmp", "wdp", "xbm", "xpm", "xwd",
    ),
    "icons are not read": ("ani", "cur", "icns", "ico"),
    "a kind of music file that is not read: convert it to .flac": (
        "aea", "at9", "ds2", "dss", "dvf", "lpac", "mogg", "msv", "ofr", "ofs", "qcp", "ra", "rka", "sd2",
        "vox", "wvx", "xwma",
    ),
    "a link to a track of an audio CD, not sound: copy the CD as .flac": ("cda",),
    "an image of a disc: save its tracks as .flac": ("cdi", "mdf", "nrg", "toast"),
    "protected music is not read": (
        "aa", "aax", "aaxc", "kgm", "kgma", "kwm", "m4p", "mflac", "mgg", "ncm", "omg", "qmc0", "qmc3",
        "qmcflac", "qmcogg", "tkm", "vpr",
    ),
}
# fmt: on
_READ: Final = _IMAGE | _MUSIC
_REASONS: Final = {
    suffix: reason
    for reason, suffixes in _REFUSED_SUFFIXES.items()
    for suffix in suffixes
    if suffix not in _READ
}
MEDIA_SUFFIXES: Final = _READ | _REASONS.keys()
"""All suffixes, in lower case, of files that are read or refused with a reason."""

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
    suffix = find_suffix(path)
    if suffix in _IMAGE:
        return "image"
    return "music" if suffix in _MUSIC else None


def find_suffix(path: str | os.PathLike[str]) -> str:
    """Return a file's extension in lower case, without the dot; "" for `.NAME` and macOS's `._NAME.EXT`."""
    name = os.path.basename(os.fspath(path))  # noqa: PTH119 - called for every file of a scan, where Path objects would be slow
    dot = name.rfind(".")
    return "" if dot < 1 or name.startswith("._") else name[dot + 1 :].lower()


def refusal_reason(path: str | os.PathLike[str]) -> str | None:
    """Return why a file that users may expect to be read is not read.

    Args:
        path: The file; it need not exist.

    Returns:
        The reason for a video, a score, a project, a drawing, protected music or an unusual format; None for
        any other file.
    """
    return _REASONS.get(find_suffix(path))


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


def _open_nonblocking(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
