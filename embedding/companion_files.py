"""Files beside a picture or a song that tell about it: XMP sidecars, and the video of a Live Photo."""

from __future__ import annotations

import functools
import os
import stat
import time
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from attune.core.errors import MediaError
from attune.embedding.date_text import parse_date_text
from attune.embedding.media_facts import NO_FACTS, CaptureFacts
from attune.embedding.media_files import DECODER_ERRORS, open_media
from attune.embedding.xmp import MAX_BYTES, parse_xmp

_SIDECAR: Final = ".xmp"
_VIDEOS: Final = (".mov", ".mp4")
_PICTURES: Final = (".HEIC", ".JPG", ".JPEG", ".heic", ".jpg", ".jpeg", ".HEIF", ".heif")
# With the time zone; then QuickTime's own, which FFmpeg shows in UTC.
_VIDEO_DATES: Final = ("com.apple.quicktime.creationdate", "creation_time")
_EPOCH: Final = "1971"  # a recorder without a clock begins in 1904 or 1970
# A folder that changed this short a time ago may change again without a new modification time.
_SETTLED_NS: Final = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Sidecar:
    """The XMP sidecar of a file, or that it has none.

    Attributes:
        facts: What it says about its file; nothing if it cannot be read.
        mtime_ns: When it was changed, nanoseconds since 1970; None if there is none.
    """

    facts: CaptureFacts = NO_FACTS
    mtime_ns: int | None = None


def list_companions(names: Iterable[str]) -> dict[str, str]:
    """Return those names of a folder's files that may be companions, by their lower-case form."""
    suffixes = (_SIDECAR, *_VIDEOS)
    # Of names that differ in case alone, the first counts.
    return {name.lower(): name for name in sorted(names, reverse=True) if name.lower().endswith(suffixes)}


def find_sidecar(name: str, companions: Mapping[str, str]) -> str | None:
    """Return the name of a file's sidecar, None if it has none.

    Args:
        name: Name of the file, without its folder.
        companions: Names of files in the same folder, by their lower-case form, from `list_companions`.

    Returns:
        `NAME.EXT.xmp`, as darktable and digiKam write it; else `NAME.xmp`, as Lightroom and Bridge do; each
        in upper or lower case.
    """
    lower = name.lower()
    return companions.get(lower + _SIDECAR) or companions.get(_drop_suffix(lower) + _SIDECAR)


def is_live_photo_video(name: str, names: Container[str]) -> bool:
    """Return whether a file is the video that a phone stores beside a picture, with the same name.

    Args:
        name: Name of the file, without its folder.
        names: Names of the files in the same folder.
    """
    stem, suffix = os.path.splitext(name)  # noqa: PTH122 - called for every file of a scan
    return suffix.lower() in _VIDEOS and any(stem + one in names for one in _PICTURES)


def read_sidecar(path: str | os.PathLike[str]) -> Sidecar:
    """Read the sidecar of a file, if it has one; one that is damaged or too large says nothing."""
    folder, name = _split(path)
    found = find_sidecar(name, _read_companions(folder))
    if found is None:
        return Sidecar()
    sidecar = _join(folder, found)
    try:
        status = os.stat(sidecar)  # noqa: PTH116 - a Path object would take longer than the rest
        if not stat.S_ISREG(status.st_mode):
            return Sidecar()
        with open_media(sidecar) as file:
            return Sidecar(parse_xmp(file.read(MAX_BYTES + 1)), status.st_mtime_ns)
    except MediaError:
        return Sidecar(NO_FACTS, status.st_mtime_ns)
    except OSError:
        return Sidecar()


def read_video_date(path: str | os.PathLike[str]) -> str | None:
    """Return when the video beside a picture was recorded: that of a Live Photo has the picture's name.

    Returns:
        Local time in ISO 8601, to the second; in UTC, where the video does not say its time zone. None if
        there is no such video, or no date in it.
    """
    folder, name = _split(path)
    companions = _read_companions(folder)
    stem = _drop_suffix(name.lower())
    for found in (companions[stem + suffix] for suffix in _VIDEOS if stem + suffix in companions):
        if (date := _find_video_date(_join(folder, found))) is not None:
            return date
    return None


def _find_video_date(video: str) -> str | None:
    from attune.embedding.audio_containers import open_audio_container

    try:
        open_media(video).close()  # FFmpeg would wait for a pipe
        with open_audio_container(video) as container:
            texts = [container.metadata.get(key) for key in _VIDEO_DATES]
    except (*DECODER_ERRORS, MediaError):
        return None
    dates = (parse_date_text(text) for text in texts if text)
    return next((date for date in dates if date is not None and date > _EPOCH), None)


def _read_companions(folder: str) -> Mapping[str, str]:
    """Return what `list_companions` does of a folder; listing it for each of its pictures would take long."""
    try:
        changed_ns = os.stat(folder).st_mtime_ns  # noqa: PTH116
        if time.time_ns() - changed_ns < _SETTLED_NS:
            return _list_folder.__wrapped__(folder, changed_ns)
        return _list_folder(folder, changed_ns)
    except OSError:
        return {}


@functools.lru_cache(maxsize=4)  # the pictures of a folder are read one after the other
def _list_folder(folder: str, changed_ns: int) -> Mapping[str, str]:  # noqa: ARG001 - part of the key
    return list_companions(os.listdir(folder))  # noqa: PTH208


def _split(path: str | os.PathLike[str]) -> tuple[str, str]:
    folder, name = os.path.split(os.fsdecode(path))
    return folder or os.curdir, name


def _join(folder: str, name: str) -> str:
    return os.path.join(folder, name)  # noqa: PTH118


def _drop_suffix(name: str) -> str:
    return os.path.splitext(name)[0]  # noqa: PTH122
