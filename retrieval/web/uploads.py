"""Uploaded files: a worker process analyses each one, and the analysis is kept for further queries.

The file itself is removed as soon as it has been analysed.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import BinaryIO, Final

import numpy as np
from cachetools import TTLCache
from fastapi import UploadFile
from numpy.typing import NDArray

from attune.core.errors import UsageError, escape_path
from attune.embedding.backbones import Backbone
from attune.embedding.decode_pool import DecodeService, ExtractionJob
from attune.embedding.media_files import Kind, kind_of, refusal_reason
from attune.embedding.media_preview import ThumbnailTask, WaveformTask
from attune.retrieval.web.http_errors import ExpiredUpload, TooLarge
from attune.retrieval.web.library_holder import LibraryHolder
from attune.retrieval.web.server_config import UploadLimits
from attune.retrieval.web.thread_pool import ThreadPool

logger = logging.getLogger(__name__)

PREFIX: Final = "up-"
_SIDE: Final = 480
_MAX_NAME_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class Upload:
    """The analysis of an uploaded file.

    Attributes:
        id: Reference for queries; random, so that other clients cannot guess it.
        name: The file's name on the client.
        kind: image or music.
        features: The backbone's features, as in `FileFeatures.features`.
        backbone: Id of the backbone that computed the features.
        duration_s: Length of a song in seconds; None for a picture.
        width: Width of a picture in pixels; None for a song.
        height: Height of a picture in pixels; None for a song.
        title: Title from the file's tags, if any.
        artist: Artist from the file's tags, if any.
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
    """Analyses uploaded files and keeps a limited number of analyses for a limited time.

    Args:
        limits: How much is accepted and kept.
        readers: The worker processes that decode files; a file that crashes one does no other harm.
    """

    def __init__(self, limits: UploadLimits, readers: DecodeService) -> None:
        self._limits = limits
        self._readers = readers
        self._folder = Path(tempfile.mkdtemp(prefix="attune-uploads-"))
        self._lock = threading.Lock()
        self._entries: TTLCache[str, Upload] = TTLCache(limits.kept, limits.kept_s)

    def take(self, name: str, content: BinaryIO, backbones: Mapping[Kind, Backbone]) -> Upload:
        """Analyse an uploaded file, which is on disk only while a worker reads it.

        Args:
            name: The file's name on the client; only its suffix matters.
            content: The file's bytes.
            backbones: The backbone of each kind, for the features.

        Raises:
            UsageError: The name's suffix is not one that Attune reads.
            MediaError: The file cannot be decoded, or exceeds the decoding limits.
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
            extracted.facts.duration_s,
            extracted.facts.width,
            extracted.facts.height,
            extracted.facts.title,
            extracted.facts.artist,
            preview,
        )
        with self._lock:
            self._entries[upload.id] = upload
        return upload

    def get(self, reference: str) -> Upload:
        """Return the upload with an id, and keep it for another while.

        Raises:
            ExpiredUpload: No upload of that id is stored, or no longer.
        """
        with self._lock:
            upload = self._entries.get(reference)
            if upload is None:
                raise ExpiredUpload(
                    "this upload has expired (uploads are kept for a short while); send it again"
                )
            self._entries[reference] = upload  # its time begins again
            return upload

    def forget(self, reference: str) -> None:
        """Remove an upload, if it is still stored."""
        with self._lock:
            self._entries.pop(reference, None)

    def close(self) -> None:
        """Remove all uploads and the temporary folder."""
        with self._lock:
            self._entries.clear()
        try:
            shutil.rmtree(self._folder)
        except OSError as error:
            logger.warning("%s: cannot be removed: %s", escape_path(self._folder), error)


class UploadReceiver:
    """Analyses the files of a request, one after the other.

    Args:
        store: Keeps the analyses.
        library_holder: Provides the network whose backbones compute the features.
        pool: Threads that wait for the worker processes.
        max_files: Maximum number of files per request.
    """

    def __init__(
        self, store: UploadStore, library_holder: LibraryHolder, pool: ThreadPool, max_files: int
    ) -> None:
        self._store = store
        self._library_holder = library_holder
        self._pool = pool
        self._max_files = max_files

    async def receive(self, files: Sequence[UploadFile]) -> list[Upload]:
        """Analyse the files of a request; the store keeps the analyses for a while.

        Raises:
            TooLarge: There are too many files.
            UsageError: The name's suffix of a file is not one that Attune reads.
            MediaError: A file cannot be decoded, or exceeds the decoding limits.
            LibraryError: There is no library yet.
            Busy: Too many uploads are waiting.
        """
        if len(files) > self._max_files:
            raise TooLarge(f"{len(files)} files: a request may have at most {self._max_files}")
        uploads: list[Upload] = []
        try:
            for file in files:
                uploads.append(await self._pool.run(functools.partial(self._take, file)))
        except BaseException:
            self._forget(uploads)
            raise
        return uploads

    @contextlib.asynccontextmanager
    async def receive_temporarily(self, files: Sequence[UploadFile]) -> AsyncIterator[list[str]]:
        """Analyse the files of a request and yield their ids, which expire when the block ends."""
        uploads = await self.receive(files)
        try:
            yield [upload.id for upload in uploads]
        finally:
            self._forget(uploads)

    def _take(self, file: UploadFile) -> Upload:
        with self._library_holder.use() as snapshot:
            return self._store.take(file.filename or "", file.file, snapshot.network.backbones)

    def _forget(self, uploads: Sequence[Upload]) -> None:
        for upload in uploads:
            self._store.forget(upload.id)


def _require_kind(name: str) -> Kind:
    if (reason := refusal_reason(name)) is not None:
        raise UsageError(f"{name}: {reason}")
    kind = kind_of(name)
    if kind is None:
        raise UsageError(f"{name}: neither a picture nor music that Attune reads")
    return kind
