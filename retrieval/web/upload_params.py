"""Files of a request become references for as long as they are needed."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence

from fastapi import UploadFile

from attune.retrieval.web.http_errors import TooLarge
from attune.retrieval.web.service import Service
from attune.retrieval.web.uploads import Upload


async def receive_uploads(service: Service, files: Sequence[UploadFile]) -> list[Upload]:
    """Read the files of a request, one after the other; their numbers stay a while.

    Raises:
        TooLarge: There are too many.
        UsageError: One is nothing that Attune reads.
        MediaError: One cannot be used.
        Busy: Too many uploads are waiting.
    """
    most = service.config.uploads.files
    if len(files) > most:
        raise TooLarge(f"{len(files)} files: at most {most} are taken at a time")
    uploads: list[Upload] = []
    try:
        for file in files:
            uploads.append(await service.upload_pool.run(lambda f=file: _read_upload(service, f)))  # type: ignore[misc]
    except BaseException:
        for upload in uploads:
            service.uploads.forget(upload.id)
        raise
    return uploads


@contextlib.asynccontextmanager
async def temporary_uploads(service: Service, files: Sequence[UploadFile]) -> AsyncIterator[list[str]]:
    """Give the references of the files of a request, and forget them when it is answered."""
    uploads = await receive_uploads(service, files)
    try:
        yield [upload.id for upload in uploads]
    finally:
        for upload in uploads:
            service.uploads.forget(upload.id)


def _read_upload(service: Service, file: UploadFile) -> Upload:
    with service.library_holder.use() as snapshot:
        return service.uploads.take(file.filename or "", file.file, snapshot.network.backbones)
