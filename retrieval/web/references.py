"""References of clients, to items of the library or to uploads, and their embeddings.

A reference is an id, never a path: clients cannot make the server open a file.
"""

from __future__ import annotations

import re
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import UnreachableMedia
from attune.core.reachability import find_missing
from attune.embedding.backbones import Backbones
from attune.indexer.records import EmbeddedItem, Item
from attune.retrieval.seeds import NoReference, QueryFile, QuerySource
from attune.retrieval.web.http_errors import ExpiredUpload, UnknownItem
from attune.retrieval.web.library_holder import LibrarySnapshot
from attune.retrieval.web.uploads import PREFIX, Upload, UploadStore

_ID = re.compile(r"[1-9][0-9]{0,17}")


class ReferenceResolver(QuerySource):
    """Query files by the references of clients.

    Args:
        snapshot: The generation to look items up in.
        uploads: The uploads of all clients.
    """

    def __init__(self, snapshot: LibrarySnapshot, uploads: UploadStore) -> None:
        super().__init__(snapshot.library, snapshot.network)
        self._snapshot = snapshot
        self._store = uploads
        self._uploads: dict[str, Upload] = {}

    @cached_property
    def backbones(self) -> Backbones:
        """The backbones of the generation, which all requests share."""
        return self._snapshot.backbones

    def source(self, reference: str) -> Item | Upload:
        """Return the item or the upload of a reference.

        Raises:
            NoReference: The text is not a reference.
            UnknownItem: The generation has no such item.
            ExpiredUpload: The upload is no longer stored.
        """
        return self.file(reference).item or self._uploads[reference]

    def _find_file(self, reference: str) -> QueryFile:
        if reference.startswith(PREFIX):
            upload = self._uploads[reference] = self._store.get(reference)
            return QueryFile(upload.name, upload.kind, None, on_disk=False)
        item = get_item(self._snapshot, reference)
        return QueryFile(item.path, item.kind, item, missing=bool(find_missing([item.path])))

    def _extract_features(self, reference: str, file: QueryFile) -> NDArray[np.float16]:
        if file.item is not None:
            raise UnreachableMedia(file.path, "its features are missing; build the index again")
        upload = self._uploads[reference]
        if upload.backbone != self._snapshot.network.backbones[upload.kind].id:
            raise ExpiredUpload("the library has another network since this upload; send the file again")
        return upload.features


def get_item(snapshot: LibrarySnapshot, reference: str) -> EmbeddedItem:
    """Return the library's item of a reference.

    Raises:
        NoReference: The text is not an id.
        UnknownItem: The generation has no such item.
    """
    if not _ID.fullmatch(reference):
        raise NoReference(f"{reference[:40]!r}: not the id of an item")
    item = snapshot.library.item(int(reference))
    if item is None:
        raise UnknownItem(f"the library has no item {reference} (any more)")
    return item
