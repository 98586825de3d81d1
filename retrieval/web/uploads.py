"""Files that a client sends: written down, read by a worker process, removed; their numbers stay a while."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import UsageError, escape_path
from attune.embedding.backbones import Backbone
from attune.embedding.decode_pool import ExtractionJob
from attune.embedding.decode_service import DecodeService
from attune.embedding.media_files import Kind, kind_of, refusal_reason
from attune.embedding.media_preview import ThumbnailTask, WaveformTask
from attune.retrieval.web.http_errors import ExpiredUpload
from attune.retrieval.web.server_config import UploadLimits

PREFIX: Final = "up-"
_SIDE: Final = 480
_MAX_NAME_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class Upload:
    """What is remembered of a file that was sent.

    Attributes:
        id: What it is asked for by; nobody guesses it.
        name: What its sender calls it.
        kind: image or music.
        features: As `Extracted.features`.
        backbone: Id of the backbone that made them.
        duration_s: Of music.
        width: Of a picture.
        height: Of a picture.
        title: From its tags, if any.
        artist: From its tags, if any.
        preview: A WebP thumbnail, or a song's outline.
    """

    id: str
    name: str
    kind: Kind
    features: NDArray[np.float16]
    backbone: str
    duration_s: float | None
    width: int | None
    height: int | None
    title: str | None
    artist: str | None
    preview: bytes


class UploadStore:
    """Takes files in and remembers what they feel like, for a bounded number and time.

    Args:
        limits: How much is taken and kept.
        readers: What decodes; a file that brings its process down costs nothing else.
    """

    def __init__(self, limits: UploadLimits, readers: DecodeService) -> None:
        self._limits = limits
        self._readers = readers
        self._folder = Path(tempfile.mkdtemp(prefix="attune-uploads-"))
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, tuple[float, Upload]] = OrderedDict()

    def take(self, name: str, content: BinaryIO, backbones: Mapping[Kind, Backbone]) -> Upload:
        """Read a file that a client sent. It is on disk only while a worker reads it.

        Args:
            name: What the client calls it; only its suffix counts.
            content: Its bytes.
            backbones: What makes its features.

        Raises:
            UsageError: By its name, it is nothing that Attune reads.
            MediaError: It cannot be used, or is larger than is taken.
        """
        display_name = escape_path(PurePath(name.replace("\\", "/")).name)[-_MAX_NAME_LENGTH:] or "file"
        kind = _require_kind(display_name)
        path = self._folder / (secrets.token_hex(8) + PurePath(display_name).suffix.lower())
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                shutil.copyfileobj(content, file)
            extracted = self._readers.read(ExtractionJob(path, kind, self._limits.decode_limits), backbones)
            preview_task = ThumbnailTask(path, _SIDE) if kind == "image" else WaveformTask(path)
            preview = self._readers.read(preview_task, backbones)
        finally:
            path.unlink(missing_ok=True)
        upload = Upload(
            PREFIX + secrets.token_urlsafe(12),
            display_name,
            kind,
            extracted.features,
            backbones[kind].id,
            extracted.duration_s,
            extracted.width,
            extracted.height,
            extracted.tags.title,
            extracted.tags.artist,
            preview,
        )
        self._remember(upload)
        return upload

    def get(self, reference: str) -> Upload:
        """Return what is remembered under a reference.

        Raises:
            Forgotten: Nothing, or nothing any more.
        """
        with self._lock:
            self._forget_old()
            if reference not in self._entries:
                raise ExpiredUpload(
                    "this upload was forgotten (they are kept for a short while); send it again"
                )
            _, upload = self._entries.pop(reference)
            self._entries[reference] = (time.monotonic(), upload)
            return upload

    def forget(self, reference: str) -> None:
        """Remember an upload no longer."""
        with self._lock:
            self._entries.pop(reference, None)

    def close(self) -> None:
        """Forget all and leave nothing on disk."""
        with self._lock:
            self._entries.clear()
        with contextlib.suppress(OSError):
            shutil.rmtree(self._folder)

    def _remember(self, upload: Upload) -> None:
        with self._lock:
            self._entries[upload.id] = (time.monotonic(), upload)
            self._forget_old()
            while len(self._entries) > self._limits.kept:
                self._entries.popitem(last=False)

    def _forget_old(self) -> None:
        oldest = time.monotonic() - self._limits.kept_s
        while self._entries and next(iter(self._entries.values()))[0] < oldest:
            self._entries.popitem(last=False)


def _require_kind(name: str) -> Kind:
    if (reason := refusal_reason(name)) is not None:
        raise UsageError(f"{name}: {reason}")
    kind = kind_of(name)
    if kind is None:
        raise UsageError(f"{name}: neither a picture nor music that Attune reads")
    return kind
